#include "kernels/decode_split.h"

#include "kernels/decode_launch.h"
#include "kernels/round_up.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>
#include <vector>

namespace ringfold {
namespace {

/// Fewer keys a block are not worth its beginning, and more parts a row not worth their merge.
constexpr int64_t kLeastKeys = 256;
constexpr int64_t kMostParts = 256;
constexpr int64_t kMostRounds = 12;
/// In the time that a block needs for a key: what it needs to begin and to end, and what a merge needs for a part.
constexpr int64_t kBlockCost = 128;
constexpr int64_t kPartCost = 2;

int64_t parts_of(int64_t length, int64_t keys) { return (length + keys - 1) / keys; }

class DecodeSplit {
 public:
  DecodeSplit(std::span<const int64_t> lengths, int64_t kv_heads, int64_t slots)
      : lengths_(lengths), kv_heads_(kv_heads), slots_(std::max<int64_t>(slots, 1)) {
    for (const int64_t length : lengths) longest_ = std::max(longest_, length);
    least_ = round_up(std::max(kLeastKeys, parts_of(longest_, kMostParts)), kDecodeKeys);
  }

  int64_t best_keys() const {
    int64_t best = std::max(least_, round_up(longest_, kDecodeKeys));
    int64_t best_end = end_of(best);
    for (int64_t rounds = 1; rounds <= kMostRounds; ++rounds) {
      const int64_t keys = fewest_keys(rounds * slots_ / kv_heads_);
      const int64_t end = end_of(keys);
      if (end < best_end) {
        best = keys;
        best_end = end;
      }
    }
    return best;
  }

 private:
  /// The fewest keys a part with which there are no more than so many parts; or one part a list.
  int64_t fewest_keys(int64_t parts) const {
    int64_t low = least_ / kDecodeKeys;
    int64_t high = std::max(low, parts_of(longest_, kDecodeKeys));
    while (low < high) {
      const int64_t middle = std::midpoint(low, high);
      if (count(middle * kDecodeKeys) <= parts) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return high * kDecodeKeys;
  }

  int64_t count(int64_t keys) const {
    int64_t parts = 0;
    for (const int64_t length : lengths_) parts += parts_of(length, keys);
    return parts;
  }

  /// When the last block ends, and what it left has been merged.
  int64_t end_of(int64_t keys) const {
    std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> free_at;
    int64_t last = 0;
    const auto add = [&](int64_t part_keys) {
      int64_t begin = 0;
      if (std::ssize(free_at) == slots_) {
        begin = free_at.top();
        free_at.pop();
      }
      free_at.push(begin + kBlockCost + part_keys);
      last = std::max(last, begin + kBlockCost + part_keys);
    };
    for (const int64_t length : lengths_) {
      const int64_t parts = parts_of(length, keys);
      for (int64_t part = 0; part < parts * kv_heads_; ++part) add(parts_of(length, parts));
    }
    const int64_t most_parts = parts_of(longest_, keys);
    return last + (most_parts > 1 ? most_parts * kPartCost : 0);
  }

  std::span<const int64_t> lengths_;
  int64_t kv_heads_;
  int64_t slots_;
  int64_t longest_ = 0;
  int64_t least_ = 0;
};

}  // namespace

int64_t keys_of_decode_parts(std::span<const int64_t> lengths, int64_t kv_heads, int64_t slots) {
  return DecodeSplit(lengths, kv_heads, slots).best_keys();
}

}  // namespace ringfold
