#pragma once

#include "lib/world.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ringfold {

/// Runs `body` once a rank, on worlds of threads; what each rank threw, as "CODE: text" ("" if nothing).
std::vector<std::string> in_local_worlds(int ranks, const std::function<void(World&)>& body);

/// How a process that was a rank ended, and what it printed.
struct Ended {
  bool by_signal = false;
  int code = 0;  ///< the signal or the exit code
  std::string text;
};

/// Runs `body` once a rank, each rank a forked process that exits with what `body` returns, or with an Error's code
/// after having printed its text. Rank 0 holds the hub. Call with no other threads running.
/// `meanwhile` gets the processes' ids; processes that run on after a minute are killed.
std::vector<Ended> in_forked_worlds(int ranks, const std::function<int(World&, std::string& text)>& body,
                                    const std::function<void(const std::vector<int>& pids)>& meanwhile = {});

}  // namespace ringfold
