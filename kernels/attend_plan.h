#pragma once

#include "lib/kernel.h"

#include <vector>

namespace ringfold {

/// Queries of one sequence at consecutive positions, in consecutive rows of q and of the state.
struct QueryRun {
  int64_t position = 0;
  int64_t q_row = 0;
  int64_t state_row = 0;
  int64_t count = 0;
  int64_t before = 0;  ///< tokens of the sequence's earlier runs
};

/// Part of an attend that nothing else depends on: pairs (token, query head) of one sequence and one kv head. Pair i is
/// head `heads.begin` + i % heads.size() of token i / heads.size(), counted over the sequence's runs: the heads of a
/// group stand side by side, so that they share each tile of keys.
struct AttendBlock {
  int64_t sequence = 0;
  size_t first_run = 0;  ///< of the sequence
  size_t end_run = 0;
  int64_t kv_head = 0;
  HeadRange heads;
  int64_t first_pair = 0;
  int64_t pairs = 0;
};

/// How an attend is cut up; the same for any number of threads.
struct AttendPlan {
  std::vector<QueryRun> runs;
  std::vector<AttendBlock> blocks;  ///< those of late positions first: under a causal mask they take longest

  /// Replaces the content; keeps memory for the next time.
  void build(const AttendTask& task, int64_t pairs_per_block);

 private:
  void add_sequence(const AttendTask& task, int64_t sequence, size_t first_run, int64_t pairs_per_block);
};

}  // namespace ringfold
