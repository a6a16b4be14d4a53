#pragma once

#include "lib/schedule.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace ringfold {

/// Which shard a key belongs to: that of the rank which starts with it or, where several ranks do, of the rank that
/// would start with it in the placement `tokens`.
class ShardMap {
 public:
  explicit ShardMap(const Schedule& schedule);
  /// Calls visit(shard, tokens of `tokens` in it), in order of position; a shard may come more than once.
  template <typename Visit>
  void split(const TokenSet& tokens, Visit visit) const;

 private:
  struct Part {
    TokenRange range;
    int shard = 0;
  };
  std::vector<Part> parts_;  // ascending, disjoint
};

/// What one rank does in one step: KV shards, ascending, each once.
struct StepCell {
  std::vector<int> arrived;  ///< attended for the first time, in the step in which they have come
  std::vector<int> earlier;  ///< attended, and here since an earlier step
  std::vector<int> passed;   ///< come, but not attended in this step
  bool diagonal = false;     ///< does the mask cut through any of them?
  double work = 0;           ///< visible (query, key, query head) triples
};

/// What one exchange of all ranks does.
struct StepTraffic {
  int64_t most_sent_bytes = 0;
  bool q = false, kv = false, o = false, state = false;  ///< what moves
  int most_sends = 0;
  int offset = -1;  ///< every send goes to this rank + offset; -1 if they differ, or if there is none
};

/// The first tp group's operations, sorted into steps: step s is what can be done once s exchanges have ended.
struct StepGrid {
  std::vector<std::vector<StepCell>> cells;  ///< [rank][step]
  std::vector<StepTraffic> traffic;          ///< [step]: the exchange between this step and the next one
  size_t steps = 0;
};

/// The step of each operation of a program, by index.
std::vector<int> operation_steps(const Program& program);

/// Cells of ranks outside `shown` have their work only.
StepGrid step_grid(const Schedule& schedule, const std::vector<int>& shown);

/// For one rank: [query shard][kv shard] -> the step in which they meet, -1 if they never do, or see nothing.
std::vector<std::vector<int>> meeting_steps(const Schedule& schedule, int rank);

template <typename Visit>
void ShardMap::split(const TokenSet& tokens, Visit visit) const {
  auto part = parts_.begin();
  for (const TokenRange& range : tokens.ranges()) {
    part = std::partition_point(part, parts_.end(), [&](const Part& p) {
      return p.range.sequence < range.sequence || (p.range.sequence == range.sequence && p.range.end <= range.begin);
    });
    for (auto p = part; p != parts_.end() && p->range.sequence == range.sequence && p->range.begin < range.end; ++p) {
      visit(p->shard,
            TokenSet::range(range.sequence, std::max(p->range.begin, range.begin), std::min(p->range.end, range.end)));
    }
  }
}

}  // namespace ringfold
