#include "lib/drop_blocks.h"
#include "lib/lifetimes.h"
#include "lib/passes.h"

#include <algorithm>
#include <utility>

namespace ringfold {

namespace {

/// Fuses within one program, in one walk.
class Fuser {
 public:
  explicit Fuser(Program& program)
      : program_(program),
        lifetimes_(lifetimes_of(program)),
        dropped_(program.blocks.size(), false),
        attend_of_(program.blocks.size(), -1) {}

  void run() {
    std::vector<bool> gone(program_.operations.size(), false);
    waited_.reserve(program_.operations.size());
    int32_t waited = -1;
    for (int32_t i = 0; i < static_cast<int32_t>(program_.operations.size()); ++i) {
      Operation& operation = program_.operations[static_cast<size_t>(i)];
      if (!std::holds_alternative<Exchange>(operation)) waited = std::max(waited, needed_exchange(operation));
      waited_.push_back(waited);
      if (auto* attend = std::get_if<Attend>(&operation)) gone[static_cast<size_t>(i)] = fuse(*attend, i);
    }
    if (std::find(gone.begin(), gone.end(), true) == gone.end()) return;
    size_t index = 0;
    std::erase_if(program_.operations, [&](const Operation&) { return gone[index++]; });
    drop_blocks(program_, dropped_);
  }

 private:
  int32_t made(BlockId block) const { return lifetimes_.made[static_cast<size_t>(block)]; }
  Operation& at(int32_t index) { return program_.operations[static_cast<size_t>(index)]; }

  /// The last exchange that makes one of the operands; -1 if none does.
  int32_t needed_exchange(const Operation& operation) {
    int32_t last = -1;
    visit_operands(
        program_, operation,
        [&](const View& view) {
          const int32_t maker = made(view.block);
          if (maker >= 0 && std::holds_alternative<Exchange>(at(maker))) last = std::max(last, maker);
        },
        [](BlockId) {});
    return last;
  }

  /// Are the block's data there when the attend at `index` starts, without waiting for an exchange more?
  bool there(BlockId block, int32_t index) {
    const int32_t maker = made(block);
    if (maker < 0) return true;
    if (maker >= index) return false;
    return !std::holds_alternative<Exchange>(at(maker)) || maker <= waited_[static_cast<size_t>(index)];
  }

  /// Moves the attend at `index` into the one that made its state, if it can be.
  bool fuse(Attend& attend, int32_t index) {
    int32_t& mine = attend_of_[static_cast<size_t>(attend.state)];
    mine = index;
    if (attend.state_in == kNoBlock || lifetimes_.reads[static_cast<size_t>(attend.state_in)] != 1) return false;
    const int32_t before = attend_of_[static_cast<size_t>(attend.state_in)];
    if (before < 0) return false;
    for (const View& kv : attend.kv) {
      if (!there(kv.block, before)) return false;
    }
    auto& first = std::get<Attend>(at(before));
    if (first.mask != attend.mask || !join(first, attend)) return false;
    dropped_[static_cast<size_t>(attend.state_in)] = true;
    first.state = attend.state;
    lifetimes_.made[static_cast<size_t>(attend.state)] = before;
    mine = before;
    return true;
  }

  /// Same queries: the keys of both; same keys: the queries of both, which must not overlap.
  static bool join(Attend& first, const Attend& second) {
    if (first.q == second.q) {
      for (const View& kv : second.kv) add(first.kv, kv);
      return true;
    }
    const bool same_rows = first.q.block == second.q.block && first.q.heads == second.q.heads;
    if (!same_rows || first.kv != second.kv || !intersect(first.q.tokens, second.q.tokens).empty()) return false;
    first.q.tokens = unite(first.q.tokens, second.q.tokens);
    return true;
  }

  /// A part of the same block as the last one becomes one with it.
  static void add(std::vector<View>& list, const View& view) {
    if (!list.empty()) {
      View& last = list.back();
      if (last.block == view.block && last.heads == view.heads && intersect(last.tokens, view.tokens).empty()) {
        last.tokens = unite(last.tokens, view.tokens);
        return;
      }
    }
    list.push_back(view);
  }

  Program& program_;
  Lifetimes lifetimes_;
  std::vector<bool> dropped_;
  std::vector<int32_t> attend_of_;  ///< by block: the attend that makes it, after fusing
  std::vector<int32_t> waited_;  ///< by operation: the last exchange that has ended when the compute queue gets there
};

}  // namespace

Schedule fuse_attends(Schedule schedule) {
  for (Program& program : schedule.ranks) {
    program.offsets.clear();
    program.arena_bytes = 0;
    Fuser(program).run();
  }
  return schedule;
}

}  // namespace ringfold
