#include "experiments/rank_list.h"

#include "lib/error.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace ringfold {
namespace {

/// A number that is the whole text; -1 if it is none.
int number_of(std::string_view text) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

}  // namespace

RankList::RankList(const std::string& text, int ranks) {
  if (text.empty()) spans_.emplace_back(0, ranks);
  for (size_t begin = 0; !text.empty() && begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    const std::string_view part = std::string_view(text).substr(begin, comma - begin);
    const size_t dash = std::min(part.find('-'), part.size());
    const int first = number_of(part.substr(0, dash));
    const int last = dash == part.size() ? first : number_of(part.substr(dash + 1));
    RINGFOLD_CHECK(first >= 0 && first <= last && last < ranks, ExitCode::usage,
                   "--ranks: '{}' names no ranks of 0-{} (as in 0-3,7)", part, ranks - 1);
    spans_.emplace_back(first, last + 1);
    begin = comma + 1;
  }
}

bool RankList::contains(int rank) const {
  return std::any_of(spans_.begin(), spans_.end(),
                     [&](const auto& span) { return span.first <= rank && rank < span.second; });
}

}  // namespace ringfold
