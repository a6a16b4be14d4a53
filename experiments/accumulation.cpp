#include "experiments/accumulation.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace ringfold {
namespace {

/// Follows states backwards from what a rank ends with, over exchanges to other ranks where they travelled.
class Tracer {
 public:
  explicit Tracer(const Schedule& schedule) : schedule_(schedule) {
    for (size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
      const Program& program = schedule.ranks[rank];
      makers_.emplace_back(program.blocks.size(), nullptr);
      known_.emplace_back(program.blocks.size(), Accumulation{kUnknown, 0});
      for (const Operation& operation : program.operations) index(static_cast<int>(rank), operation);
    }
  }

  Accumulation of(int rank, BlockId block) {
    if (block == kNoBlock) return {0, 0};
    Accumulation& known = known_[static_cast<size_t>(rank)][static_cast<size_t>(block)];
    if (known.partials == kUnknown) {
      const Operation* maker = makers_[static_cast<size_t>(rank)][static_cast<size_t>(block)];
      known = maker == nullptr ? Accumulation{0, 0} : made_by(rank, block, *maker);
    }
    return known;
  }

 private:
  static constexpr int64_t kUnknown = -1;

  void index(int rank, const Operation& operation) {
    visit_operands(
        schedule_.ranks[static_cast<size_t>(rank)], operation, [](const View&) {},
        [&](BlockId made) {
          if (made != kNoBlock) makers_[static_cast<size_t>(rank)][static_cast<size_t>(made)] = &operation;
        });
    if (const auto* exchange = std::get_if<Exchange>(&operation)) {
      for (const Send& send : exchange->sends) sent_[{rank, send.peer, send.tag}] = send.view.block;
    }
  }

  Accumulation made_by(int rank, BlockId block, const Operation& operation) {
    if (const auto* attend = std::get_if<Attend>(&operation)) {
      const Accumulation before = of(rank, attend->state_in);
      int64_t keys = 0;
      for (const View& view : attend->kv) keys += view.tokens.size();
      return {before.partials + 1, std::max(before.keys_per_call, keys)};
    }
    if (const auto* merge = std::get_if<Merge>(&operation)) return sum_of(rank, merge->parts);
    if (const auto* copy = std::get_if<Copy>(&operation)) return sum_of(rank, copy->parts);
    if (const auto* finish = std::get_if<Finish>(&operation)) return of(rank, finish->state.block);
    for (const Receive& receive : std::get<Exchange>(operation).receives) {
      const auto found = sent_.find({receive.peer, rank, receive.tag});
      if (receive.block == block && found != sent_.end()) return of(receive.peer, found->second);
    }
    return {0, 0};
  }

  Accumulation sum_of(int rank, const std::vector<View>& parts) {
    Accumulation sum{0, 0};
    for (const View& part : parts) {
      const Accumulation one = of(rank, part.block);
      sum = {sum.partials + one.partials, std::max(sum.keys_per_call, one.keys_per_call)};
    }
    return sum;
  }

  const Schedule& schedule_;
  std::vector<std::vector<const Operation*>> makers_;
  std::vector<std::vector<Accumulation>> known_;
  std::map<std::tuple<int, int, uint64_t>, BlockId> sent_;
};

}  // namespace

std::vector<Accumulation> accumulation_of(const Schedule& schedule) {
  Tracer tracer(schedule);
  std::vector<Accumulation> ranks;
  for (size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    Accumulation most{1, 0};
    for (BlockId block : schedule.ranks[rank].outputs) {
      const Accumulation one = tracer.of(static_cast<int>(rank), block);
      most = {std::max(most.partials, one.partials), std::max(most.keys_per_call, one.keys_per_call)};
    }
    ranks.push_back(most);
  }
  return ranks;
}

}  // namespace ringfold
