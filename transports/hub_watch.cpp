// The watching half of HubLink: what its thread does, and what is heard from the hub.
#include "lib/error.h"
#include "transports/beat.h"
#include "transports/hub_link.h"

#include <algorithm>

namespace ringfold {

using std::chrono::steady_clock;

void HubLink::run() {
  Lock lock(mutex_);
  auto next_beat = steady_clock::now();
  while (!quit_) {
    const auto now = steady_clock::now();
    if (now >= next_beat) {
      beat(now);
      has_waited_ = false;
      next_beat = now + kBeat;
    }
    judge_hub(now);
    report_loss(lock);
    if (quit_) return;
    if (has_waited_ || reading_ || hub_closed_) {
      timer_.wait_until(lock, next_beat);
    } else {
      read(lock, next_beat);
    }
  }
  report_loss(lock);
}

/// If there is one; returns once it has been reported, by whichever thread.
void HubLink::report_loss(Lock& lock) {
  if (lost_ && report_) {
    const auto report = std::exchange(report_, {});
    const Error lost = *lost_;
    is_reporting_ = true;
    lock.unlock();
    report(lost);
    lock.lock();
    is_reporting_ = false;
    came_.notify_all();
  }
  while (is_reporting_) came_.wait(lock);
}

/// Silence, the rank's and the hub's, is added up in small steps: if this process was stopped, that was nobody's.
void HubLink::beat(Time now) {
  const auto step = std::min<Time::duration>(now - beat_at_, 2 * kBeat);
  beat_at_ = now;
  hub_silent_ = heard_ ? Time::duration::zero() : hub_silent_ + step;
  heard_ = false;
  const uint64_t signs = signs_.load(std::memory_order_relaxed);
  bool in_meeting = end_.released < end_.entered;
  Beat beat;
  for (const auto& [id, session] : sessions_) {
    in_meeting = in_meeting || session.released < session.entered;
    for (const Wanted& wanted : session.wants) beat.wants.emplace_back(id, wanted);
  }
  silent_ = signs != seen_signs_ || in_meeting ? Time::duration::zero() : silent_ + step;
  seen_signs_ = signs;
  if (socket_.has_unsent()) return socket_.flush();
  beat.silent = std::chrono::duration_cast<std::chrono::milliseconds>(silent_);
  beat.operation = operation_.load(std::memory_order_relaxed);
  beat.name = name_.load(std::memory_order_relaxed);
  out_ = {Says::beat, {}, rank_, 0, 0, 0, std::move(out_.text)};
  write_beat(beat, out_.text);
  socket_.send(out_);
}

void HubLink::judge_hub(Time now) {
  if (lost_ || hub_ended_) return;
  bool waits = end_.released < end_.entered;
  auto deadline = waits ? end_.deadlines.life : std::chrono::milliseconds::max();
  for (const auto& [id, session] : sessions_) {
    if (session.released == session.entered && session.wants.empty()) continue;
    waits = true;
    deadline = std::min(deadline, session.deadlines.life);
  }
  if (hub_closed_) {
    // A moment for this rank to say what it waits for.
    if (!waits && now - closed_at_ < kGrace) return;
    lose({ExitCode::peer_lost, fmt::format("{} has died: its connection has closed; {}", name_of(0), own_waits())});
  } else if (waits && hub_silent_ > std::max<Time::duration>(deadline, kCutOff)) {
    const auto silent = std::chrono::duration_cast<std::chrono::milliseconds>(hub_silent_).count();
    lose({ExitCode::deadline,
          fmt::format("{} gives no sign of life (stopped, or its host cut off) for {} ms (deadline {} ms); {}",
                      name_of(0), silent, deadline.count(), own_waits())});
  }
}

void HubLink::lose(const Error& error) {
  lost_ = error;
  for (auto& [id, session] : sessions_) session.over = true;
  came_.notify_all();
  timer_.notify_all();
}

std::string HubLink::own_waits() const {
  for (const auto& [id, session] : sessions_) {
    if (session.released < session.entered)
      return describe_wait(rank_, {0, ringfold::name_of(session.meeting), -1, 0, 0});
    if (!session.wants.empty()) return describe_wait(rank_, session.wants.front());
  }
  if (end_.released < end_.entered) return describe_wait(rank_, {0, ringfold::name_of(Meeting::end), -1, 0, 0});
  const int operation = operation_.load(std::memory_order_relaxed);
  if (operation < 0) return fmt::format("rank {} is outside a program", rank_);
  return fmt::format("rank {} is in operation {} ({})", rank_, operation, name_.load(std::memory_order_relaxed));
}

void HubLink::hear(const Frame& frame) {
  heard_ = true;
  const auto found = sessions_.find(frame.session);
  Session* session = frame.session == 0 ? &end_ : found == sessions_.end() ? nullptr : &found->second;
  switch (frame.says) {
    case Says::part:
      if (session == nullptr || frame.rank < 0 || frame.rank >= size()) return;
      session->parts.resize(names_.size());
      session->parts[static_cast<size_t>(frame.rank)] = frame.text;
      return;
    case Says::released:
      if (session == nullptr) return;
      session->text = frame.text;
      session->released = std::max(session->released, frame.number);
      return;
    case Says::failed:
      if (session == nullptr) return;
      session->failure = Error(static_cast<ExitCode>(frame.code), frame.text);
      session->failed_rank = frame.rank;
      session->over = true;
      return;
    case Says::lost:
      if (!lost_) lose({static_cast<ExitCode>(frame.code), frame.text});
      return;
    case Says::end:
      hub_ended_ = true;
      for (auto& [id, each] : sessions_) each.over = true;
      return;
    case Says::hello:
    case Says::welcome:
    case Says::beat:
    case Says::open:
    case Says::meet:
    case Says::fail:
    case Says::leave:
    case Says::bye:
    case Says::hub_beat: return;
  }
}

}  // namespace ringfold
