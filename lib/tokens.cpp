#include "lib/tokens.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringfold {

TokenSet::TokenSet(std::vector<TokenRange> ranges) {
  std::erase_if(ranges, [](const TokenRange& range) { return range.size() <= 0; });
  if (ranges.empty()) return;
  std::sort(ranges.begin(), ranges.end());
  auto data = std::make_shared<Data>();
  for (const TokenRange& range : ranges) {
    if (!data->ranges.empty()) {
      TokenRange& last = data->ranges.back();
      if (last.sequence == range.sequence && range.begin <= last.end) {
        last.end = std::max(last.end, range.end);
        continue;
      }
    }
    data->ranges.push_back(range);
  }
  data->rows.reserve(data->ranges.size());
  for (const TokenRange& range : data->ranges) {
    data->rows.push_back(data->size);
    data->size += range.size();
  }
  data_ = std::move(data);
}

TokenSet TokenSet::range(int64_t sequence, int64_t begin, int64_t end) { return TokenSet({{sequence, begin, end}}); }

std::span<const TokenRange> TokenSet::ranges() const {
  if (!data_) return {};
  return data_->ranges;
}

int64_t TokenSet::row_of(int64_t sequence, int64_t position) const {
  if (!data_) return 0;
  const auto& ranges = data_->ranges;
  const TokenRange key{sequence, position, position};
  const auto after = std::partition_point(ranges.begin(), ranges.end(), [&](const TokenRange& range) {
    return range.sequence < key.sequence || (range.sequence == key.sequence && range.begin <= key.begin);
  });
  if (after == ranges.begin()) return 0;
  const auto found = after - 1;
  const int64_t rows = data_->rows[static_cast<size_t>(found - ranges.begin())];
  if (found->sequence != sequence) return rows + found->size();
  return rows + std::min(position - found->begin, found->size());
}

bool operator==(const TokenSet& a, const TokenSet& b) {
  if (a.data_ == b.data_) return true;
  if (a.size() != b.size()) return false;
  return a.data_->ranges == b.data_->ranges;
}

TokenSet unite(const TokenSet& a, const TokenSet& b) {
  if (a.empty()) return b;
  if (b.empty() || a == b) return a;
  std::vector<TokenRange> ranges(a.ranges().begin(), a.ranges().end());
  ranges.insert(ranges.end(), b.ranges().begin(), b.ranges().end());
  return TokenSet(std::move(ranges));
}

TokenSet intersect(const TokenSet& a, const TokenSet& b) {
  if (a == b) return a;
  std::vector<TokenRange> common;
  auto left = a.ranges().begin();
  auto right = b.ranges().begin();
  while (left != a.ranges().end() && right != b.ranges().end()) {
    if (left->sequence == right->sequence) {
      const int64_t begin = std::max(left->begin, right->begin);
      const int64_t end = std::min(left->end, right->end);
      if (begin < end) common.push_back({left->sequence, begin, end});
    }
    const bool left_ends_first = std::pair(left->sequence, left->end) < std::pair(right->sequence, right->end);
    ++(left_ends_first ? left : right);
  }
  return TokenSet(std::move(common));
}

TokenSet subtract(const TokenSet& a, const TokenSet& b) {
  if (a.empty() || b.empty()) return a;
  if (a == b) return {};
  std::vector<TokenRange> rest;
  auto cut = b.ranges().begin();
  for (TokenRange range : a.ranges()) {
    while (cut != b.ranges().end() && std::pair(cut->sequence, cut->end) <= std::pair(range.sequence, range.begin)) {
      ++cut;
    }
    for (auto next = cut; next != b.ranges().end() && next->sequence == range.sequence && next->begin < range.end;
         ++next) {
      if (range.begin < next->begin) rest.push_back({range.sequence, range.begin, next->begin});
      range.begin = std::min(range.end, next->end);
    }
    if (range.size() > 0) rest.push_back(range);
  }
  return TokenSet(std::move(rest));
}

bool TokenSet::contains(const TokenSet& other) const {
  if (other.empty() || *this == other) return true;
  auto mine = ranges().begin();
  for (const TokenRange& range : other.ranges()) {
    while (mine != ranges().end() && std::pair(mine->sequence, mine->end) < std::pair(range.sequence, range.end)) {
      ++mine;
    }
    if (mine == ranges().end() || mine->sequence != range.sequence || mine->begin > range.begin) return false;
  }
  return true;
}

std::string to_string(const TokenSet& tokens, size_t limit) {
  if (tokens.empty()) return "none";
  std::string text;
  const auto ranges = tokens.ranges();
  for (size_t i = 0; i < std::min(limit, ranges.size()); ++i) {
    if (i > 0) text += ' ';
    text += fmt::format("{}:[{},{})", ranges[i].sequence, ranges[i].begin, ranges[i].end);
  }
  if (ranges.size() > limit) text += fmt::format(" and {} more", ranges.size() - limit);
  return text;
}

HeadRange intersect(const HeadRange& a, const HeadRange& b) {
  return {std::max(a.begin, b.begin), std::max(std::max(a.begin, b.begin), std::min(a.end, b.end))};
}

std::string to_string(const HeadRange& heads) { return fmt::format("[{},{})", heads.begin, heads.end); }

}  // namespace ringfold
