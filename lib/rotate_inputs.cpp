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

/// Of each block: does any operation read it?
std::vector<bool> read_blocks(const Program& program) {
  std::vector<bool> reads(program.blocks.size(), false);
  for (const Operation& operation : program.operations) {
    visit_operands(
        program, operation, [&](const View& view) { reads[static_cast<size_t>(view.block)] = true; }, [](BlockId) {});
  }
  return reads;
}

}  // namespace

std::vector<Program> rotate_inputs(std::vector<Program> programs) {
  for (Program& program : programs) {
    for (Block& block : program.blocks) block.rotated = block.kind == BlockKind::q || block.kind == BlockKind::kv;
    // Keys that no query sees, as under a window, are not turned for nobody.
    const std::vector<bool> reads = read_blocks(program);
    for (const BlockId input : program.inputs) {
      const auto block = static_cast<size_t>(input);
      program.blocks[block].rotated = program.blocks[block].rotated && reads[block];
    }
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
