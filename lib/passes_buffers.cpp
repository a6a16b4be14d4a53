#include "lib/lifetimes.h"
#include "lib/passes.h"

#include <algorithm>
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

/// Linear scan: gives each block of a program a slot, by lifetimes in program order.
std::vector<int32_t> assign_slots(const Program& program, int64_t dim, Slots& slots) {
  const Lifetimes lifetimes = lifetimes_of(program);
  std::vector<int32_t> slot_of(program.blocks.size(), -1);
  const auto slot = [&](BlockId block) -> int32_t& { return slot_of[static_cast<size_t>(block)]; };
  const auto take = [&](BlockId block) {
    if (slot(block) >= 0) return;
    slot(block) = slots.take(aligned(bytes_of(program.blocks[static_cast<size_t>(block)], dim)));
  };
  for (const BlockId block : program.inputs) take(block);
  std::vector<BlockId> dead;
  const auto operations = static_cast<int32_t>(program.operations.size());
  for (int32_t i = 0; i < operations; ++i) {
    const Operation& operation = program.operations[static_cast<size_t>(i)];
    const BlockId folded = folded_in_place(program, lifetimes, i);
    if (folded != kNoBlock) slot(std::get<Attend>(operation).state) = slot(folded);
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
    for (const BlockId block : dead) slots.give_back(slot(block));
    dead.clear();
  }
  return slot_of;
}

void assign_with_reuse(Program& program, int64_t dim) {
  Slots slots;
  const std::vector<int32_t> slot_of = assign_slots(program, dim, slots);
  std::vector<int64_t> begin;
  begin.reserve(slots.bytes().size());
  for (const int64_t bytes : slots.bytes()) {
    begin.push_back(program.arena_bytes);
    program.arena_bytes += bytes;
  }
  for (size_t block = 0; block < program.blocks.size(); ++block) {
    program.offsets[block] = slot_of[block] < 0 ? 0 : begin[static_cast<size_t>(slot_of[block])];
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
