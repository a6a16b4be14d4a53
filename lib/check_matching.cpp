#include "lib/check_matching.h"

#include <algorithm>
#include <tuple>

namespace ringfold {

namespace {

/// A send or a receive, as its receiver sees it.
struct End {
  uint64_t tag = 0;
  int32_t sender = 0;
  int32_t operation = 0;
  int32_t index = 0;
  size_t partner = 0;  ///< index in the owner's RankExchanges::partners
};

bool before(const End& a, const End& b) { return std::tie(a.sender, a.tag) < std::tie(b.sender, b.tag); }

class Matching {
 public:
  Matching(const Schedule& schedule, Findings& findings)
      : schedule_(schedule), findings_(findings), exchanges_(schedule.ranks.size()), sends_(schedule.ranks.size()) {}

  std::vector<RankExchanges> run() {
    for (int rank = 0; rank < ranks(); ++rank) collect_sends(rank);
    for (int rank = 0; rank < ranks(); ++rank) match(rank);
    return std::move(exchanges_);
  }

 private:
  int ranks() const { return static_cast<int>(schedule_.ranks.size()); }
  const Program& program(int rank) const { return schedule_.ranks[static_cast<size_t>(rank)]; }
  const Exchange& exchange(int rank, int operation) const {
    return std::get<Exchange>(program(rank).operations[static_cast<size_t>(operation)]);
  }

  void collect_sends(int rank) {
    RankExchanges& mine = exchanges_[static_cast<size_t>(rank)];
    const auto& operations = program(rank).operations;
    size_t ends = 0;
    for (size_t i = 0; i < operations.size(); ++i) {
      const auto* exchange = std::get_if<Exchange>(&operations[i]);
      if (exchange == nullptr) continue;
      mine.operations.push_back(static_cast<int32_t>(i));
      mine.first.push_back(ends);
      for (size_t s = 0; s < exchange->sends.size(); ++s) {
        const Send& send = exchange->sends[s];
        sends_[static_cast<size_t>(send.peer)].push_back(
            {send.tag, rank, static_cast<int32_t>(i), static_cast<int32_t>(s), ends + s});
      }
      ends += exchange->sends.size() + exchange->receives.size();
    }
    mine.first.push_back(ends);
    mine.partners.resize(ends);
  }

  std::vector<End> receives_of(int rank) const {
    const RankExchanges& mine = exchanges_[static_cast<size_t>(rank)];
    std::vector<End> receives;
    for (size_t e = 0; e < mine.operations.size(); ++e) {
      const Exchange& it = exchange(rank, mine.operations[e]);
      for (size_t i = 0; i < it.receives.size(); ++i) {
        const Receive& receive = it.receives[i];
        receives.push_back({receive.tag, receive.peer, mine.operations[e], static_cast<int32_t>(i),
                            mine.first[e] + it.sends.size() + i});
      }
    }
    return receives;
  }

  void match(int rank) {
    std::vector<End> sends = std::move(sends_[static_cast<size_t>(rank)]);
    std::vector<End> receives = receives_of(rank);
    // Stable, so that of equal ones the later is the surplus one.
    if (!std::is_sorted(sends.begin(), sends.end(), before)) std::stable_sort(sends.begin(), sends.end(), before);
    if (!std::is_sorted(receives.begin(), receives.end(), before)) {
      std::stable_sort(receives.begin(), receives.end(), before);
    }
    auto send = sends.begin();
    auto receive = receives.begin();
    while (send != sends.end() || receive != receives.end()) {
      if (receive == receives.end() || (send != sends.end() && before(*send, *receive))) {
        lonely_send(rank, *send, send != sends.begin() && same(*(send - 1), *send));
        ++send;
      } else if (send == sends.end() || before(*receive, *send)) {
        lonely_receive(rank, *receive, receive != receives.begin() && same(*(receive - 1), *receive));
        ++receive;
      } else {
        pair(rank, *send++, *receive++);
      }
    }
  }

  static bool same(const End& a, const End& b) { return a.sender == b.sender && a.tag == b.tag; }

  void lonely_send(int receiver, const End& end, bool doubled) {
    const BlockId block = exchange(end.sender, end.operation).sends[static_cast<size_t>(end.index)].view.block;
    findings_.add(Proof::matching, end.sender, end.operation, "sends {} to rank {} with tag {}, which {}",
                  describe(program(end.sender), block), receiver, end.tag,
                  doubled ? "was sent there before with this tag" : "has no receive for it");
  }

  void lonely_receive(int rank, const End& end, bool doubled) {
    const BlockId block = exchange(rank, end.operation).receives[static_cast<size_t>(end.index)].block;
    findings_.add(Proof::matching, rank, end.operation, "receives {} from rank {} with tag {}, which {}",
                  describe(program(rank), block), end.sender, end.tag,
                  doubled ? "it receives already with this tag" : "sends no such thing");
  }

  void pair(int receiver, const End& send, const End& receive) {
    exchanges_[static_cast<size_t>(send.sender)].partners[send.partner] = {receiver, receive.operation, receive.index};
    exchanges_[static_cast<size_t>(receiver)].partners[receive.partner] = {send.sender, send.operation, send.index};
    const View& view = exchange(send.sender, send.operation).sends[static_cast<size_t>(send.index)].view;
    const BlockId made = exchange(receiver, receive.operation).receives[static_cast<size_t>(receive.index)].block;
    const Block& from = program(send.sender).blocks[static_cast<size_t>(view.block)];
    const Block& to = program(receiver).blocks[static_cast<size_t>(made)];
    if (from.kind == to.kind && from.dtype == to.dtype && from.layout == to.layout && view.tokens == to.tokens &&
        view.heads == to.heads && from.rotated == to.rotated) {
      return;
    }
    const int64_t dim = schedule_.problem.heads.dim;
    findings_.add(Proof::matching, receiver, receive.operation,
                  "expects {}, {} bytes, but rank {}, operation {} sends {} {} x heads {}, {} bytes{}",
                  describe(program(receiver), made), bytes_of(to, dim), send.sender, send.operation,
                  to_string(from.kind), to_string(view.tokens, 4), to_string(view.heads),
                  bytes_of(from, view.tokens.size(), view.heads.size(), dim),
                  from.layout != to.layout     ? ", in another layout"
                  : from.rotated != to.rotated ? ", one of them rotated"
                                               : "");
  }

  const Schedule& schedule_;
  Findings& findings_;
  std::vector<RankExchanges> exchanges_;
  std::vector<std::vector<End>> sends_;  ///< by receiver
};

}  // namespace

std::vector<RankExchanges> check_matching(const Schedule& schedule, Findings& findings) {
  return Matching(schedule, findings).run();
}

}  // namespace ringfold
