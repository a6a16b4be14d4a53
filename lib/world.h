#pragma once

#include "lib/control.h"

#include <chrono>
#include <memory>
#include <string>

namespace ringfold {

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
  /// The control of one session, such as a case; all ranks open the same sessions in the same order. An abort in one
  /// session frees the ranks of that session and leaves the others as they are. Must not outlive the world.
  virtual std::unique_ptr<Control> open(std::chrono::milliseconds deadline) = 0;
};

}  // namespace ringfold
