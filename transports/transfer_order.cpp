#include "transports/transfer_order.h"

#include "lib/error.h"
#include "transports/frames.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace ringfold {

namespace {

/// One transfer of a directed pair of ranks, as one end has it.
struct End {
  int exchange = 0;
  int transfer = 0;
  int operation = 0;
  int64_t bytes = 0;
};
using EndsByTag = std::map<uint64_t, std::vector<End>>;

struct Pair {
  uint64_t tag = 0;
  End send;
  End receive;
};

std::vector<AnnouncedTransfer> announced(const std::vector<Transfer>& transfers) {
  std::vector<AnnouncedTransfer> all;
  for (const Transfer& each : transfers) all.push_back({each.peer, each.tag, each.bytes});
  return all;
}

void put(TextWriter& writer, const std::vector<AnnouncedTransfer>& transfers) {
  writer.put(std::ssize(transfers));
  for (const AnnouncedTransfer& each : transfers) {
    writer.put(int64_t{each.peer});
    writer.put(static_cast<int64_t>(each.tag));
    writer.put(each.bytes);
  }
}

std::vector<AnnouncedTransfer> transfers_of(TextReader& reader) {
  std::vector<AnnouncedTransfer> all(static_cast<size_t>(reader.number()));
  for (AnnouncedTransfer& each : all) {
    each.peer = static_cast<int>(reader.number());
    each.tag = static_cast<uint64_t>(reader.number());
    each.bytes = reader.number();
  }
  return all;
}

EndsByTag ends_of(const AnnouncedProgram& program, int peer, std::vector<AnnouncedTransfer> AnnouncedExchange::* side) {
  EndsByTag ends;
  for (size_t i = 0; i < program.size(); ++i) {
    const std::vector<AnnouncedTransfer>& transfers = program[i].*side;
    for (size_t j = 0; j < transfers.size(); ++j) {
      if (transfers[j].peer != peer) continue;
      ends[transfers[j].tag].push_back(
          {static_cast<int>(i), static_cast<int>(j), program[i].operation, transfers[j].bytes});
    }
  }
  return ends;
}

/// No exchange of either rank has to end before it begins.
void check_order(const std::vector<Pair>& pairs, int sender, int receiver) {
  for (size_t i = 1; i < pairs.size(); ++i) {
    const End& before = pairs[i - 1].receive;
    const End& next = pairs[i].receive;
    RINGFOLD_INVARIANT(before.exchange <= next.exchange,
                       "rank {} sends tag {} before tag {}, but rank {} receives them in operations {} and {}: neither "
                       "can be first",
                       sender, pairs[i - 1].tag, pairs[i].tag, receiver, before.operation, next.operation);
  }
}

/// What `sender` sends to `receiver`, in the order in which it meets.
std::vector<Pair> pairs_between(std::span<const AnnouncedProgram> programs, int sender, int receiver) {
  const EndsByTag sends = ends_of(programs[static_cast<size_t>(sender)], receiver, &AnnouncedExchange::sends);
  EndsByTag receives = ends_of(programs[static_cast<size_t>(receiver)], sender, &AnnouncedExchange::receives);
  std::vector<Pair> pairs;
  for (const auto& [tag, ends] : sends) {
    const std::vector<End> others = receives[tag];
    receives.erase(tag);
    for (size_t i = 0; i < std::max(ends.size(), others.size()); ++i) {
      RINGFOLD_INVARIANT(i < others.size(),
                         "rank {}, operation {} sends {} bytes with tag {}, which rank {} never "
                         "receives",
                         sender, ends[i].operation, ends[i].bytes, tag, receiver);
      RINGFOLD_INVARIANT(i < ends.size(),
                         "rank {}, operation {} receives {} bytes with tag {}, which rank {} never "
                         "sends",
                         receiver, others[i].operation, others[i].bytes, tag, sender);
      RINGFOLD_INVARIANT(
          ends[i].bytes == others[i].bytes,
          "rank {}, operation {} sends {} bytes with tag {} to rank {}, which expects {} in operation {}", sender,
          ends[i].operation, ends[i].bytes, tag, receiver, others[i].bytes, others[i].operation);
      pairs.push_back({tag, ends[i], others[i]});
    }
  }
  RINGFOLD_INVARIANT(receives.empty(), "rank {}, operation {} receives tag {}, which rank {} never sends", receiver,
                     receives.begin()->second.front().operation, receives.begin()->first, sender);
  std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
    return std::tie(a.send.exchange, a.receive.exchange, a.tag, a.send.transfer) <
           std::tie(b.send.exchange, b.receive.exchange, b.tag, b.send.transfer);
  });
  check_order(pairs, sender, receiver);
  return pairs;
}

void sort_by_exchange(std::vector<MatchedTransfer>& transfers) {
  std::stable_sort(transfers.begin(), transfers.end(), [](const MatchedTransfer& a, const MatchedTransfer& b) {
    return std::tie(a.exchange, a.peer) < std::tie(b.exchange, b.peer);
  });
}

}  // namespace

AnnouncedProgram announced(std::span<const BoundExchange* const> exchanges) {
  AnnouncedProgram program;
  for (const BoundExchange* each : exchanges) {
    program.push_back({each->operation, announced(each->sends), announced(each->receives)});
  }
  return program;
}

std::string to_bytes(const AnnouncedProgram& program) {
  std::string bytes;
  TextWriter writer(bytes);
  writer.put(std::ssize(program));
  for (const AnnouncedExchange& exchange : program) {
    writer.put(int64_t{exchange.operation});
    put(writer, exchange.sends);
    put(writer, exchange.receives);
  }
  return bytes;
}

AnnouncedProgram program_of(const std::string& bytes) {
  TextReader reader(bytes);
  AnnouncedProgram program(static_cast<size_t>(reader.number()));
  for (AnnouncedExchange& exchange : program) {
    exchange.operation = static_cast<int>(reader.number());
    exchange.sends = transfers_of(reader);
    exchange.receives = transfers_of(reader);
  }
  return program;
}

MatchedProgram match_transfers(std::span<const AnnouncedProgram> programs, int rank) {
  MatchedProgram matched;
  for (int peer = 0; peer < static_cast<int>(programs.size()); ++peer) {
    for (const Pair& pair : pairs_between(programs, rank, peer)) {
      matched.sends.push_back({peer, pair.send.exchange, pair.send.transfer, pair.receive.exchange,
                               pair.receive.transfer, pair.tag, pair.send.bytes});
    }
    for (const Pair& pair : pairs_between(programs, peer, rank)) {
      matched.receives.push_back({peer, pair.receive.exchange, pair.receive.transfer, pair.send.exchange,
                                  pair.send.transfer, pair.tag, pair.send.bytes});
    }
  }
  sort_by_exchange(matched.sends);
  sort_by_exchange(matched.receives);
  return matched;
}

std::vector<std::string> all_say(Control& control, const std::string& mine) {
  std::string together;
  TextWriter writer(together);
  for (const std::string& each : control.gather(mine)) writer.put(std::string_view(each));
  const std::string all = control.broadcast(together);
  TextReader reader(all);
  std::vector<std::string> said;
  for (int rank = 0; rank < control.size(); ++rank) said.emplace_back(reader.word());
  return said;
}

}  // namespace ringfold
