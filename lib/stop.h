#pragma once

namespace ringfold {

/// Asks everything in this process to stop: ranks that wait, and executors between two operations, throw
/// Error(interrupted) within a fraction of a second. Safe in a signal handler.
void request_stop() noexcept;
bool stop_requested() noexcept;
/// For whoever goes on after an interruption, tests above all.
void clear_stop() noexcept;

}  // namespace ringfold
