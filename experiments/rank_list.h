#pragma once

#include <string>
#include <vector>

namespace ringfold {

/// Ranks as the command line names them: "5", "0-3", "0-3,7". An empty text stands for all.
class RankList {
 public:
  /// Throws Error(usage) on anything else.
  explicit RankList(const std::string& text);

  /// Throws Error(usage) if `most` ranks, those of the largest case, do not have all that are named.
  void require(int most) const;
  /// Those that a case of so many ranks has, ascending, each once.
  std::vector<int> among(int ranks) const;

 private:
  struct Span {
    int first = 0;
    int last = 0;  ///< inclusive
  };
  std::string text_;
  std::vector<Span> spans_;
};

}  // namespace ringfold
