#include "transports/frames.h"

#include "lib/error.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <type_traits>
#include <unistd.h>
#include <utility>

namespace ringfold {

namespace {

/// What precedes each frame's text.
struct Head {
  uint32_t text_bytes;
  Says says;
  Meeting meeting;
  uint16_t unused;
  int32_t rank;
  int32_t code;
  uint64_t session;
  uint64_t number;
};
static_assert(sizeof(Head) == 32 && std::is_trivially_copyable_v<Head>);

constexpr size_t kReadBytes = size_t{64} << 10;
/// Buffers that one long text has grown beyond this are given back.
constexpr size_t kKeptBytes = size_t{1} << 20;

/// Forgets what has been used, once it is all or has become the larger part.
void drop_used(std::string& buffer, size_t& from) {
  if (from == buffer.size()) {
    buffer.clear();
    from = 0;
    if (buffer.capacity() > kKeptBytes) buffer.shrink_to_fit();
  } else if (from > kReadBytes && from > buffer.size() / 2) {
    buffer.erase(0, from);
    from = 0;
  }
}

}  // namespace

const char* name_of(Meeting meeting) {
  switch (meeting) {
    case Meeting::barrier: return "barrier";
    case Meeting::gather: return "gather";
    case Meeting::broadcast: return "broadcast";
    case Meeting::end: return "the end of the run";
  }
  return "a meeting of no known kind";
}

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

int Socket::release() { return std::exchange(fd_, -1); }

std::pair<FrameSocket, FrameSocket> socket_pair() {
  int ends[2];
  RINGFOLD_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, ExitCode::unavailable,
                 "no sockets for the ranks: {}", std::strerror(errno));
  return {FrameSocket(Socket(ends[0])), FrameSocket(Socket(ends[1]))};
}

FrameSocket::FrameSocket(Socket socket) : socket_(std::move(socket)) {
  fcntl(fd(), F_SETFL, fcntl(fd(), F_GETFL) | O_NONBLOCK);
}

void FrameSocket::send(const Frame& frame) {
  RINGFOLD_INVARIANT(static_cast<int64_t>(frame.text.size()) <= kMostFrameBytes,
                     "{} bytes in one call of the control plane, which takes {}", frame.text.size(), kMostFrameBytes);
  const Head head{static_cast<uint32_t>(frame.text.size()),
                  frame.says,
                  frame.meeting,
                  0,
                  frame.rank,
                  frame.code,
                  frame.session,
                  frame.number};
  unsent_.append(reinterpret_cast<const char*>(&head), sizeof head);
  unsent_.append(frame.text);
  flush();
}

void FrameSocket::flush() {
  while (has_unsent()) {
    const ssize_t sent = ::send(fd(), unsent_.data() + unsent_from_, unsent_.size() - unsent_from_, MSG_NOSIGNAL);
    if (sent >= 0) {
      unsent_from_ += static_cast<size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      unsent_from_ = unsent_.size();  // nobody is there any more
    }
  }
  drop_used(unsent_, unsent_from_);
}

bool FrameSocket::receive() {
  std::array<char, kReadBytes> chunk;  // NOLINT: not worth filling with zeros first
  while (!broken_) {
    const ssize_t got = recv(fd(), chunk.data(), chunk.size(), 0);
    if (got > 0) {
      came_.append(chunk.data(), static_cast<size_t>(got));
      if (static_cast<size_t>(got) < chunk.size()) return true;
    } else if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return true;
    } else if (got == 0 || errno != EINTR) {
      broken_ = true;
    }
  }
  return false;
}

bool FrameSocket::next(Frame& frame) {
  Head head;
  if (came_.size() - came_from_ < sizeof head) {
    drop_used(came_, came_from_);
    return false;
  }
  std::memcpy(&head, came_.data() + came_from_, sizeof head);
  if (head.text_bytes > kMostFrameBytes || head.says > Says::end || head.meeting > Meeting::end) {
    broken_ = true;
    came_.clear();
    came_from_ = 0;
    return false;
  }
  if (came_.size() - came_from_ < sizeof head + head.text_bytes) {
    drop_used(came_, came_from_);
    return false;
  }
  frame.says = head.says;
  frame.meeting = head.meeting;
  frame.rank = head.rank;
  frame.code = head.code;
  frame.session = head.session;
  frame.number = head.number;
  frame.text.assign(came_, came_from_ + sizeof head, head.text_bytes);
  came_from_ += sizeof head + head.text_bytes;
  return true;
}

void FrameSocket::finish(int most_ms) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(most_ms);
  bool shut = false;
  while (!broken_) {
    flush();
    if (!has_unsent() && !shut) {
      shutdown(fd(), SHUT_WR);
      shut = true;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    pollfd ready{fd(), static_cast<short>(has_unsent() ? POLLIN | POLLOUT : POLLIN), 0};
    poll(&ready, 1, static_cast<int>(left.count()));
    receive();
    came_.clear();
    came_from_ = 0;
  }
}

void TextWriter::put(std::string_view value) {
  put(static_cast<int64_t>(value.size()));
  text_.append(value);
}

int64_t TextReader::number() {
  int64_t value = 0;
  if (rest_.size() < sizeof value) {
    rest_ = {};
    return 0;
  }
  std::memcpy(&value, rest_.data(), sizeof value);
  rest_.remove_prefix(sizeof value);
  return value;
}

std::string_view TextReader::word() {
  const auto size = std::clamp<int64_t>(number(), 0, static_cast<int64_t>(rest_.size()));
  const std::string_view value = rest_.substr(0, static_cast<size_t>(size));
  rest_.remove_prefix(value.size());
  return value;
}

}  // namespace ringfold
