// Calls that end in abort(): the program goes on where they were guarded, and only there.
#include "transports/abort_guard.h"

#include "tests/catch.h"
#include "tests/transports/worlds.h"

#include <cstdlib>
#include <signal.h>
#include <thread>

namespace ringfold {
namespace {

/// How a process of its own ends that does this.
template <typename Body>
Ended ended_after(Body&& body) {
  return in_forked_worlds(1, [&](World&, std::string&) {
    signal(SIGABRT, SIG_DFL);  // the test framework's reports too
    AbortGuard::install("");   // of any file
    return body();
  })[0];
}

TEST_CASE("a guarded call that aborts is outlived, again and again and in any thread") {
  const Ended ended = ended_after([] {
    int wrong = 0;
    const auto try_all = [&] {
      for (int i = 0; i < 3; ++i) {
        bool inner = true;
        wrong += AbortGuard::outlives([] { std::abort(); }) ? 1 : 0;
        wrong += AbortGuard::outlives([&] { inner = AbortGuard::outlives([] { std::abort(); }); }) && !inner ? 0 : 1;
        wrong += AbortGuard::outlives([] {}) ? 0 : 1;
      }
    };
    try_all();
    std::thread(try_all).join();
    return wrong;
  });
  CHECK((ended.code == 0 && !ended.by_signal));
}

TEST_CASE("an abort outside a guard or by others ends the program, and a handler that stood there is asked") {
  const Ended plain = ended_after([] {
    if (AbortGuard::outlives([] {})) std::abort();
    return 0;
  });
  CHECK((plain.code == SIGABRT && plain.by_signal));
  const Ended foreign = ended_after([] {
    AbortGuard::install("libuc");
    return AbortGuard::outlives([] { std::abort(); }) ? 1 : 2;
  });
  CHECK((foreign.code == SIGABRT && foreign.by_signal));
  const Ended handled = ended_after([] {
    signal(SIGABRT, [](int) { std::_Exit(9); });
    AbortGuard::install("");  // of any file
    if (!AbortGuard::outlives([] { std::abort(); })) std::abort();
    return 0;
  });
  CHECK((handled.code == 9 && !handled.by_signal));
}

}  // namespace
}  // namespace ringfold
