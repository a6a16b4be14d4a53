#pragma once

#include "lib/schedule.h"

#include <vector>

namespace ringfold {

/// Writes a program operation by operation, right or wrong: unlike ProgramBuilder it leaves nothing out and checks
/// nothing.
class ProgramMaker {
 public:
  explicit ProgramMaker(const Problem& problem) : problem_(problem) {}

  BlockId block(BlockKind kind, const TokenSet& tokens, const HeadRange& heads);
  BlockId input(BlockKind kind, const TokenSet& tokens, const HeadRange& heads);
  View whole(BlockId id) const;
  View part(BlockId id, const TokenSet& tokens) const;
  /// Attends all of q under the problem's mask; returns the state.
  BlockId attend(const View& q, std::vector<View> kv, BlockId state_in = kNoBlock);
  BlockId merge(std::vector<View> parts, const TokenSet& tokens, const HeadRange& heads);
  /// Makes O and LSE of the whole state and outputs of both.
  void finish(BlockId state);
  void add(Operation operation) { program.operations.push_back(std::move(operation)); }

  Program program;

 private:
  Problem problem_;
};

/// One sequence of `query` new tokens after `cached` ones.
Problem small_problem(int64_t query, int64_t query_heads = 2, int64_t kv_heads = 1, int64_t cached = 0);

/// Part `index` of `parts` of all tokens (kv) or of the new ones (queries), contiguous in each sequence.
TokenSet kv_part(const Problem& problem, int parts, int index);
TokenSet query_part(const Problem& problem, int parts, int index);

/// A ring: rank r has queries[r], passes travels[r] on and attends stays[r] as well, which it keeps.
Schedule ring_of(const Problem& problem, const std::vector<TokenSet>& queries, const std::vector<TokenSet>& travels,
                 const std::vector<TokenSet>& stays = {});
/// Ring over contiguous shards, as small as it can be written: rank r holds part r of Q and KV, KV go from r to r + 1.
Schedule ring_plan(const Problem& problem, int ranks);
/// Each rank sends its KV to every other in one exchange, then attends all at once.
Schedule gather_plan(const Problem& problem, int ranks);
/// Q and states stay on rank 0 for all tokens; the others attend their KV for it and send back states to be merged.
Schedule partial_plan(const Problem& problem, int ranks);

}  // namespace ringfold
