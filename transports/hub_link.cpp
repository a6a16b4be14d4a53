#include "transports/hub_link.h"

#include "lib/drill.h"
#include "lib/stop.h"
#include "transports/beat.h"

#include <algorithm>
#include <limits>
#include <poll.h>
#include <utility>

namespace ringfold {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// How long a rank waits between two looks at stop requests.
constexpr milliseconds kSlice{20};
/// How long the ranks of a lost world wait for rank 0 to write what it has.
constexpr milliseconds kLostEnd{2000};
/// Those whose rank 0 has died cannot meet at the end: by then each has found out and reported.
constexpr milliseconds kWithoutHub = 2 * kGrace;
constexpr int kGoodbyeMs = 500;

}  // namespace

HubLink::HubLink(int rank, std::vector<std::string> names, FrameSocket to_hub)
    : rank_(rank),
      names_(std::move(names)),
      socket_(std::move(to_hub)),
      beat_at_(steady_clock::now()),
      wake_(make_wake()) {
  end_.deadlines = std::chrono::milliseconds(10000);
  thread_ = quiet_thread([this] { run(); });
}

HubLink::~HubLink() {
  {
    const Lock lock(mutex_);
    quit_ = true;
  }
  wake(wake_);
  timer_.notify_all();
  thread_.join();
  send(Says::bye, end_, 0, 0, {});
  socket_.finish(kGoodbyeMs);
}

void HubLink::send(Says says, const Session& session, uint64_t number, int code, std::string_view text) {
  out_.says = says;
  out_.meeting = session.meeting;
  out_.rank = rank_;
  out_.code = code;
  out_.session = session.id;
  out_.number = number;
  out_.text.assign(text);
  socket_.send(out_);
}

void HubLink::send_open(const Session& session) {
  const auto life = std::min<int64_t>(session.deadlines.life.count(), std::numeric_limits<int>::max());
  send(Says::open, session, static_cast<uint64_t>(session.deadlines.progress.count()), static_cast<int>(life), {});
}

HubLink::Session& HubLink::open(const Deadlines& deadlines) {
  const Lock lock(mutex_);
  tick();
  const uint64_t id = ++opened_;
  Session& session = sessions_[id];
  session.id = id;
  session.deadlines = deadlines;
  session.over = lost_ || hub_ended_;
  end_.deadlines.extend_to(deadlines);
  send_open(session);
  return session;
}

void HubLink::close(Session& session) noexcept {
  const Lock lock(mutex_);
  tick();
  send(Says::leave, session, 0, 0, {});
  sessions_.erase(session.id);
}

void HubLink::meet(Session& session, Meeting meeting, const std::string& mine) {
  RINGFOLD_INVARIANT(static_cast<int64_t>(mine.size()) <= kMostFrameBytes, "{} bytes in one {}, which takes {}",
                     mine.size(), ringfold::name_of(meeting), kMostFrameBytes);
  Lock lock(mutex_);
  throw_if_over(session);
  tick();
  session.parts.clear();
  session.meeting = meeting;
  send(Says::meet, session, ++session.entered, 0, mine);
  try {
    while (session.released < session.entered) {
      throw_if_over(session);
      wait_briefly(lock);
    }
  } catch (...) {
    session.released = session.entered;
    throw;
  }
  tick();
}

void HubLink::fail(Session& session, const Error& error) noexcept {
  const Lock lock(mutex_);
  if (session.failure) return;
  session.failure = error;
  session.failed_rank = rank_;
  session.over = true;
  const std::string_view text = error.what();
  send(Says::fail, session, 0, static_cast<int>(error.code()), text.substr(0, static_cast<size_t>(kMostFrameBytes)));
}

void HubLink::set_waits(Session& session, std::span<const Wanted> wants) {
  const Lock lock(mutex_);
  session.wants.assign(wants.begin(), wants.end());
  tick();
}

void HubLink::check(Session& session) {
  if (!session.over.load(std::memory_order_relaxed) && !stop_requested()) return;
  const Lock lock(mutex_);
  throw_if_over(session);
}

std::optional<Error> HubLink::first_error(Session& session) {
  const Lock lock(mutex_);
  if (lost_) return lost_;
  return session.failed_rank == rank_ ? std::nullopt : session.failure;
}

void HubLink::enter(int operation, const char* name) {
  drill(rank_, name);
  operation_.store(operation, std::memory_order_relaxed);
  name_.store(name, std::memory_order_relaxed);
  tick();
}

void HubLink::on_lost(std::function<void(const Error&)> report) {
  const Lock lock(mutex_);
  report_ = std::move(report);
  timer_.notify_all();
}

std::optional<Error> HubLink::lost_within(milliseconds time) {
  const auto end = steady_clock::now() + time;
  Lock lock(mutex_);
  while (!lost_ && !hub_ended_ && steady_clock::now() < end) wait_briefly(lock);
  return lost_;
}

std::optional<int> HubLink::leave(int exit_code) {
  Lock lock(mutex_);
  // First what is to be reported: a launcher may end all ranks as soon as some have ended.
  report_loss(lock);
  end_.meeting = Meeting::end;
  if (end_.entered == 0) {
    send_open(end_);
    send(Says::meet, end_, ++end_.entered, 0, std::to_string(exit_code));
  }
  tick();
  std::optional<steady_clock::time_point> patience;
  while (end_.released == 0 && !end_.failure && !hub_ended_) {
    const auto now = steady_clock::now();
    if (!patience && (lost_ || stop_requested())) patience = now + kLostEnd;
    if (patience && now > *patience) break;
    if (lost_ && hub_closed_ && now > closed_at_ + kWithoutHub) break;
    wait_briefly(lock);
  }
  report_loss(lock);
  report_ = {};  // the caller is gone from here on
  if (end_.released == 0 || end_.text.empty()) return std::nullopt;
  return std::stoi(end_.text);
}

void HubLink::throw_if_over(Session& session) {
  if (lost_) throw *lost_;
  if (session.failure && session.failed_rank == rank_) throw *session.failure;
  RINGFOLD_CHECK(!session.failure, session.failure->code(), "freed, since rank {} failed: {}", session.failed_rank,
                 session.failure->what());
  RINGFOLD_CHECK(!hub_ended_, ExitCode::peer_lost, "{} has left; {}", name_of(0), own_waits());
  RINGFOLD_CHECK(!stop_requested(), ExitCode::interrupted, "interrupted");
}

void HubLink::wait_briefly(Lock& lock) {
  has_waited_ = true;
  if (reading_ || hub_closed_) {
    came_.wait_for(lock, kSlice);
  } else {
    read(lock, steady_clock::now() + kSlice);
  }
  judge_hub(steady_clock::now());
}

/// One thread at a time; whoever else waits is told.
void HubLink::read(Lock& lock, Time until) {
  const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
  const short events = socket_.has_unsent() ? POLLIN | POLLOUT : POLLIN;
  pollfd ready[2] = {{socket_.fd(), events, 0}, {wake_.fd(), POLLIN, 0}};
  reading_ = true;
  lock.unlock();
  poll(ready, 2, static_cast<int>(std::max<int64_t>(left.count(), 0)));
  lock.lock();
  reading_ = false;
  socket_.flush();
  if (!socket_.receive() && !hub_closed_) {
    hub_closed_ = true;
    closed_at_ = steady_clock::now();
  }
  while (socket_.next(in_)) hear(in_);
  came_.notify_all();
}

}  // namespace ringfold
