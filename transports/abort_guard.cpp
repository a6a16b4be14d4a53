#include "transports/abort_guard.h"

#include <array>
#include <cstring>
#include <dlfcn.h>
#include <execinfo.h>
#include <mutex>
#include <signal.h>

namespace ringfold {

namespace {

struct sigaction before{};
const char* library_name = "";

bool is_of_library(const void* address) {
  Dl_info where{};
  if (dladdr(address, &where) == 0 || where.dli_fname == nullptr) return false;
  const char* slash = std::strrchr(where.dli_fname, '/');
  const char* file = slash == nullptr ? where.dli_fname : slash + 1;
  return std::strncmp(file, library_name, std::strlen(library_name)) == 0;
}

/// Whether the library itself has called abort(): what that returns to lies there.
bool is_by_library() {
  std::array<void*, 24> frames{};
  const auto count = static_cast<size_t>(backtrace(frames.data(), static_cast<int>(frames.size())));
  for (size_t i = 0; i + 1 < count; ++i) {
    Dl_info where{};
    if (dladdr(frames[i], &where) == 0 || where.dli_sname == nullptr) continue;
    if (std::strcmp(where.dli_sname, "abort") == 0) return is_of_library(frames[i + 1]);
  }
  return false;
}

}  // namespace

thread_local constinit AbortGuard* AbortGuard::innermost = nullptr;

void AbortGuard::install(const char* library) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  library_name = library;
  std::array<void*, 1> frame{};
  backtrace(frame.data(), 1);  // its first call allocates
  struct sigaction now{};
  sigaction(SIGABRT, nullptr, &now);
  if (now.sa_handler == aborted) return;
  before = now;
  now = {};
  now.sa_handler = aborted;
  now.sa_flags = SA_NODEFER;  // who jumps out does not leave the signal blocked
  sigaction(SIGABRT, &now, nullptr);
}

/// Any other abort is what it was before.
void AbortGuard::aborted(int signal) {
  if (innermost != nullptr && is_by_library()) siglongjmp(innermost->back_, 1);
  sigaction(signal, &before, nullptr);
  raise(signal);
}

}  // namespace ringfold
