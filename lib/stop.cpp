#include "lib/stop.h"

#include <atomic>

namespace ringfold {

namespace {
std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free, "request_stop() is called in signal handlers");
}  // namespace

void request_stop() noexcept { stop.store(true, std::memory_order_relaxed); }
bool stop_requested() noexcept { return stop.load(std::memory_order_relaxed); }
void clear_stop() noexcept { stop.store(false, std::memory_order_relaxed); }

}  // namespace ringfold
