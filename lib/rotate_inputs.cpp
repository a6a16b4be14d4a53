#include "lib/placement.h"

namespace ringfold {

namespace {

/// The input block itself becomes what is made by turning a new input of the same rows.
Rotate rotate_input(Program& program, BlockId& input) {
  const auto rotated = static_cast<size_t>(input);
  Block raw = program.blocks[rotated];
  raw.rotated = false;
  const View source{static_cast<BlockId>(program.blocks.size()), raw.tokens, raw.heads};
  program.blocks.push_back(std::move(raw));
  const Rotate rotate{source, input};
  input = source.block;
  return rotate;
}

}  // namespace

std::vector<Program> rotate_inputs(std::vector<Program> programs) {
  for (Program& program : programs) {
    for (Block& block : program.blocks) block.rotated = block.kind == BlockKind::q || block.kind == BlockKind::kv;
    std::vector<Operation> operations;
    // Keys first: what is sent waits for nothing else.
    for (const BlockKind kind : {BlockKind::kv, BlockKind::q}) {
      for (BlockId& input : program.inputs) {
        const Block& block = program.blocks[static_cast<size_t>(input)];
        if (block.kind == kind && block.rotated) operations.emplace_back(rotate_input(program, input));
      }
    }
    operations.insert(operations.end(), std::make_move_iterator(program.operations.begin()),
                      std::make_move_iterator(program.operations.end()));
    program.operations = std::move(operations);
  }
  return programs;
}

}  // namespace ringfold
