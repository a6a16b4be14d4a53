#pragma once

#include "transports/frames.h"
#include "transports/hub_state.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace ringfold {

/// The middle of a world: one connection a rank, served by a thread of its own, in rank 0's process.
class Hub {
 public:
  /// `ranks[r]` is the connection to rank r, which `names[r]` names.
  Hub(std::vector<FrameSocket> ranks, std::vector<std::string> names);
  /// Tells the ranks that are still there that this is the end.
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

 private:
  struct Connection {
    FrameSocket socket;
    bool open = true;
  };

  void run();
  void serve(int rank);
  void wait(std::chrono::milliseconds most);
  void end();

  std::vector<Connection> ranks_;
  HubState state_;
  Socket wake_;
  std::atomic<bool> quit_{false};
  std::thread thread_;
};

/// Starts a thread that handles no signals: those are for the threads that know what to do.
std::thread quiet_thread(std::function<void()> run);
/// A file descriptor that wakes whoever polls it, once written to by wake().
Socket make_wake();
void wake(const Socket& wake);

}  // namespace ringfold
