#pragma once

#include "lib/control.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace ringfold {

/// An error that rank 0 knows of too, and tells whoever started the program.
class SharedError final : public Error {
 public:
  using Error::Error;
};

/// For how long the ranks of a session wait for one that does not come.
struct Deadlines {
  std::chrono::milliseconds progress;  ///< one that lives and does not get on
  std::chrono::milliseconds life;      ///< one without signs of life: its process is stopped, or its host cut off

  Deadlines(std::chrono::milliseconds both) : Deadlines(both, both) {}  // NOLINT: one deadline is both
  Deadlines(std::chrono::milliseconds of_progress, std::chrono::milliseconds of_life)
      : progress(of_progress), life(of_life) {}
  void extend_to(const Deadlines& others);
};

/// One rank's view of the ranks that run together, and the connection between them. Ranks that are processes have one
/// each for as long as the program runs. A rank that dies, or that stops answering, ends the world: every session's
/// controls throw Error(peer_lost | deadline) then, naming it.
class World {
 public:
  virtual ~World() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// For messages: "rank 2 (host node7, pid 4711)"; threads are told apart by their rank alone.
  virtual std::string name_of(int rank) const = 0;
  /// The host that the rank runs on; "" for ranks that are threads of one process.
  virtual std::string host_of(int rank) const = 0;
  /// This rank's number among the ranks on its host, and how many they are.
  int local_rank() const;
  int local_size() const;
  /// The control of one session, such as a case; all ranks open the same sessions in the same order; the longest of
  /// their deadlines hold. An abort in one session frees the ranks of that session and leaves the others as they are.
  /// Must not outlive the world.
  virtual std::unique_ptr<Control> open(const Deadlines& deadlines) = 0;
  /// Called once if the world is lost: soon, from a thread of the world's own or in leave(), whatever this rank is busy
  /// with. For a report that must be out before a launcher ends this process too. Must not throw. Not called any more
  /// once leave() has returned or this object is destroyed.
  virtual void on_lost(std::function<void(const Error&)> report) = 0;
  /// Why the world is lost, if it is or if that shows within this time.
  virtual std::optional<Error> lost_within(std::chrono::milliseconds time) = 0;
  /// The end of the run, called by all ranks, by rank 0 once it has written everything: waits for it, so that a
  /// launcher that ends all ranks because of the first one's exit code cannot cut rank 0 short. Returns rank 0's code;
  /// the rank's own if the world is lost and rank 0 does not come soon.
  virtual int leave(int exit_code) = 0;
};

}  // namespace ringfold
