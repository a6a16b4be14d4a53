// Rank 0's part of the rendezvous.
#include "lib/drill.h"
#include "lib/error.h"
#include "transports/beat.h"
#include "transports/rendezvous.h"
#include "transports/search.h"
#include "transports/tcp.h"

#include <optional>
#include <poll.h>
#include <utility>

namespace ringfold {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kSlice{20};
/// Strangers may knock too; those that do not say who they are give way to new ones.
constexpr size_t kMostUnknown = 4096;
constexpr size_t kMostHelloBytes = 4096;

/// Where a rank will sit.
struct Place {
  std::optional<FrameSocket> socket;
  std::string name;
  std::optional<steady_clock::time_point> closed_at;
};

class Host {
 public:
  Host(Launch& launch, milliseconds deadline)
      : launch_(launch), deadline_(deadline), places_(static_cast<size_t>(launch.size())) {
    point_ = {random_secret(), 0, host_name(), name_of_process(0), host_addresses()};
    places_[0].name = point_.name;
  }

  Joined run() {
    auto [hub_end, rank_end] = socket_pair();
    places_[0].socket = std::move(hub_end);
    if (launch_.size() > 1) {
      try {
        wait_for_all();
      } catch (const Error& error) {
        tell({Says::lost, {}, 0, static_cast<int>(error.code()), 0, 0, error.what()});
        throw;
      }
    }
    Joined joined;
    joined.to_hub = std::move(rank_end);
    for (Place& place : places_) joined.names.push_back(place.name);
    Frame welcome{Says::welcome, {}, 0, 0, 0, 0, {}};
    TextWriter writer(welcome.text);
    for (const std::string& name : joined.names) writer.put(name);
    tell(welcome);
    for (Place& place : places_) joined.at_hub.push_back(std::move(*place.socket));
    return joined;
  }

 private:
  void wait_for_all() {
    Listener listener = listen_tcp();
    point_.port = listener.port;
    launch_.publish(kMeetpointKey, as_text(point_));
    drill(0, "rendezvous");
    Search search(launch_, deadline_);
    for (;;) {
      hear_all(listener);
      judge_closed(steady_clock::now());
      const std::vector<int> ranks = missing();
      if (ranks.empty()) return;
      search.look(ranks);
    }
  }

  void hear_all(const Listener& listener) {
    std::vector<pollfd> ready = {{listener.socket.fd(), POLLIN, 0}};
    for (const FrameSocket& each : unknown_) ready.push_back({each.fd(), POLLIN, 0});
    for (const Place& place : places_) {
      if (place.socket && !place.closed_at) ready.push_back({place.socket->fd(), POLLIN, 0});
    }
    poll(ready.data(), ready.size(), static_cast<int>(kSlice.count()));
    for (Socket come = accept_tcp(listener); come.fd() >= 0; come = accept_tcp(listener)) {
      if (unknown_.size() >= kMostUnknown) unknown_.erase(unknown_.begin());
      unknown_.emplace_back(std::move(come));
    }
    std::erase_if(unknown_, [this](FrameSocket& each) { return !hear_unknown(each); });
    for (Place& place : places_) {
      if (place.socket && !place.closed_at && !place.socket->receive()) place.closed_at = steady_clock::now();
    }
  }

  /// False once it need not be listened to any more: it has a place, or is none of ours.
  bool hear_unknown(FrameSocket& socket) {
    const bool open = socket.receive();
    Frame hello;
    if (!socket.next(hello)) return open && socket.unread_bytes() < kMostHelloBytes;
    TextReader reader(hello.text);
    const bool is_ours = hello.says == Says::hello && reader.word() == point_.secret;
    const auto rank = static_cast<size_t>(hello.rank);
    if (!is_ours || hello.rank < 1 || rank >= places_.size()) return false;
    if (places_[rank].socket && !places_[rank].closed_at) return false;  // it has come by another of our addresses
    socket.send({Says::hub_beat, {}, 0, 0, 0, 0, {}});
    places_[rank] = {std::move(socket), std::string(reader.word()), std::nullopt};
    return false;
  }

  /// A connection that has closed may be followed by a better one, for a moment.
  void judge_closed(steady_clock::time_point now) {
    for (const Place& place : places_) {
      if (!place.closed_at || now - *place.closed_at < kGrace) continue;
      throw Error(ExitCode::peer_lost, fmt::format("{} has died at the rendezvous: its connection has closed; {} waits "
                                                   "for it in the rendezvous",
                                                   place.name, point_.name));
    }
  }

  std::vector<int> missing() const {
    std::vector<int> ranks;
    for (size_t rank = 0; rank < places_.size(); ++rank) {
      if (!places_[rank].socket || places_[rank].closed_at) ranks.push_back(static_cast<int>(rank));
    }
    return ranks;
  }

  void tell(const Frame& frame) {
    for (size_t rank = 1; rank < places_.size(); ++rank) {
      if (places_[rank].socket) places_[rank].socket->send(frame);
    }
  }

  Launch& launch_;
  milliseconds deadline_;
  Meetpoint point_;
  std::vector<Place> places_;
  std::vector<FrameSocket> unknown_;
};

}  // namespace

Joined host_ranks(Launch& launch, milliseconds deadline) { return Host(launch, deadline).run(); }

}  // namespace ringfold
