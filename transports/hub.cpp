#include "transports/hub.h"

#include "lib/error.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include <utility>

namespace ringfold {

namespace {

using std::chrono::steady_clock;

/// How often ranks are judged.
constexpr std::chrono::milliseconds kLook{25};

}  // namespace

std::thread quiet_thread(std::function<void()> run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread;
  try {
    thread = std::thread(std::move(run));
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw Error(ExitCode::unavailable, "no thread for the control plane");
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

Socket make_wake() {
  Socket wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  RINGFOLD_CHECK(wake.fd() >= 0, ExitCode::unavailable, "no event descriptor for the control plane: {}",
                 std::strerror(errno));
  return wake;
}

void wake(const Socket& wake) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake.fd(), &one, sizeof one);
}

Hub::Hub(std::vector<FrameSocket> ranks, std::vector<std::string> names)
    : state_(std::move(names),
             [this](int rank, const Frame& frame) { ranks_[static_cast<size_t>(rank)].socket.send(frame); }),
      wake_(make_wake()) {
  ranks_.reserve(ranks.size());
  for (FrameSocket& rank : ranks) ranks_.push_back({std::move(rank)});
  thread_ = quiet_thread([this] { run(); });
}

Hub::~Hub() {
  quit_ = true;
  wake(wake_);
  thread_.join();
}

void Hub::run() {
  auto looked = steady_clock::now();
  auto next_beat = looked;
  while (!quit_) {
    wait(kLook);
    for (size_t rank = 0; rank < ranks_.size(); ++rank) {
      if (ranks_[rank].open) serve(static_cast<int>(rank));
    }
    const auto now = steady_clock::now();
    if (now - looked < kLook) continue;
    // Small steps: if this process was stopped meanwhile, nobody is to blame for that.
    state_.look(std::min<HubState::Duration>(now - looked, 2 * kBeat));
    looked = now;
    if (now < next_beat) continue;
    next_beat = now + kHubBeat;
    for (Connection& rank : ranks_) {
      if (rank.open && !rank.socket.has_unsent()) rank.socket.send({Says::hub_beat, {}, 0, 0, 0, 0, {}});
    }
  }
  end();
}

void Hub::wait(std::chrono::milliseconds most) {
  thread_local std::vector<pollfd> ready;
  ready.assign(1, {wake_.fd(), POLLIN, 0});
  for (const Connection& rank : ranks_) {
    const short events = rank.socket.has_unsent() ? POLLIN | POLLOUT : POLLIN;
    if (rank.open) ready.push_back({rank.socket.fd(), events, 0});
  }
  poll(ready.data(), ready.size(), static_cast<int>(most.count()));
}

void Hub::serve(int rank) {
  Connection& connection = ranks_[static_cast<size_t>(rank)];
  connection.socket.flush();
  const bool open = connection.socket.receive();
  thread_local Frame frame;
  while (connection.socket.next(frame)) state_.hear(rank, frame);
  if (open) return;
  connection.open = false;
  connection.socket = FrameSocket(Socket());
  state_.closed(rank);
}

void Hub::end() {
  for (Connection& rank : ranks_) {
    if (!rank.open) continue;
    rank.socket.send({Says::end, {}, 0, 0, 0, 0, {}});
  }
  for (Connection& rank : ranks_) {
    if (rank.open && rank.socket.has_unsent()) wait(std::chrono::milliseconds(100));
    rank.socket.flush();
  }
}

}  // namespace ringfold
