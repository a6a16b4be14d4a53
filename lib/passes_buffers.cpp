#include "lib/lifetimes.h"
#include "lib/passes.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace ringfold {

namespace {

int64_t aligned(int64_t bytes) { return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment; }

/// Memory that blocks with disjoint lifetimes take in turn; as large as the largest of them.
class Slots {
 public:
  /// The free slot that fits best: the smallest that is large enough, else the largest, which grows; else a new one.
  int32_t take(int64_t bytes) {
    auto found = free_.lower_bound({bytes, 0});
    if (found == free_.end() && !free_.empty()) --found;
    if (found == free_.end()) {
      bytes_.push_back(bytes);
      return static_cast<int32_t>(bytes_.size()) - 1;
    }
    const int32_t slot = found->second;
    free_.erase(found);
    int64_t& size = bytes_[static_cast<size_t>(slot)];
    size = std::max(size, bytes);
    return slot;
  }
  void give_back(int32_t slot) { free_.insert({bytes_[static_cast<size_t>(slot)], slot}); }

  const std::vector<int64_t>& bytes() const { return bytes_; }

 private:
  std::vector<int64_t> bytes_;
  std::set<std::pair<int64_t, int32_t>> free_;
};

/// Blocks that are placed as one, in this order; most blocks alone.
struct Clusters {
  std::vector<int32_t> of;       ///< of each block
  std::vector<int64_t> inner;    ///< each block's offset in its cluster
  std::vector<int64_t> bytes;    ///< of each cluster
  std::vector<int32_t> members;  ///< blocks of each cluster
};

int64_t bytes_in(const Program& program, BlockId block, int64_t dim) {
  return bytes_of(program.blocks[static_cast<size_t>(block)], dim);
}

/// The pieces of K and V of an attend that can be rows of one tensor, in order of their tokens.
std::vector<std::vector<BlockId>> rows_of_tensors(const Program& program, const Attend& attend, int64_t dim) {
  std::map<HeadRange, std::vector<BlockId>> by_heads;
  for (const View& view : attend.kv) {
    const Block& block = program.blocks[static_cast<size_t>(view.block)];
    const bool fits = block.layout == Layout::tokens_outer && !block.tokens.empty() &&
                      bytes_in(program, view.block, dim) % kBufferAlignment == 0;
    if (!fits) continue;
    std::vector<BlockId>& list = by_heads[block.heads];
    if (std::find(list.begin(), list.end(), view.block) == list.end()) list.push_back(view.block);
  }
  const auto first_token = [&](BlockId id) {
    const TokenRange& range = program.blocks[static_cast<size_t>(id)].tokens.ranges().front();
    return std::pair(range.sequence, range.begin);
  };
  std::vector<std::vector<BlockId>> tensors;
  for (auto& [heads, list] : by_heads) {
    std::sort(list.begin(), list.end(), [&](BlockId a, BlockId b) { return first_token(a) < first_token(b); });
    if (list.size() > 1) tensors.push_back(std::move(list));
  }
  return tensors;
}

Clusters clusters_of(const Program& program, int64_t dim) {
  Clusters clusters;
  clusters.of.assign(program.blocks.size(), -1);
  clusters.inner.assign(program.blocks.size(), 0);
  const auto add = [&](BlockId block, bool is_first) {
    if (is_first) {
      clusters.bytes.push_back(0);
      clusters.members.push_back(0);
    }
    clusters.of[static_cast<size_t>(block)] = static_cast<int32_t>(clusters.bytes.size()) - 1;
    clusters.inner[static_cast<size_t>(block)] = clusters.bytes.back();
    clusters.bytes.back() += aligned(bytes_in(program, block, dim));
    ++clusters.members.back();
  };
  for (const Operation& operation : program.operations) {
    const auto* attend = std::get_if<Attend>(&operation);
    if (attend == nullptr || attend->kv.size() < 2) continue;
    for (const std::vector<BlockId>& tensor : rows_of_tensors(program, *attend, dim)) {
      bool is_first = true;
      for (const BlockId block : tensor) {
        if (clusters.of[static_cast<size_t>(block)] >= 0) continue;
        add(block, is_first);
        is_first = false;
      }
    }
  }
  for (size_t block = 0; block < program.blocks.size(); ++block) {
    if (clusters.of[block] < 0) add(static_cast<BlockId>(block), true);
  }
  return clusters;
}

/// Linear scan: gives each cluster of a program a slot, by lifetimes in program order.
std::vector<int32_t> assign_slots(const Program& program, Clusters& clusters, Slots& slots) {
  const Lifetimes lifetimes = lifetimes_of(program);
  std::vector<int32_t> slot_of(clusters.bytes.size(), -1);
  const auto cluster = [&](BlockId block) { return static_cast<size_t>(clusters.of[static_cast<size_t>(block)]); };
  const auto take = [&](BlockId block) {
    int32_t& slot = slot_of[cluster(block)];
    if (slot < 0) slot = slots.take(clusters.bytes[cluster(block)]);
  };
  for (const BlockId block : program.inputs) take(block);
  std::vector<BlockId> dead;
  const auto operations = static_cast<int32_t>(program.operations.size());
  for (int32_t i = 0; i < operations; ++i) {
    const Operation& operation = program.operations[static_cast<size_t>(i)];
    const BlockId folded = folded_in_place(program, lifetimes, i);
    if (folded != kNoBlock) slot_of[cluster(std::get<Attend>(operation).state)] = slot_of[cluster(folded)];
    const auto dies = [&](BlockId block) {
      if (lifetimes.last_use[static_cast<size_t>(block)] == i && block != folded) dead.push_back(block);
    };
    visit_operands(
        program, operation, [&](const View& view) { dies(view.block); },
        [&](BlockId block) {
          take(block);
          dies(block);
        });
    // What an operation reads and what it makes lie apart, so memory is free only afterwards; after both where a kernel
    // may do an attend and the finish behind it at once.
    if (is_finished_at_once(program, lifetimes, i)) continue;
    std::sort(dead.begin(), dead.end());
    dead.erase(std::unique(dead.begin(), dead.end()), dead.end());
    for (const BlockId block : dead) {
      if (--clusters.members[cluster(block)] == 0) slots.give_back(slot_of[cluster(block)]);
    }
    dead.clear();
  }
  return slot_of;
}

void assign_with_reuse(Program& program, int64_t dim) {
  Slots slots;
  Clusters clusters = clusters_of(program, dim);
  const std::vector<int32_t> slot_of = assign_slots(program, clusters, slots);
  std::vector<int64_t> begin;
  begin.reserve(slots.bytes().size());
  for (const int64_t bytes : slots.bytes()) {
    begin.push_back(program.arena_bytes);
    program.arena_bytes += bytes;
  }
  for (size_t block = 0; block < program.blocks.size(); ++block) {
    const int32_t slot = slot_of[static_cast<size_t>(clusters.of[block])];
    program.offsets[block] = slot < 0 ? 0 : begin[static_cast<size_t>(slot)] + clusters.inner[block];
  }
}

void assign_apart(Program& program, int64_t dim) {
  for (size_t block = 0; block < program.blocks.size(); ++block) {
    program.offsets[block] = program.arena_bytes;
    program.arena_bytes += aligned(bytes_of(program.blocks[block], dim));
  }
}

}  // namespace

Schedule assign_buffers(Schedule schedule, bool reuse) {
  const int64_t dim = schedule.problem.heads.dim;
  for (Program& program : schedule.ranks) {
    program.arena_bytes = 0;
    program.offsets.assign(program.blocks.size(), 0);
    if (reuse) {
      assign_with_reuse(program, dim);
    } else {
      assign_apart(program, dim);
    }
  }
  return schedule;
}

}  // namespace ringfold
