#include "transports/abort_guard.h"

#include <mutex>
#include <signal.h>

namespace ringfold {

namespace {

struct sigaction before{};

}  // namespace

thread_local constinit AbortGuard* AbortGuard::innermost = nullptr;

void AbortGuard::install() {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  struct sigaction now{};
  sigaction(SIGABRT, nullptr, &now);
  if (now.sa_handler == aborted) return;
  before = now;
  now = {};
  now.sa_handler = aborted;
  now.sa_flags = SA_NODEFER;  // who jumps out does not leave the signal blocked
  sigaction(SIGABRT, &now, nullptr);
}

/// Outside any guard an abort is what it was before.
void AbortGuard::aborted(int signal) {
  if (innermost != nullptr) siglongjmp(innermost->back_, 1);
  sigaction(signal, &before, nullptr);
  raise(signal);
}

}  // namespace ringfold
