#include "experiments/rank_list.h"

#include "lib/error.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace ringfold {

RankList::RankList(const std::string& text) : text_(text) {
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at != end;) {
    Span span;
    std::from_chars_result parsed = std::from_chars(at, end, span.first);
    span.last = span.first;
    if (parsed.ec == std::errc() && parsed.ptr != end && *parsed.ptr == '-') {
      parsed = std::from_chars(parsed.ptr + 1, end, span.last);
    }
    const bool goes_on = parsed.ptr != end && *parsed.ptr == ',' && parsed.ptr + 1 != end;
    RINGFOLD_CHECK(
        parsed.ec == std::errc() && (parsed.ptr == end || goes_on) && span.first >= 0 && span.first <= span.last,
        ExitCode::usage, "--ranks: '{}' names no ranks (as in 0-3,7)", text);
    spans_.push_back(span);
    at = goes_on ? parsed.ptr + 1 : end;
  }
}

void RankList::require(int most) const {
  for (const Span& span : spans_) {
    RINGFOLD_CHECK(span.last < most, ExitCode::usage, "--ranks: '{}' names rank {}, but there are ranks 0-{} only",
                   text_, span.last, most - 1);
  }
}

std::vector<int> RankList::among(int ranks) const {
  std::set<int> chosen;
  for (const Span& span : spans_.empty() ? std::vector<Span>{{0, ranks - 1}} : spans_) {
    for (int rank = span.first; rank <= std::min(span.last, ranks - 1); ++rank) chosen.insert(chosen.end(), rank);
  }
  return {chosen.begin(), chosen.end()};
}

}  // namespace ringfold
