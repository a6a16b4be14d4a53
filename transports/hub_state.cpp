#include "transports/hub_state.h"

#include "lib/error.h"

#include <algorithm>
#include <utility>

namespace ringfold {

HubState::HubState(std::vector<std::string> names, Say say)
    : names_(std::move(names)),
      say_(std::move(say)),
      members_(names_.size()),
      liveness_(static_cast<int>(names_.size()), std::chrono::seconds(10),
                [this](int rank) { return names_[static_cast<size_t>(rank)]; }),
      wanted_by_([this](int rank) { return wanted_by(rank); }) {
  for (int rank = 0; rank < size(); ++rank) liveness_.arrive(rank);
}

HubState::Session& HubState::session(uint64_t id) {
  const auto [found, is_new] = sessions_.try_emplace(id);
  Session& session = found->second;
  if (is_new) {
    session.seats.resize(names_.size());
    for (int rank = 0; rank < size(); ++rank) {
      if (member(rank).here == Here::left) leave(rank, session);
    }
  }
  return session;
}

void HubState::hear(int rank, Frame& frame) {
  switch (frame.says) {
    case Says::beat: return hear_beat(rank, frame);
    case Says::open: {
      Session& opened = session(frame.session);
      opened.deadlines.extend_to(
          {std::chrono::milliseconds(static_cast<int64_t>(frame.number)), std::chrono::milliseconds(frame.code)});
      if (opened.over) say_(rank, opened.failed);
      return;
    }
    case Says::meet: return meet(rank, frame);
    case Says::fail:
      return fail(frame.session, session(frame.session), rank, static_cast<ExitCode>(frame.code), frame.text);
    case Says::leave: leave(rank, session(frame.session)); return drop_empty_sessions();
    case Says::bye:
      member(rank).here = Here::left;
      member(rank).left_at = now_;
      for (auto& [id, each] : sessions_) {
        leave(rank, each);
        if (each.arrived > 0 && is_complete(each)) release(id, each);
      }
      return drop_empty_sessions();
    case Says::hello: return;  // said before
    case Says::welcome:
    case Says::hub_beat:
    case Says::part:
    case Says::released:
    case Says::failed:
    case Says::lost:
    case Says::end: return;  // the hub's own words
  }
}

void HubState::hear_beat(int rank, const Frame& frame) {
  const Beat beat = read_beat(frame.text, words_);
  member(rank).beat_at = now_;
  member(rank).silence = beat.silent;
  liveness_.enter(rank, beat.operation, beat.name.data());
  for (auto& [id, each] : sessions_) seat(each, rank).wants.clear();
  for (const auto& [id, wanted] : beat.wants) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end() || wanted.peer < 0 || wanted.peer >= size()) continue;
    seat(found->second, rank).wants.push_back(wanted);
  }
}

void HubState::meet(int rank, Frame& frame) {
  Session& at = session(frame.session);
  if (at.over) return;  // the rank has been told
  Seat& mine = seat(at, rank);
  member(rank).met_at = now_;
  member(rank).silence = {};
  if (at.arrived > 0 && (at.meeting != frame.meeting || at.number != frame.number || mine.in_meeting)) {
    return fail(frame.session, at, rank, ExitCode::internal,
                fmt::format("rank {} is in {} (collective {} of its session), others in {} (collective {})", rank,
                            name_of(frame.meeting), frame.number, name_of(at.meeting), at.number));
  }
  at.meeting = frame.meeting;
  at.number = frame.number;
  mine.in_meeting = true;
  std::swap(mine.mine, frame.text);
  ++at.arrived;
  if (is_complete(at)) release(frame.session, at);
}

bool HubState::is_complete(const Session& session) const {
  if (session.arrived == size()) return true;
  if (session.meeting != Meeting::end) return false;
  // The end is for those that are still there; in a lost world only rank 0's matters.
  if (lost_) return session.seats[0].in_meeting;
  for (size_t rank = 0; rank < session.seats.size(); ++rank) {
    if (members_[rank].here == Here::yes && !session.seats[rank].in_meeting) return false;
  }
  return true;
}

void HubState::release(uint64_t id, Session& session) {
  Frame frame{Says::released, session.meeting, 0, 0, id, session.number, {}};
  if (session.meeting == Meeting::gather) {
    for (int rank = 1; rank < size(); ++rank) {
      say_(0, {Says::part, session.meeting, rank, 0, id, session.number, std::move(seat(session, rank).mine)});
    }
  } else if (session.meeting != Meeting::barrier) {
    frame.text = std::move(seat(session, 0).mine);
  }
  session.arrived = 0;
  for (int rank = 0; rank < size(); ++rank) {
    seat(session, rank).in_meeting = false;
    seat(session, rank).mine.clear();
    member(rank).silence = {};
  }
  say_to_all(frame);
}

void HubState::leave(int rank, Session& session) {
  Seat& leaving = seat(session, rank);
  if (leaving.left) return;
  leaving.left = true;
  leaving.left_at = now_;
  leaving.wants.clear();
}

void HubState::drop_empty_sessions() {
  std::erase_if(sessions_, [](const auto& each) {
    return std::all_of(each.second.seats.begin(), each.second.seats.end(), [](const Seat& seat) { return seat.left; });
  });
}

void HubState::fail(uint64_t id, Session& session, int rank, ExitCode code, const std::string& text) {
  if (session.over) return;
  session.over = true;
  session.failed = {Says::failed, session.meeting, rank, static_cast<int>(code), id, 0, text};
  for (int each = 0; each < size(); ++each) {
    seat(session, each).in_meeting = false;
    member(each).silence = {};
  }
  say_to_all(session.failed);
}

void HubState::lose(int rank, ExitCode code, const std::string& text) {
  lost_ = true;
  say_to_all({Says::lost, Meeting::barrier, rank, static_cast<int>(code), 0, 0, text});
  for (auto& [id, each] : sessions_) {
    if (each.arrived > 0 && each.meeting == Meeting::end && is_complete(each)) release(id, each);
  }
}

void HubState::say_to_all(const Frame& frame) {
  for (int rank = 0; rank < size(); ++rank) {
    if (member(rank).here == Here::yes) say_(rank, frame);
  }
}

std::vector<Wanted> HubState::wanted_by(int rank) const {
  std::vector<Wanted> list;
  for (const auto& [id, session] : sessions_) {
    if (session.over) continue;
    const Seat& mine = session.seats[static_cast<size_t>(rank)];
    for (int peer = 0; mine.in_meeting && peer < size(); ++peer) {
      const Seat& other = session.seats[static_cast<size_t>(peer)];
      if (!other.in_meeting) list.push_back({peer, name_of(session.meeting), -1, 0, 0});
    }
    list.insert(list.end(), mine.wants.begin(), mine.wants.end());
  }
  return list;
}

}  // namespace ringfold
