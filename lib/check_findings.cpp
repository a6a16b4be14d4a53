#include "lib/check_findings.h"

namespace ringfold {

std::string describe(const Program& program, BlockId block) {
  const Block& it = program.blocks[static_cast<size_t>(block)];
  return fmt::format("block {} ({} {} x heads {})", block, to_string(it.kind), to_string(it.tokens, 2),
                     to_string(it.heads));
}

std::string describe(const TokenRange& tokens, const HeadRange& heads) {
  return fmt::format("{}:[{},{}) x heads {}", tokens.sequence, tokens.begin, tokens.end, to_string(heads));
}

void Findings::add_text(Proof proof, int rank, int operation, const std::string& text) {
  ++counts_[static_cast<size_t>(proof)];
  std::string place;
  if (rank >= 0 && operation >= 0) {
    const auto& operations = schedule_.ranks[static_cast<size_t>(rank)].operations;
    place = fmt::format("rank {}, operation {} ({}): ", rank, operation,
                        name_of(operations[static_cast<size_t>(operation)]));
  } else if (rank >= 0) {
    place = fmt::format("rank {}: ", rank);
  }
  findings_.push_back({proof, rank, operation, place + text});
}

}  // namespace ringfold
