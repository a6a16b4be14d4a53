// The judging half of HubState.
#include "lib/error.h"
#include "transports/hub_state.h"

#include <algorithm>
#include <utility>

namespace ringfold {

void HubState::closed(int rank) {
  if (member(rank).here != Here::yes) return;
  member(rank).here = Here::dead;
  if (dead_.empty()) died_at_ = now_;
  dead_.push_back(rank);
}

void HubState::look(Duration step) {
  now_ += step;
  if (lost_) return;
  note_silence();
  if (!dead_.empty()) return judge_dead();
  for (auto& [id, session] : sessions_) {
    if (!session.over) judge_left(id, session);
  }
  // First all verdicts, since ranks of several sessions may wait for each other.
  std::vector<std::pair<uint64_t, Liveness::Verdict>> verdicts;
  for (auto& [id, session] : sessions_) {
    if (auto verdict = session.over ? std::nullopt : judge(session)) verdicts.emplace_back(id, std::move(*verdict));
  }
  for (const auto& [id, verdict] : verdicts) {
    const ExitCode code = verdict.error.code();
    if (verdict.rank >= 0 && code == ExitCode::deadline) return lose(verdict.rank, code, verdict.error.what());
    fail(id, session(id), std::max(verdict.rank, 0), code, verdict.error.what());
  }
}

/// A rank in a meeting is silent since it came; one without beats since the last one, whatever it said then; the others
/// know best themselves. But while nobody waits silence is nobody's fault, and a beat from that time says nothing of
/// what a rank does once it is waited for.
void HubState::note_silence() {
  const bool is_idle = std::ranges::none_of(sessions_, [](const auto& each) {
    return !each.second.over && std::ranges::any_of(each.second.seats, &Seat::is_waiting);
  });
  if (is_idle) idle_at_ = now_;
  for (int rank = 0; rank < size(); ++rank) {
    const Member& each = member(rank);
    if (each.here == Here::left && now_ - each.left_at >= kGrace) liveness_.leave(rank);
    Waits waits = Waits::no;
    for (auto& [id, session] : sessions_) {
      if (session.over) continue;
      if (seat(session, rank).in_meeting) waits = Waits::meeting;
      if (waits == Waits::no && !seat(session, rank).wants.empty()) waits = Waits::exchange;
    }
    liveness_.set_waits(rank, waits);
    const Duration unheard = now_ - each.beat_at;
    const bool cut_off = unheard > kCutOff;
    const Duration silence = waits == Waits::meeting ? now_ - each.met_at : each.silence;
    liveness_.set_silence(rank, std::min(cut_off ? unheard : silence, now_ - idle_at_), cut_off);
  }
}

void HubState::judge_dead() {
  bool all_wait = true;
  for (int rank = 0; rank < size(); ++rank) {
    if (member(rank).here == Here::yes && liveness_.waits(rank) == Waits::no) all_wait = false;
  }
  if (!all_wait && now_ - died_at_ < kGrace) return;
  const int first = dead_.front();
  std::string text = fmt::format("{} has died, last heard of {}: its connection has closed",
                                 names_[static_cast<size_t>(first)], liveness_.doing(first));
  for (const int rank : dead_) {
    liveness_.leave(rank);  // and is no survivor
    if (rank != first) text += fmt::format("; {} has died too", names_[static_cast<size_t>(rank)]);
  }
  const std::string survivors = liveness_.everybody(first, wanted_by_);
  lose(first, ExitCode::peer_lost, survivors.empty() ? text : fmt::format("{}; {}", text, survivors));
}

/// A rank may leave while its last bytes are still on their way to a rank that waits for them.
void HubState::judge_left(uint64_t id, Session& session) {
  for (const Seat& waiting : session.seats) {
    if (!waiting.is_waiting()) continue;
    for (int peer = 0; peer < size(); ++peer) {
      const Seat& other = seat(session, peer);
      if (!other.left || now_ - other.left_at < kGrace) continue;
      const bool is_wanted = waiting.in_meeting || std::any_of(waiting.wants.begin(), waiting.wants.end(),
                                                               [&](const Wanted& each) { return each.peer == peer; });
      if (is_wanted && session.meeting != Meeting::end) {
        return fail(
            id, session, peer, ExitCode::peer_lost,
            fmt::format("{} has left; {}", names_[static_cast<size_t>(peer)], liveness_.everybody(peer, wanted_by_)));
      }
    }
  }
}

std::optional<Liveness::Verdict> HubState::judge(Session& session) {
  for (int rank = 0; rank < size(); ++rank) {
    if (!seat(session, rank).is_waiting()) continue;
    if (auto verdict = liveness_.judge(rank, wanted_by_, session.deadlines)) return verdict;
  }
  return std::nullopt;
}

}  // namespace ringfold
