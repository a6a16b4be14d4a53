#include "transports/small_exchanges.h"

#include "transports/cuda_check.h"
#include "transports/cuda_handles.h"

#include <algorithm>
#include <span>

namespace ringfold {

namespace {

/// Pulled from one peer; docs/transports.md says what was measured.
constexpr int64_t kMostBytes = 1 << 20;
/// A block's share of them.
constexpr int64_t kBlockBytes = 32 << 10;

int64_t bytes_of(std::span<const PeerCopy> copies) {
  int64_t bytes = 0;
  for (const PeerCopy& copy : copies) bytes += copy.bytes;
  return bytes;
}

int64_t most_from_one_peer(const PeerRoute& route) {
  int64_t most = bytes_of(route.own);
  for (const PeerLane& lane : route.lanes) {
    int64_t bytes = 0;
    for (const ArrivingMeeting& meeting : lane.meetings) bytes += bytes_of(meeting.copies);
    most = std::max(most, bytes);
  }
  return most;
}

/// Tables on the host, and where an exchange stands in them.
struct SmallLists {
  std::vector<PeerCopy> copies;
  std::vector<SmallMeeting> meetings;
  std::vector<SmallLane> lanes;
  std::vector<DepartingMeeting> departures;

  SmallExchange add(const PeerRoute& route, int64_t most_bytes) {
    SmallExchange exchange;
    exchange.first_lane = next(lanes);
    if (!route.own.empty()) {
      lanes.push_back({next(meetings), 1});
      add(route.own, nullptr, nullptr);
    }
    for (const PeerLane& lane : route.lanes) {
      lanes.push_back({next(meetings), static_cast<int32_t>(lane.meetings.size())});
      for (const ArrivingMeeting& meeting : lane.meetings) add(meeting.copies, meeting.ready, meeting.taken);
    }
    // One that only sends has an empty lane.
    if (next(lanes) == exchange.first_lane) lanes.push_back({next(meetings), 0});
    exchange.lanes = next(lanes) - exchange.first_lane;
    exchange.lane_blocks = static_cast<int32_t>(std::max<int64_t>((most_bytes + kBlockBytes - 1) / kBlockBytes, 1));
    exchange.first_departure = next(departures);
    departures.insert(departures.end(), route.departing.begin(), route.departing.end());
    exchange.departures = next(departures) - exchange.first_departure;
    return exchange;
  }

 private:
  template <typename T>
  static int32_t next(const std::vector<T>& list) {
    return static_cast<int32_t>(list.size());
  }
  void add(std::span<const PeerCopy> meeting, uint32_t* ready, uint32_t* taken) {
    meetings.push_back({ready, taken, next(copies), static_cast<int32_t>(meeting.size())});
    copies.insert(copies.end(), meeting.begin(), meeting.end());
  }
};

}  // namespace

SmallExchanges::SmallExchanges(std::span<const PeerRoute> routes, uint32_t first_number, uint32_t* begun,
                               uint32_t* ended) {
  SmallLists lists;
  for (const PeerRoute& route : routes) {
    const int64_t bytes = most_from_one_peer(route);
    exchanges_.push_back(bytes <= kMostBytes ? lists.add(route, bytes) : SmallExchange{});
  }
  const auto table_of = [&]<typename T>(const std::vector<T>& list) {
    const size_t bytes = list.size() * sizeof(T);
    tables_.push_back(device_zeros(static_cast<int64_t>(std::max(bytes, sizeof(T)))));
    upload(tables_.back().get(), list.data(), bytes);
    return reinterpret_cast<T*>(tables_.back().get());
  };
  const SmallTables tables{table_of(lists.copies),
                           table_of(lists.meetings),
                           table_of(lists.lanes),
                           table_of(lists.departures),
                           table_of(std::vector<uint32_t>(lists.meetings.size() + exchanges_.size())),
                           begun,
                           ended};
  for (size_t i = 0; i < exchanges_.size(); ++i) {
    exchanges_[i].tables = tables;
    exchanges_[i].counter = static_cast<int32_t>(lists.meetings.size() + i);
    exchanges_[i].number = first_number + static_cast<uint32_t>(i);
  }
  RINGFOLD_CUDA(load_small_exchange());
}

}  // namespace ringfold
