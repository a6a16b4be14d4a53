#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ringfold {

/// Ranks named on a command line: "0-3,7".
class RankList {
 public:
  /// An empty text is all ranks. Throws Error(usage) for what is no list of ranks of this cluster.
  RankList(const std::string& text, int ranks);
  bool contains(int rank) const;
  /// Runs of neighbouring ranks, [begin, end), in the order given.
  const std::vector<std::pair<int, int>>& spans() const { return spans_; }

 private:
  std::vector<std::pair<int, int>> spans_;
};

}  // namespace ringfold
