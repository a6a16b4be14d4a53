#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringfold {

/// What ranks and the hub of a world say to each other. Both ends are the same program on machines of one kind, so
/// numbers travel as they lie in memory.
enum class Says : uint8_t {
  // rank -> hub
  hello,  ///< text: the secret, rank, its name; answered by a hub_beat, and by welcome once all have come
  beat,   ///< text: see Beat
  open,   ///< number, code: the session's deadlines for progress and life, in milliseconds
  meet,   ///< number: of the collective in its session; meeting; text: the rank's string
  fail,   ///< code, text
  leave,  ///< the session
  bye,    ///< the world
  // hub -> rank
  welcome,  ///< text: all names
  hub_beat,
  part,      ///< of a gather: rank, text
  released,  ///< number; text: rank 0's, of a broadcast
  failed,    ///< rank, code, text
  lost,      ///< rank, code, text: the world has ended
  end,       ///< rank 0 has left, and the hub with it
};

enum class Meeting : uint8_t { barrier, gather, broadcast, end };
const char* name_of(Meeting meeting);

struct Frame {
  Says says = Says::beat;
  Meeting meeting = Meeting::barrier;
  int rank = 0;
  int code = 0;
  uint64_t session = 0;
  uint64_t number = 0;
  std::string text;
};

/// The longest text of a frame.
inline constexpr int64_t kMostFrameBytes = int64_t{64} << 20;

/// Owns a file descriptor.
class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  ~Socket();
  Socket(Socket&& other) noexcept : fd_(other.release()) {}
  Socket& operator=(Socket&& other) noexcept;
  int fd() const { return fd_; }
  int release();

 private:
  int fd_;
};

/// Frames over a stream socket, which it makes non-blocking; never raises SIGPIPE. Allocates only while its buffers
/// grow. Not for several threads at once.
class FrameSocket {
 public:
  explicit FrameSocket(Socket socket);

  int fd() const { return socket_.fd(); }
  /// Sends what the other end takes now and keeps the rest for flush(). An end that has gone is noticed by receive().
  void send(const Frame& frame);
  void flush();
  /// What came and has not been taken by next().
  size_t unread_bytes() const { return came_.size() - came_from_; }
  bool has_unsent() const { return unsent_from_ < unsent_.size(); }
  /// Reads what has come. False once the other end has gone, or has sent what is no frame; next() still yields what
  /// came before.
  bool receive();
  bool next(Frame& frame);
  /// Nothing more will be sent; what the other end still says is read and forgotten until it closes, for a while.
  void finish(int most_ms);

 private:
  Socket socket_;
  std::string unsent_;
  size_t unsent_from_ = 0;
  std::string came_;
  size_t came_from_ = 0;
  bool broken_ = false;
};

/// Two sockets connected with each other, closed when another program is executed. Throws Error(unavailable).
std::pair<FrameSocket, FrameSocket> socket_pair();

/// Numbers and short strings in a frame's text.
class TextWriter {
 public:
  explicit TextWriter(std::string& text) : text_(text) { text_.clear(); }
  void put(int64_t value) { text_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void put(std::string_view value);

 private:
  std::string& text_;
};

/// Reads what TextWriter wrote; 0 and "" once the text has ended.
class TextReader {
 public:
  explicit TextReader(std::string_view text) : rest_(text) {}
  int64_t number();
  std::string_view word();

 private:
  std::string_view rest_;
};

}  // namespace ringfold
