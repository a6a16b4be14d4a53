#include "transports/peer_routes.h"

#include "transports/cuda_check.h"
#include "transports/cuda_handles.h"
#include "transports/frames.h"
#include "transports/gpus.h"
#include "transports/peer_memory.h"

#include <algorithm>
#include <string>

namespace ringfold {

namespace {

/// What a rank tells the others.
struct Place {
  std::string boot;
  int64_t device = 0;
  std::string address;
  std::string name;
  std::string memory;
  std::string flags;
  FlagLayout layout;
  std::vector<std::vector<int64_t>> sends;  ///< by exchange and send: the offset in its memory
};

void put(TextWriter& writer, const std::vector<int64_t>& numbers) {
  writer.put(std::ssize(numbers));
  for (const int64_t number : numbers) writer.put(number);
}

std::vector<int64_t> numbers_of(TextReader& reader) {
  std::vector<int64_t> numbers(static_cast<size_t>(reader.number()));
  for (int64_t& number : numbers) number = reader.number();
  return numbers;
}

std::string to_bytes(const Place& place) {
  std::string bytes;
  TextWriter writer(bytes);
  for (const std::string* word : {&place.boot, &place.address, &place.name, &place.memory, &place.flags}) {
    writer.put(std::string_view(*word));
  }
  writer.put(place.device);
  put(writer, place.layout.ready);
  put(writer, place.layout.taken);
  writer.put(std::ssize(place.sends));
  for (const auto& offsets : place.sends) put(writer, offsets);
  return bytes;
}

Place place_of(const std::string& bytes) {
  Place place;
  TextReader reader(bytes);
  for (std::string* word : {&place.boot, &place.address, &place.name, &place.memory, &place.flags}) {
    *word = reader.word();
  }
  place.device = reader.number();
  place.layout.ready = numbers_of(reader);
  place.layout.taken = numbers_of(reader);
  place.sends.resize(static_cast<size_t>(reader.number()));
  for (auto& offsets : place.sends) offsets = numbers_of(reader);
  return place;
}

/// As this rank reaches another one's memory.
struct Entered {
  std::byte* memory = nullptr;
  std::byte* flags = nullptr;
};

class Finder {
 public:
  Finder(Control& control, std::span<const BoundExchange* const> exchanges, const AnnouncedMemory& memory, int device,
         bool for_processes)
      : rank_(control.rank()), exchanges_(exchanges), for_processes_(for_processes) {
    std::vector<AnnouncedProgram> programs;
    for (const std::string& bytes : all_say(control, to_bytes(announced(exchanges)))) {
      programs.push_back(program_of(bytes));
    }
    program_ = plan_meetings(match_transfers(programs, rank_), rank_, control.size(), exchanges.size());
    layout_ = lay_out_flags(program_);
    routes_.flag_words = layout_.words;
    routes_.flags = device_zeros(std::max<int64_t>(layout_.words, 1) * static_cast<int64_t>(sizeof(uint32_t)));
    for (const std::string& bytes : all_say(control, to_bytes(own_place(memory, device)))) {
      places_.push_back(place_of(bytes));
    }
    entered_.resize(places_.size());
    for (int peer = 0; peer < control.size(); ++peer) {
      const auto index = static_cast<size_t>(peer);
      if (peer != rank_ && program_.incoming_slots[index] + program_.outgoing_slots[index] > 0) enter_peer(peer);
    }
  }

  PeerRoutes find() {
    for (size_t i = 0; i < exchanges_.size(); ++i) routes_.exchanges.push_back(route(i));
    return std::move(routes_);
  }

 private:
  Place own_place(const AnnouncedMemory& memory, int device) {
    Place place{boot_id(), device, gpu_address(device), gpu_name(device), {}, {}, layout_, {}};
    place.memory = ticket_to(memory.data.get(), for_processes_);
    place.flags = ticket_to(routes_.flags.get(), for_processes_);
    for (const BoundExchange* exchange : exchanges_) {
      std::vector<int64_t> offsets;
      for (const Transfer& send : exchange->sends) {
        const int64_t offset = send.bytes == 0 ? 0 : send.data - memory.data.get();
        RINGFOLD_INVARIANT(offset >= 0 && offset + send.bytes <= memory.bytes,
                           "rank {}, operation {}: sends what lies outside the memory announced", rank_,
                           exchange->operation);
        offsets.push_back(offset);
      }
      place.sends.push_back(std::move(offsets));
    }
    return place;
  }

  const Place& place(int rank) const { return places_[static_cast<size_t>(rank)]; }

  void enter_peer(int peer) {
    const Place& mine = place(rank_);
    const Place& other = place(peer);
    RINGFOLD_CHECK(mine.boot == other.boot, ExitCode::unavailable,
                   "ranks {} and {} are on different hosts: peer_copy works inside one", rank_, peer);
    int device = static_cast<int>(other.device);
    // A device that this process is not shown is judged by whether its memory can be entered.
    const bool is_shown = !for_processes_ || cudaDeviceGetByPCIBusId(&device, other.address.c_str()) == cudaSuccess;
    is_shown ? enable_peer_access(device) : (void)cudaGetLastError();
    const std::string owner = fmt::format("rank {}'s {}", peer, other.name);
    const std::string reader = fmt::format("rank {}'s {}", rank_, mine.name);
    auto memory = enter(other.memory, owner, reader);
    auto flags = enter(other.flags, owner, reader);
    entered_[static_cast<size_t>(peer)] = {memory.get(), flags.get()};
    routes_.entered.push_back(std::move(memory));
    routes_.entered.push_back(std::move(flags));
  }

  static uint32_t* flag(std::byte* flags, int64_t first, int slot) {
    return reinterpret_cast<uint32_t*>(flags) + first + slot;
  }
  uint32_t* own_flag(int64_t first, int slot) const { return flag(routes_.flags.get(), first, slot); }
  uint32_t* remote_flag(int peer, int64_t first, int slot) const {
    return flag(entered_[static_cast<size_t>(peer)].flags, first, slot);
  }

  PeerCopy copy_of(const MatchedTransfer& receive) const {
    const Transfer& transfer =
        exchanges_[static_cast<size_t>(receive.exchange)]->receives[static_cast<size_t>(receive.transfer)];
    const int64_t offset =
        place(receive.peer)
            .sends[static_cast<size_t>(receive.peer_exchange)][static_cast<size_t>(receive.peer_transfer)];
    return {entered_[static_cast<size_t>(receive.peer)].memory + offset, transfer.data, transfer.bytes};
  }

  PeerCopy own_copy_of(const MatchedTransfer& receive) const {
    const BoundExchange& exchange = *exchanges_[static_cast<size_t>(receive.exchange)];
    return {exchange.sends[static_cast<size_t>(receive.peer_transfer)].data,
            exchange.receives[static_cast<size_t>(receive.transfer)].data, receive.bytes};
  }

  PeerRoute route(size_t index) {
    const MeetingExchange& exchange = program_.exchanges[index];
    const auto me = static_cast<size_t>(rank_);
    PeerRoute route;
    for (const MatchedTransfer& own : exchange.own) {
      if (own.bytes > 0) route.own.push_back(own_copy_of(own));
    }
    for (const PeerMeeting& meeting : exchange.incoming) {
      if (route.lanes.empty() || route.lanes.back().peer != meeting.peer) route.lanes.push_back({meeting.peer, {}});
      ArrivingMeeting arriving;
      arriving.ready = own_flag(layout_.ready[static_cast<size_t>(meeting.peer)], meeting.slot);
      arriving.taken = remote_flag(meeting.peer, place(meeting.peer).layout.taken[me], meeting.slot);
      for (const MatchedTransfer& receive : meeting.transfers) {
        if (receive.bytes > 0) arriving.copies.push_back(copy_of(receive));
      }
      route.lanes.back().meetings.push_back(std::move(arriving));
    }
    for (const PeerMeeting& meeting : exchange.outgoing) {
      route.departing.push_back({remote_flag(meeting.peer, place(meeting.peer).layout.ready[me], meeting.slot),
                                 own_flag(layout_.taken[static_cast<size_t>(meeting.peer)], meeting.slot)});
    }
    return route;
  }

  int rank_;
  std::span<const BoundExchange* const> exchanges_;
  bool for_processes_;
  MeetingProgram program_;
  FlagLayout layout_;
  std::vector<Place> places_;
  std::vector<Entered> entered_;
  PeerRoutes routes_;
};

}  // namespace

PeerRoutes find_routes(Control& control, std::span<const BoundExchange* const> exchanges, const AnnouncedMemory& memory,
                       int device, bool for_processes) {
  return Finder(control, exchanges, memory, device, for_processes).find();
}

}  // namespace ringfold
