#pragma once

#include "lib/schedule.h"

#include <cstdint>
#include <random>

namespace ringfold {

/// Numbers from a seed, the same everywhere.
class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  /// 0 .. count - 1.
  int64_t below(int64_t count) { return static_cast<int64_t>(engine_() % static_cast<uint64_t>(count)); }
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }
  bool one_in(int64_t count) { return below(count) == 0; }
  template <typename T>
  T& pick(std::vector<T>& list) {
    return list[static_cast<size_t>(below(static_cast<int64_t>(list.size())))];
  }
  template <typename T>
  void shuffle(std::vector<T>& list) {
    for (size_t i = list.size(); i > 1; --i)
      std::swap(list[i - 1], list[static_cast<size_t>(below(static_cast<int64_t>(i)))]);
  }

 private:
  std::mt19937_64 engine_;
};

/// A small batch: up to 3 sequences of any kind, any mask, any heads.
Problem random_problem(Dice& dice);

/// A schedule that is right by construction. Q and KV are cut at random into pieces (token sets x heads) that lie on
/// random ranks; each pair of pieces is attended on a random rank, which gets them from any rank that has them; states
/// are folded, sent home and merged in random order; O may move on. Transfers happen in rounds that all ranks go
/// through in one order, several at once.
Schedule random_plan(uint64_t seed);

}  // namespace ringfold
