#pragma once

#include "lib/schedule.h"

#include <cstddef>
#include <utility>
#include <vector>

namespace ringfold {

/// Writes one rank's program: every call appends an operation or a block and returns the new block's id.
/// What is empty is left out: blocks without rows or heads (kNoBlock), sends of nothing, attends that see nothing.
/// kNoBlock is accepted wherever a block is, and stands for an empty one.
class ProgramBuilder {
 public:
  /// The problem must outlive the builder.
  explicit ProgramBuilder(const Problem& problem) : problem_(problem) {}
  /// Room for so many operations and blocks: only saves memory in very large plans.
  void reserve(size_t operations, size_t blocks);

  BlockId input_q(const TokenSet& tokens, const HeadRange& heads);
  BlockId input_kv(const TokenSet& tokens, const HeadRange& kv_heads);

  /// send() and receive() add to one exchange until end_exchange() or any other operation ends it.
  /// An empty part is left out by both (receive: kNoBlock), so that sender and receiver agree.
  void send(int peer, uint64_t tag, BlockId block);
  void send(int peer, uint64_t tag, const View& view);
  BlockId receive(int peer, uint64_t tag, BlockKind kind, const TokenSet& tokens, const HeadRange& heads);
  void end_exchange();

  /// Attends `queries` of block q, all its heads, under the problem's mask, to the kv views, of which the kv heads of q
  /// are taken and those that no query sees are left out; folds into `state` if there is one.
  /// A new state has the rows of `rows` if given, else of `queries`. Returns `state` if nothing is to be done.
  BlockId attend(BlockId q, const TokenSet& queries, std::vector<View> kv, BlockId state, const TokenSet& rows = {});
  BlockId merge(std::vector<View> parts, const TokenSet& rows, const HeadRange& heads);
  BlockId copy(std::vector<View> parts, BlockKind kind, DType dtype, const TokenSet& tokens, const HeadRange& heads);
  /// The tokens of a block as a block of their own, which can be sent: itself if they are all it has, none if there are
  /// none, else a copy.
  BlockId pack(BlockId block, const TokenSet& tokens);
  /// Finishes a whole state (if it is kNoBlock: an empty one for the q block's rows) and makes O and LSE outputs.
  void finish(BlockId state, BlockId q);

  View whole(BlockId block) const;
  View part(BlockId block, const TokenSet& tokens) const;
  View part(BlockId block, const TokenSet& tokens, const HeadRange& heads) const;
  const Block& block(BlockId id) const { return program_.blocks[static_cast<size_t>(id)]; }
  Program take();

 private:
  BlockId add(BlockKind kind, DType dtype, const TokenSet& tokens, const HeadRange& heads);

  const Problem& problem_;
  Program program_;
  Exchange pending_;
};

/// Does any query see any key?
bool sees(const Mask& mask, const TokenSet& queries, const TokenSet& keys);
/// All queries of the sequences of which some query sees some of the keys.
TokenSet queries_that_see(const Problem& problem, const TokenSet& keys);

}  // namespace ringfold
