#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ringfold {

/// Consecutive tokens of one sequence, by position in that sequence: [begin, end).
/// Positions count the cached tokens first: the first new token stands at position `cached`.
struct TokenRange {
  int64_t sequence = 0;
  int64_t begin = 0;
  int64_t end = 0;

  int64_t size() const { return end - begin; }
  auto operator<=>(const TokenRange&) const = default;
};

/// An immutable set of tokens of a batch: disjoint, non-adjacent, non-empty ranges in ascending
/// (sequence, position) order, which is also the order of rows in a block. Copies share storage.
class TokenSet {
 public:
  TokenSet() = default;
  /// Sorts, joins what touches or overlaps, and drops empty ranges.
  explicit TokenSet(std::vector<TokenRange> ranges);
  static TokenSet range(int64_t sequence, int64_t begin, int64_t end);

  std::span<const TokenRange> ranges() const;
  int64_t size() const { return data_ ? data_->size : 0; }
  bool empty() const { return size() == 0; }

  /// Is every token of `other` in this set?
  bool contains(const TokenSet& other) const;
  /// The number of this set's tokens that precede (sequence, position): the row of that token in a block.
  int64_t row_of(int64_t sequence, int64_t position) const;

  friend bool operator==(const TokenSet& a, const TokenSet& b);

 private:
  struct Data {
    std::vector<TokenRange> ranges;
    std::vector<int64_t> rows;  // tokens before each range
    int64_t size = 0;
  };
  std::shared_ptr<const Data> data_;
};

TokenSet unite(const TokenSet& a, const TokenSet& b);
TokenSet intersect(const TokenSet& a, const TokenSet& b);
TokenSet subtract(const TokenSet& a, const TokenSet& b);

/// "0:[0,7) 2:[3,4)": sequence, then positions; "none" when empty; at most `limit` ranges are written out.
std::string to_string(const TokenSet& tokens, size_t limit = 8);

/// Heads [begin, end), numbered over the whole problem.
struct HeadRange {
  int64_t begin = 0;
  int64_t end = 0;

  int64_t size() const { return end - begin; }
  bool empty() const { return end <= begin; }
  bool contains(const HeadRange& other) const { return other.empty() || (begin <= other.begin && other.end <= end); }
  auto operator<=>(const HeadRange&) const = default;
};

HeadRange intersect(const HeadRange& a, const HeadRange& b);
std::string to_string(const HeadRange& heads);

}  // namespace ringfold
