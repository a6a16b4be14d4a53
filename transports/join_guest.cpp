// The part in the rendezvous of all ranks but rank 0.
#include "lib/drill.h"
#include "lib/error.h"
#include "lib/stop.h"
#include "transports/beat.h"
#include "transports/rendezvous.h"
#include "transports/search.h"
#include "transports/tcp.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <poll.h>
#include <thread>
#include <utility>

namespace ringfold {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Time = steady_clock::time_point;

constexpr milliseconds kSlice{20};
/// Between two looks at what may have become of rank 0.
constexpr milliseconds kAsk{100};
/// Rank 0 knows best who is missing, so it speaks first.
constexpr milliseconds kHostFirst{1500};

milliseconds left_until(Time end) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(end - steady_clock::now()));
}

Meetpoint find_host(Launch& launch, Search& search, Time end) {
  for (;;) {
    const auto text = launch.published_by(0, kMeetpointKey, std::min(left_until(end), kAsk));
    if (text) return as_meetpoint(*text);
    search.look({0});
    std::this_thread::sleep_for(kSlice);
  }
}

/// The next frame; nothing if it does not come in time or the connection has closed.
bool next_frame(FrameSocket& socket, Frame& frame, Time end, bool& open) {
  for (;;) {
    if (socket.next(frame)) return true;
    if (!open || left_until(end).count() == 0) return false;
    pollfd ready{socket.fd(), POLLIN, 0};
    poll(&ready, 1, static_cast<int>(left_until(end).count()));
    open = socket.receive();
  }
}

/// Knocks at all of rank 0's addresses at once: some lead nowhere, others, such as a bridge's, to somebody else.
class Visit {
 public:
  Visit(const Meetpoint& point, int rank) : point_(point), rank_(rank), addresses_(point.addresses) {
    if (point.host == host_name()) addresses_.insert(addresses_.begin(), "127.0.0.1");
    for (const std::string& address : addresses_) {
      Socket socket = start_connecting(address, point.port);
      if (socket.fd() >= 0) doors_.push_back({FrameSocket(std::move(socket)), false});
    }
  }

  /// The connection at whose other end is rank 0 of our own world; nothing if none comes about.
  std::optional<FrameSocket> connect(Time end) {
    Time stop_at = Time::max();
    while (!doors_.empty() && steady_clock::now() < std::min(end, stop_at)) {
      // A launcher that has lost a rank stops the others: a moment to see whether it was this one.
      if (stop_requested() && stop_at == Time::max()) stop_at = steady_clock::now() + 2 * kGrace;
      std::vector<pollfd> ready;
      for (const Door& door : doors_) {
        ready.push_back({door.socket.fd(), static_cast<short>(door.greeted ? POLLIN : POLLOUT), 0});
      }
      poll(ready.data(), ready.size(), static_cast<int>(kSlice.count()));
      std::vector<Door> rest;
      for (size_t i = 0; i < doors_.size(); ++i) {
        Frame answer;
        bool open = true;
        if (ready[i].revents != 0) open = doors_[i].greeted ? doors_[i].socket.receive() : greet(doors_[i]);
        if (doors_[i].socket.next(answer) && answer.says == Says::hub_beat) return std::move(doors_[i].socket);
        if (open)
          rest.push_back(std::move(doors_[i]));
        else if (doors_[i].greeted)
          refused_ = true;
      }
      doors_ = std::move(rest);
    }
    return std::nullopt;
  }

  /// Nobody listens there, or somebody else.
  bool is_refused() const { return doors_.empty() && refused_; }

  [[noreturn]] void fail(milliseconds deadline) const {
    const std::string mine = name_of_process(rank_);
    RINGFOLD_CHECK(!is_refused() || point_.host != host_name(), ExitCode::peer_lost,
                   "{} has died at the rendezvous: it listens no more; {} wanted to connect", point_.name, mine);
    RINGFOLD_CHECK(!stop_requested(), ExitCode::interrupted, "interrupted at the rendezvous");
    for (const Door& door : doors_) {
      RINGFOLD_CHECK(!door.greeted, ExitCode::deadline,
                     "{} does not answer at the rendezvous (deadline {} ms); {} waits for it", point_.name,
                     deadline.count(), mine);
    }
    std::string tried;
    for (const std::string& address : addresses_) tried += (tried.empty() ? "" : ", ") + address;
    throw Error(ExitCode::unavailable, fmt::format("{} cannot reach {} at port {} of {}: is there a firewall?", mine,
                                                   point_.name, point_.port, tried));
  }

 private:
  struct Door {
    FrameSocket socket;
    bool greeted = false;
  };

  bool greet(Door& door) {
    const int error = connect_error(door.socket.fd());
    refused_ = refused_ || error == ECONNREFUSED || error == ECONNRESET;
    if (error != 0) return false;
    Frame hello{Says::hello, {}, rank_, 0, 0, 0, {}};
    TextWriter writer(hello.text);
    writer.put(point_.secret);
    writer.put(name_of_process(rank_));
    door.socket.send(hello);
    return door.greeted = true;
  }

  const Meetpoint& point_;
  int rank_;
  std::vector<std::string> addresses_;
  std::vector<Door> doors_;
  bool refused_ = false;  ///< somebody was there, or should have been
};

/// What rank 0 says of its end. Each survivor reports a loss, since the launcher may end rank 0 before it does so.
[[noreturn]] void throw_told(ExitCode code, const std::string& text) {
  if (code == ExitCode::peer_lost || code == ExitCode::deadline) throw Error(code, text);
  throw SharedError(code, text);
}

/// Waits for the others. Returns all names.
std::vector<std::string> wait_for_welcome(FrameSocket& socket, const Meetpoint& point, int size, Time end) {
  bool open = true;
  Frame frame;
  Time stop_at = Time::max();
  while (steady_clock::now() < std::min(end, stop_at)) {
    if (next_frame(socket, frame, steady_clock::now() + kSlice, open)) {
      if (frame.says == Says::lost) throw_told(static_cast<ExitCode>(frame.code), frame.text);
      if (frame.says != Says::welcome) continue;
      std::vector<std::string> names;
      TextReader reader(frame.text);
      for (int rank = 0; rank < size; ++rank) names.emplace_back(reader.word());
      return names;
    }
    RINGFOLD_CHECK(open, ExitCode::peer_lost, "{} has died at the rendezvous: its connection has closed", point.name);
    if (stop_requested() && stop_at == Time::max()) stop_at = steady_clock::now() + 3 * kGrace;
  }
  RINGFOLD_CHECK(!stop_requested(), ExitCode::interrupted, "interrupted at the rendezvous");
  throw Error(ExitCode::deadline, fmt::format("{} does not answer at the rendezvous", point.name));
}

}  // namespace

Joined visit_host(Launch& launch, milliseconds deadline) {
  const Time end = steady_clock::now() + deadline;
  Search search(launch, deadline);
  Meetpoint point = find_host(launch, search, end);
  std::optional<FrameSocket> to_hub;
  for (;;) {
    Visit visit(point, launch.rank());
    to_hub = visit.connect(end);
    if (to_hub) break;
    if (!visit.is_refused() || !has_retired(launch, 0, point.name)) visit.fail(deadline);
    // An earlier process of rank 0's script has left that behind.
    search.look({0});
    std::this_thread::sleep_for(kAsk);
    if (!stop_requested()) launch.forget_others();
    point = find_host(launch, search, end);
  }
  drill(launch.rank(), "rendezvous");
  Joined joined;
  joined.names = wait_for_welcome(*to_hub, point, launch.size(), end + kHostFirst);
  joined.to_hub = std::move(*to_hub);
  return joined;
}

}  // namespace ringfold
