// other_queue_dependencies of executor.h.
#include "lib/executor.h"

#include <algorithm>
#include <array>
#include <map>

namespace ringfold {

namespace {

constexpr int kNone = -1;
/// For each queue (0 compute, 1 exchange) the last operation that used something.
using LastUse = std::array<int, 2>;

/// Which operation of each queue used which bytes of the arena last. Time grows with the number of uses.
class Memory {
 public:
  Memory() { last_[0] = {kNone, kNone}; }

  /// The last use by `queue` of any byte of [begin, end).
  int last(int64_t begin, int64_t end, size_t queue) const {
    int latest = kNone;
    if (begin >= end) return latest;
    for (auto piece = std::prev(last_.upper_bound(begin)); piece != last_.end() && piece->first < end; ++piece) {
      latest = std::max(latest, piece->second[queue]);
    }
    return latest;
  }

  /// Operation `operation` of `queue` uses [begin, end). If it fills them, what was there before is of no more
  /// interest: it depends on all earlier uses itself.
  void use(int64_t begin, int64_t end, size_t queue, int operation, bool fills) {
    if (begin >= end) return;
    split(begin);
    split(end);
    const auto first = last_.lower_bound(begin);
    const auto last = last_.lower_bound(end);
    if (fills) {
      last_.erase(std::next(first), last);
      first->second = {kNone, kNone};
      first->second[queue] = operation;
      return;
    }
    for (auto piece = first; piece != last; ++piece) piece->second[queue] = operation;
  }

 private:
  void split(int64_t at) {
    const auto piece = std::prev(last_.upper_bound(at));
    if (piece->first != at) last_.emplace_hint(std::next(piece), at, piece->second);
  }

  std::map<int64_t, LastUse> last_;  ///< keyed by the first byte of each piece
};

}  // namespace

std::vector<int> other_queue_dependencies(const Program& program, int64_t dim) {
  const bool placed = !program.offsets.empty();
  std::vector<int> maker(program.blocks.size(), kNone);
  std::vector<int> dependencies(program.operations.size(), kNone);
  Memory memory;
  const auto queue_of = [&](int operation) -> size_t {
    return std::holds_alternative<Exchange>(program.operations[static_cast<size_t>(operation)]) ? 1 : 0;
  };
  const auto bytes = [&](BlockId id) {
    const auto block = static_cast<size_t>(id);
    const int64_t begin = placed ? program.offsets[block] : 0;
    return std::pair(begin, placed ? begin + bytes_of(program.blocks[block], dim) : begin);
  };
  for (int i = 0; i < static_cast<int>(program.operations.size()); ++i) {
    const size_t queue = queue_of(i);
    int& latest = dependencies[static_cast<size_t>(i)];
    const auto read = [&](const View& view) {
      const int made_by = maker[static_cast<size_t>(view.block)];
      if (made_by != kNone && queue_of(made_by) != queue) latest = std::max(latest, made_by);
      const auto [begin, end] = bytes(view.block);
      memory.use(begin, end, queue, i, false);
    };
    const auto made = [&](BlockId id) {
      maker[static_cast<size_t>(id)] = i;
      const auto [begin, end] = bytes(id);
      latest = std::max(latest, memory.last(begin, end, 1 - queue));
      memory.use(begin, end, queue, i, true);
    };
    visit_operands(program, program.operations[static_cast<size_t>(i)], read, made);
  }
  return dependencies;
}

}  // namespace ringfold
