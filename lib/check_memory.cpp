#include "lib/check_memory.h"

#include "lib/lifetimes.h"
#include "lib/passes.h"

#include <iterator>
#include <map>

namespace ringfold {

namespace {

/// Sweeps one program in order, with the memory in use as a map from offset to (end, block).
class MemorySweep {
 public:
  MemorySweep(const Schedule& schedule, size_t rank, Findings& findings)
      : program_(schedule.ranks[rank]),
        dim_(schedule.problem.heads.dim),
        rank_(static_cast<int>(rank)),
        findings_(findings),
        lifetimes_(lifetimes_of(program_)) {}

  void run() {
    if (!offsets_fit()) return;
    for (const BlockId block : program_.inputs) {
      if (!occupy(block, -1)) return;
    }
    const auto operations = static_cast<int32_t>(program_.operations.size());
    for (int32_t i = 0; i < operations; ++i) {
      if (!step(i)) return;
    }
  }

 private:
  int64_t bytes(BlockId block) const { return bytes_of(program_.blocks[static_cast<size_t>(block)], dim_); }
  int64_t offset(BlockId block) const { return program_.offsets[static_cast<size_t>(block)]; }

  bool offsets_fit() {
    if (program_.offsets.size() != program_.blocks.size()) {
      findings_.add(Proof::memory, rank_, -1, "{} blocks have {} offsets", program_.blocks.size(),
                    program_.offsets.size());
      return false;
    }
    for (size_t id = 0; id < program_.blocks.size(); ++id) {
      const auto block = static_cast<BlockId>(id);
      const bool inside = offset(block) >= 0 && offset(block) <= program_.arena_bytes &&
                          bytes(block) <= program_.arena_bytes - offset(block);
      if (inside && offset(block) % kBufferAlignment == 0) continue;
      findings_.add(Proof::memory, rank_, lifetimes_.made[id], "{}, {} bytes at offset {}, {}",
                    describe(program_, block), bytes(block), offset(block),
                    inside ? fmt::format("is not aligned to {} bytes", kBufferAlignment)
                           : fmt::format("does not fit into the arena of {} bytes", program_.arena_bytes));
      return false;
    }
    return true;
  }

  bool step(int32_t index) {
    const Operation& operation = program_.operations[static_cast<size_t>(index)];
    const BlockId folded = folded_in_place(program_, lifetimes_, index);
    if (folded != kNoBlock) {
      const BlockId after = std::get<Attend>(operation).state;
      if (offset(after) == offset(folded)) release(folded);
    }
    bool good = true;
    visit_operands(
        program_, operation, [](const View&) {}, [&](BlockId block) { good = good && occupy(block, index); });
    if (!good) return false;
    const auto leave = [&](BlockId block) {
      if (lifetimes_.last_use[static_cast<size_t>(block)] == index) release(block);
    };
    visit_operands(program_, operation, [&](const View& view) { leave(view.block); }, leave);
    return true;
  }

  bool occupy(BlockId block, int32_t operation) {
    const int64_t size = bytes(block);
    if (size == 0) return true;
    const int64_t begin = offset(block);
    auto next = used_.lower_bound(begin);
    const Used* other = nullptr;
    if (next != used_.end() && next->first < begin + size) other = &next->second;
    if (other == nullptr && next != used_.begin() && std::prev(next)->second.end > begin) {
      other = &std::prev(next)->second;
    }
    if (other != nullptr) {
      const int32_t last = lifetimes_.last_use[static_cast<size_t>(other->block)];
      const bool kept = last == static_cast<int32_t>(program_.operations.size());
      findings_.add(Proof::memory, rank_, operation, "{} takes bytes [{},{}) of {}, which is needed until {}",
                    describe(program_, block), begin, begin + size, describe(program_, other->block),
                    kept ? std::string("the end") : fmt::format("operation {}", last));
      return false;
    }
    used_.emplace_hint(next, begin, Used{begin + size, block});
    return true;
  }

  /// Does nothing for a block that is released already, or empty.
  void release(BlockId block) {
    const auto found = used_.find(offset(block));
    if (found != used_.end() && found->second.block == block) used_.erase(found);
  }

  struct Used {
    int64_t end = 0;
    BlockId block = kNoBlock;
  };

  const Program& program_;
  int64_t dim_;
  int rank_;
  Findings& findings_;
  Lifetimes lifetimes_;
  std::map<int64_t, Used> used_;
};

}  // namespace

void check_memory(const Schedule& schedule, Findings& findings) {
  for (size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    const Program& program = schedule.ranks[rank];
    if (!program.offsets.empty()) MemorySweep(schedule, rank, findings).run();
  }
}

}  // namespace ringfold
