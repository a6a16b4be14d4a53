#include "experiments/interrupts.h"

#include "lib/error.h"
#include "lib/stop.h"
#include "transports/launch.h"

#include <sys/eventfd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <unistd.h>

namespace ringfold {
namespace {

constexpr uint64_t kAsked = 1;
constexpr uint64_t kOver = uint64_t{1} << 32;
constexpr std::chrono::milliseconds kPatience{500};

std::atomic<bool> asked{false};
std::atomic<int> patient_fd{-1};
/// Null for processes for which another one speaks.
std::atomic<const char*> last_words{nullptr};

void write_last_words() {
  const char* words = last_words.load();
  if (words == nullptr) return;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, words, std::strlen(words));
}

extern "C" void on_interrupt(int) {
  // The second time, whoever asks does not want to wait.
  if (asked.exchange(true)) {
    write_last_words();
    ::_exit(static_cast<int>(ExitCode::interrupted));
  }
  const int fd = patient_fd.load();
  if (fd < 0) return request_stop();
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(fd, &kAsked, sizeof kAsked);
  errno = error;
}

}  // namespace

void listen_for_interrupts() {
  const std::optional<int> rank = launched_rank();
  const bool may_follow_a_bar = !rank && ::isatty(STDERR_FILENO) != 0;
  if (rank.value_or(0) == 0) {
    last_words = may_follow_a_bar ? "\nringfold: interrupted\n" : "ringfold: interrupted\n";
  }
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
  // A reader of the table that goes away must not end the run.
  ::signal(SIGPIPE, SIG_IGN);
  // A file over the shell's limit is a full disk like any other.
  ::signal(SIGXFSZ, SIG_IGN);
}

PatientInterrupts::PatientInterrupts(World& world) {
  const int fd = ::eventfd(0, EFD_CLOEXEC);
  RINGFOLD_CHECK(fd >= 0, ExitCode::unavailable, "no descriptor for interruptions: {}", std::strerror(errno));
  thread_ = std::thread([&world, fd] {
    uint64_t events = 0;
    while (::read(fd, &events, sizeof events) < 0 && errno == EINTR) continue;
    if (events < kOver && !world.lost_within(kPatience)) request_stop();
    while (events < kOver && ::read(fd, &events, sizeof events) < 0 && errno == EINTR) continue;
  });
  patient_fd = fd;
}

PatientInterrupts::~PatientInterrupts() {
  const int fd = patient_fd.exchange(-1);
  [[maybe_unused]] const ssize_t written = ::write(fd, &kOver, sizeof kOver);
  thread_.join();
  ::close(fd);
}

}  // namespace ringfold
