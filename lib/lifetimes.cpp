#include "lib/lifetimes.h"

#include <algorithm>

namespace ringfold {

Lifetimes lifetimes_of(const Program& program) {
  const size_t blocks = program.blocks.size();
  const auto end = static_cast<int32_t>(program.operations.size());
  Lifetimes lifetimes{std::vector<int32_t>(blocks, -1), std::vector<int32_t>(blocks, -1),
                      std::vector<int32_t>(blocks, 0)};
  for (int32_t i = 0; i < end; ++i) {
    visit_operands(
        program, program.operations[static_cast<size_t>(i)],
        [&](const View& view) {
          lifetimes.last_use[static_cast<size_t>(view.block)] = i;
          ++lifetimes.reads[static_cast<size_t>(view.block)];
        },
        [&](BlockId block) {
          lifetimes.made[static_cast<size_t>(block)] = i;
          lifetimes.last_use[static_cast<size_t>(block)] = i;
        });
  }
  for (const BlockId block : program.inputs) lifetimes.last_use[static_cast<size_t>(block)] = end;
  for (const BlockId block : program.outputs) lifetimes.last_use[static_cast<size_t>(block)] = end;
  return lifetimes;
}

BlockId folded_in_place(const Program& program, const Lifetimes& lifetimes, int32_t index) {
  const auto* attend = std::get_if<Attend>(&program.operations[static_cast<size_t>(index)]);
  if (attend == nullptr || attend->state_in == kNoBlock) return kNoBlock;
  if (lifetimes.last_use[static_cast<size_t>(attend->state_in)] != index) return kNoBlock;
  const Block& before = program.blocks[static_cast<size_t>(attend->state_in)];
  const Block& after = program.blocks[static_cast<size_t>(attend->state)];
  return before == after ? attend->state_in : kNoBlock;
}

bool is_finished_at_once(const Program& program, const Lifetimes& lifetimes, int32_t index) {
  const auto next = static_cast<size_t>(index) + 1;
  if (next >= program.operations.size()) return false;
  const auto* attend = std::get_if<Attend>(&program.operations[next - 1]);
  const auto* finish = std::get_if<Finish>(&program.operations[next]);
  if (attend == nullptr || finish == nullptr || finish->state.block != attend->state) return false;
  const auto made = static_cast<size_t>(attend->state);
  const Block& state = program.blocks[made];
  const auto is_whole = [&](const View& view) { return view.tokens == state.tokens && view.heads == state.heads; };
  return is_whole(attend->q) && is_whole(finish->state) && lifetimes.reads[made] == 1;
}

int64_t most_alive_bytes(const Program& program, int64_t dim) {
  const Lifetimes lifetimes = lifetimes_of(program);
  const size_t operations = program.operations.size();
  // Bytes that come before, and go after, each operation; inputs come before the first one.
  std::vector<int64_t> come(operations + 1, 0);
  std::vector<int64_t> go(operations + 1, 0);
  int64_t alive = 0;
  for (size_t block = 0; block < program.blocks.size(); ++block) {
    const int64_t bytes = bytes_of(program.blocks[block], dim);
    const int32_t made = lifetimes.made[block];
    if (made < 0) {
      alive += bytes;
    } else {
      come[static_cast<size_t>(made)] += bytes;
    }
    go[static_cast<size_t>(std::max(lifetimes.last_use[block], 0))] += bytes;
  }
  int64_t most = alive;
  for (size_t i = 0; i < operations; ++i) {
    const BlockId folded = folded_in_place(program, lifetimes, static_cast<int32_t>(i));
    const int64_t shared = folded == kNoBlock ? 0 : bytes_of(program.blocks[static_cast<size_t>(folded)], dim);
    most = std::max(most, alive + come[i] - shared);
    alive += come[i] - go[i];
  }
  return most;
}

int64_t peak_bytes_of(const Program& program, int64_t dim) {
  return program.offsets.empty() ? most_alive_bytes(program, dim) : program.arena_bytes;
}

}  // namespace ringfold
