#pragma once

#include "lib/control.h"
#include "lib/world.h"
#include "transports/frames.h"
#include "transports/hub.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ringfold {

/// One rank's connection to the hub, and the thread that keeps it alive: sends the rank's beats, hears of the end of a
/// session or of the world while the rank computes, and judges the hub's own silence. A rank that waits reads the
/// socket itself, so that a collective costs it one wake-up.
class HubLink {
 public:
  /// This rank's part in a session. Guarded by the link, but for `over`.
  struct Session {
    uint64_t id = 0;
    Deadlines deadlines{std::chrono::milliseconds(0)};
    std::atomic<bool> over{false};  ///< there is something to throw
    uint64_t entered = 0;           ///< collectives
    uint64_t released = 0;
    Meeting meeting = Meeting::barrier;  ///< waited for while released < entered
    std::vector<std::string> parts;
    std::string text;
    std::vector<Wanted> wants;
    std::optional<Error> failure;
    int failed_rank = -1;
  };

  HubLink(int rank, std::vector<std::string> names, FrameSocket to_hub);
  ~HubLink();
  HubLink(const HubLink&) = delete;
  HubLink& operator=(const HubLink&) = delete;

  int rank() const { return rank_; }
  int size() const { return static_cast<int>(names_.size()); }
  const std::string& name_of(int rank) const { return names_[static_cast<size_t>(rank)]; }

  Session& open(const Deadlines& deadlines);
  void close(Session& session) noexcept;
  /// Waits until all ranks are there; what rank 0 said, or on rank 0 what all said, is then in the session.
  void meet(Session& session, Meeting meeting, const std::string& mine);
  void fail(Session& session, const Error& error) noexcept;
  void set_waits(Session& session, std::span<const Wanted> wants);
  void check(Session& session);
  std::optional<Error> first_error(Session& session);
  void tick() { signs_.fetch_add(1, std::memory_order_relaxed); }
  void enter(int operation, const char* name);

  void on_lost(std::function<void(const Error&)> report);
  std::optional<Error> lost_within(std::chrono::milliseconds time);
  std::optional<int> leave(int exit_code);

 private:
  using Lock = std::unique_lock<std::mutex>;
  using Time = std::chrono::steady_clock::time_point;

  void run();
  void send_open(const Session& session);
  void wait_briefly(Lock& lock);
  void read(Lock& lock, Time until);
  void hear(const Frame& frame);
  void send(Says says, const Session& session, uint64_t number, int code, std::string_view text);
  void beat(Time now);
  void judge_hub(Time now);
  void lose(const Error& error);
  void report_loss(Lock& lock);
  void throw_if_over(Session& session);
  std::string own_waits() const;

  const int rank_;
  const std::vector<std::string> names_;
  std::atomic<uint64_t> signs_{0};
  std::atomic<int> operation_{-1};
  std::atomic<const char*> name_{""};

  std::mutex mutex_;
  FrameSocket socket_;
  std::condition_variable came_;   ///< something was read
  std::condition_variable timer_;  ///< the link's thread, when it does not read
  bool reading_ = false;
  bool has_waited_ = false;  ///< since the last beat: the rank reads for itself
  bool quit_ = false;
  uint64_t opened_ = 0;
  std::map<uint64_t, Session> sessions_;
  Session end_;
  std::optional<Error> lost_;
  bool hub_ended_ = false;   ///< with a goodbye
  bool hub_closed_ = false;  ///< without one, unless hub_ended_
  Time closed_at_;
  std::function<void(const Error&)> report_;
  bool is_reporting_ = false;

  Time beat_at_;
  uint64_t seen_signs_ = 0;
  Time::duration silent_{};
  bool heard_ = false;
  Time::duration hub_silent_{};
  Frame out_;
  Frame in_;
  Socket wake_;
  std::thread thread_;
};

}  // namespace ringfold
