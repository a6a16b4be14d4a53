#pragma once

#include <csetjmp>

namespace ringfold {

/// UCX, where it finds its own state broken, ends the program by abort(). POSIX lets a handler of SIGABRT jump out of
/// it instead of returning; what UCX was called for is lost then, and its objects must never be touched again, but the
/// rest of the program goes on, and can say what happened. Whoever else aborts, such as an allocator whose heap is
/// corrupt, is let: only an abort() that is called in a library of the given name is jumped out of.
class AbortGuard {
 public:
  /// Runs `call` in this thread; false if it was aborted. `call` does nothing but call the library, so that no
  /// destructors are jumped over; those of callbacks have run when the library goes on.
  template <typename Call>
  static bool outlives(Call&& call) {
    AbortGuard guard;
    if (sigsetjmp(guard.back_, 0) != 0) return false;
    call();
    return true;
  }

  /// Before the first call, and again where others may have set a handler since. A handler that stands is kept for all
  /// other aborts. `library`, a literal, begins the names of the files whose aborts count, such as "libuc".
  static void install(const char* library);

  AbortGuard(const AbortGuard&) = delete;
  AbortGuard& operator=(const AbortGuard&) = delete;

 private:
  AbortGuard() : outer_(innermost) { innermost = this; }
  ~AbortGuard() { innermost = outer_; }
  static void aborted(int signal);

  static thread_local constinit AbortGuard* innermost;
  sigjmp_buf back_;
  AbortGuard* outer_;
};

}  // namespace ringfold
