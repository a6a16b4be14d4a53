#include "transports/ucx_helper.h"

#include "lib/error.h"

#include <sys/eventfd.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <poll.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace ringfold {

namespace {

constexpr std::chrono::nanoseconds kUntilCalled{-1};
/// So many looks in a row that find nothing to do, and the helper sleeps until it is called: 5 ms, or 40 ms.
constexpr int kLooks = 50;

}  // namespace

UcxHelper::UcxHelper(int descriptor, std::function<Found()> look)
    : descriptor_(descriptor), kick_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), look_(std::move(look)) {
  RINGFOLD_CHECK(kick_ >= 0, ExitCode::unavailable, "no eventfd for a rank's UCX helper: {}", std::strerror(errno));
  try {
    thread_ = std::jthread([this] { run(); });
  } catch (const std::system_error& error) {
    close(kick_);
    throw Error(ExitCode::unavailable, fmt::format("no thread for a rank's UCX helper: {}", error.what()));
  }
}

UcxHelper::~UcxHelper() {
  stop_ = true;
  wake();
  thread_.join();
  close(kick_);
}

void UcxHelper::wake() {
  const uint64_t one = 1;
  (void)!write(kick_, &one, sizeof one);  // fails only where it has been woken 2^64 times already
}

void UcxHelper::sleep(int descriptor, std::chrono::nanoseconds at_most) {
  std::array<pollfd, 2> sources{{{kick_, POLLIN, 0}, {descriptor, POLLIN, 0}}};
  const timespec soon{0, at_most.count()};
  ppoll(sources.data(), descriptor >= 0 ? 2 : 1, at_most == kUntilCalled ? nullptr : &soon, nullptr);
  uint64_t calls = 0;
  if ((sources[0].revents & POLLIN) != 0) (void)!read(kick_, &calls, sizeof calls);
}

void UcxHelper::run() {
  prctl(PR_SET_TIMERSLACK, 1000);  // of this thread: 100 us are not to become 150
  std::chrono::nanoseconds nap = kShortest;
  for (int quiet = 0; !stop_;) {
    // Said before looking: whoever adds work after the look is sure to call.
    asleep_.exchange(true, std::memory_order_acq_rel);
    const Found found = look_();
    nap = found == Found::driven ? std::min(2 * nap, kLongest) : kShortest;
    quiet = found == Found::nothing || found == Found::driven ? quiet + 1 : 0;
    if (found == Found::armed || quiet > kLooks) {
      sleep(found == Found::armed ? descriptor_ : -1, kUntilCalled);
      quiet = 0;
    } else {
      asleep_ = false;
      sleep(-1, nap);
    }
  }
}

}  // namespace ringfold
