#pragma once

#include <csetjmp>

namespace ringfold {

/// A library that finds its own state broken ends the program by abort(). POSIX lets a handler of SIGABRT jump out of
/// it instead of returning; what the library was called for is lost then, and its objects must never be touched again,
/// but the rest of the program goes on, and can say what happened.
class AbortGuard {
 public:
  /// Runs `call` in this thread; false if it was aborted. Between this frame and the library there must be no
  /// destructors: `call` does nothing but call the library, which does not call back into code that has any.
  template <typename Call>
  static bool outlives(Call&& call) {
    AbortGuard guard;
    if (sigsetjmp(guard.back_, 0) != 0) return false;
    call();
    return true;
  }

  /// Before the first call, and again where others may have set a handler since. A handler that stands is kept for what
  /// is aborted outside any guard.
  static void install();

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
