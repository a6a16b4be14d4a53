#pragma once

#include "lib/schedule.h"

#include <utility>
#include <vector>

namespace ringfold {

/// Writes one rank's program: every call appends an operation or a block and returns the new block's id.
/// Empty parts are left out: attends without queries or keys, sends of nothing.
class ProgramBuilder {
 public:
  explicit ProgramBuilder(const Problem& problem) : problem_(problem) {}

  BlockId input_q(const TokenSet& tokens, const HeadRange& heads);
  BlockId input_kv(const TokenSet& tokens, const HeadRange& kv_heads);

  /// Begins an exchange; send() and receive() add to it until the next operation.
  /// Both are no-ops (receive: kNoBlock) for an empty part, so that both sides leave it out alike.
  void send(int peer, uint64_t tag, BlockId block);
  void send(int peer, uint64_t tag, const View& view);
  BlockId receive(int peer, uint64_t tag, BlockKind kind, const TokenSet& tokens, const HeadRange& heads);
  void end_exchange();

  /// Attends `queries` of block q, with its heads, to the kv views; folds into `state` if there is one.
  /// A new state has the rows of `rows` if given, else of `queries`. Returns `state` if nothing is to be done.
  BlockId attend(BlockId q, const TokenSet& queries, std::vector<View> kv, BlockId state, const TokenSet& rows = {});
  BlockId merge(std::vector<View> parts, const TokenSet& rows, const HeadRange& heads);
  BlockId copy(std::vector<View> parts, BlockKind kind, DType dtype, const TokenSet& tokens, const HeadRange& heads);
  /// Finishes a whole state (if it is kNoBlock: an empty one for the q block's rows) and makes O and LSE outputs.
  void finish(BlockId state, BlockId q);

  View whole(BlockId block) const;
  View part(BlockId block, const TokenSet& tokens) const;
  const Block& block(BlockId id) const { return program_.blocks[static_cast<size_t>(id)]; }
  Program take() { end_exchange(); return std::move(program_); }

 private:
  BlockId add(BlockKind kind, DType dtype, const TokenSet& tokens, const HeadRange& heads);

  const Problem& problem_;
  Program program_;
  Exchange pending_;
};

}  // namespace ringfold
