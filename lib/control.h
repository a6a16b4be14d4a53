#pragma once

#include "lib/error.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ringfold {

/// One thing that a blocked rank waits for; it waits for all of them.
struct Wanted {
  int peer = 0;
  const char* what = "";  ///< a literal: "to send", "to receive", or a meeting's kind
  int operation = -1;     ///< of the waiting rank; the rest is of an exchange too
  uint64_t tag = 0;
  int64_t bytes = 0;
};

/// One rank's end of the control plane: small bytes, liveness, abort. Collective calls are made by all ranks in the
/// same order; each throws Error with the code and text of the group's first error once a rank has aborted,
/// Error(deadline) naming who is silent, or Error(interrupted). Destroying it means that the rank has left: ranks that
/// wait for it are freed with Error(peer_lost).
class Control {
 public:
  virtual ~Control() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual void barrier() = 0;
  /// Rank 0 gets one string a rank, in rank order; the others get nothing.
  virtual std::vector<std::string> gather(const std::string& mine) = 0;
  /// All get rank 0's string.
  virtual std::string broadcast(const std::string& from_rank_0) = 0;
  /// Sign of life: this rank has got on with its work. Cheap and callable from any of the rank's threads.
  virtual void tick() = 0;
  /// What this rank is doing, named in other ranks' errors: the operation's index, -1 outside a program, and a
  /// string literal that names it. Also a sign of life. May throw the group's first error, as check() does.
  virtual void enter(int operation, const char* name) = 0;
  /// What this rank is blocked in, for judging whether it will ever come and for other ranks' errors. A transport that
  /// lives apart from the control says so once a wait gets long, and says that nothing is left to wait for (empty) when
  /// the wait has ended.
  virtual void waits_for(std::span<const Wanted>) {}
  /// Throws the group's first error if there is one. Cheap: a transport that waits by itself calls it now and then.
  virtual void check() {}
  /// The group's first error as far as another rank has told it to this one: code and text as they came from the rank
  /// that failed.
  virtual std::optional<Error> first_error() { return std::nullopt; }
  /// Frees all ranks that wait; the first error of the group is the one everybody reports. Never throws.
  virtual void abort(const Error& error) noexcept = 0;
};

}  // namespace ringfold
