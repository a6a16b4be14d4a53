#include "lib/drop_blocks.h"

#include "lib/lifetimes.h"

#include <utility>

namespace ringfold {

void drop_blocks(Program& program, const std::vector<bool>& dropped) {
  std::vector<BlockId> renamed(program.blocks.size(), kNoBlock);
  size_t next = 0;
  for (size_t block = 0; block < program.blocks.size(); ++block) {
    if (dropped[block]) continue;
    renamed[block] = static_cast<BlockId>(next);
    if (next != block) program.blocks[next] = std::move(program.blocks[block]);
    ++next;
  }
  program.blocks.resize(next);
  const auto rename = [&](BlockId& block) {
    if (block != kNoBlock) block = renamed[static_cast<size_t>(block)];
  };
  for (BlockId& block : program.inputs) rename(block);
  for (BlockId& block : program.outputs) rename(block);
  for (Operation& operation : program.operations) rename_blocks(operation, rename);
}

void drop_unread_inputs(Program& program, const std::function<bool(const Block&)>& stays) {
  const Lifetimes lifetimes = lifetimes_of(program);
  std::vector<bool> dropped(program.blocks.size(), false);
  for (const BlockId id : program.inputs) {
    const auto at = static_cast<size_t>(id);
    dropped[at] = lifetimes.reads[at] == 0 && !(stays && stays(program.blocks[at]));
  }
  std::erase_if(program.inputs, [&](BlockId id) { return dropped[static_cast<size_t>(id)]; });
  drop_blocks(program, dropped);
}

}  // namespace ringfold
