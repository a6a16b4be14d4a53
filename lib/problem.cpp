#include "lib/problem.h"

#include "lib/error.h"
#include "lib/visible_keys.h"

#include <algorithm>
#include <cmath>

namespace ringfold {

namespace {

/// sum over p in [begin, end) of min(max(p + 1 - first, 0), count): keys [first, first + count) under a causal mask.
int64_t causal_pairs(int64_t begin, int64_t end, int64_t first, int64_t count) {
  const int64_t ramp_begin = std::clamp(first, begin, end);
  const int64_t ramp_end = std::clamp(first + count, begin, end);
  const int64_t low = ramp_begin + 1 - first;  // keys seen at ramp_begin
  const int64_t high = ramp_end - first;       // keys seen at ramp_end - 1
  const int64_t length = ramp_end - ramp_begin;
  int64_t pairs = (end - ramp_end) * count;
  if (length > 0) {
    // One of the factors is even; halve that one first so that the product stays in range.
    const int64_t sum = low + high;
    pairs += length % 2 == 0 ? length / 2 * sum : length * (sum / 2);
  }
  return pairs;
}

int64_t range_pairs(const Mask& mask, const TokenRange& query, const TokenRange& key) {
  if (mask.kind == MaskKind::full) return query.size() * key.size();
  const int64_t seen = causal_pairs(query.begin, query.end, key.begin, key.size());
  if (mask.kind == MaskKind::causal) return seen;
  // Keys that have left the window: causal with the queries moved back by the window.
  return seen - causal_pairs(query.begin - mask.window, query.end - mask.window, key.begin, key.size());
}

}  // namespace

std::string_view to_string(DType dtype) {
  switch (dtype) {
    case DType::fp32: return "fp32";
    case DType::bf16: return "bf16";
    case DType::fp16: return "fp16";
  }
  RINGFOLD_INVARIANT(false, "dtype {}", static_cast<int>(dtype));
}

int64_t bytes_of(DType dtype) { return dtype == DType::fp32 ? 4 : 2; }

std::string to_string(const Mask& mask) {
  switch (mask.kind) {
    case MaskKind::causal: return "causal";
    case MaskKind::full: return "full";
    case MaskKind::window: return fmt::format("window {}", mask.window);
  }
  RINGFOLD_INVARIANT(false, "mask {}", static_cast<int>(mask.kind));
}

std::string_view to_string(PlacementKind placement) {
  switch (placement) {
    case PlacementKind::native: return "native";
    case PlacementKind::tokens: return "tokens";
    case PlacementKind::zigzag: return "zigzag";
    case PlacementKind::heads: return "heads";
  }
  RINGFOLD_INVARIANT(false, "placement {}", static_cast<int>(placement));
}

std::string_view to_string(RopeStyle style) {
  switch (style) {
    case RopeStyle::half: return "half";
    case RopeStyle::interleaved: return "interleaved";
  }
  RINGFOLD_INVARIANT(false, "rope style {}", static_cast<int>(style));
}

std::string_view to_string(KvSource source) {
  switch (source) {
    case KvSource::exchange: return "exchange";
    case KvSource::recompute: return "recompute";
  }
  RINGFOLD_INVARIANT(false, "source {}", static_cast<int>(source));
}

std::string variants_text(const Problem& problem) {
  std::string text;
  if (problem.softcap) text += fmt::format(", softcap {}", *problem.softcap);
  if (problem.rope) text += fmt::format(", rope {} {}", to_string(problem.rope->style), problem.rope->theta);
  if (problem.page_size) text += fmt::format(", pages of {}", *problem.page_size);
  if (problem.layer) text += fmt::format(", layer {} {}", problem.layer->hidden, to_string(problem.layer->source));
  return text;
}

double Problem::softmax_scale() const { return scale ? *scale : 1.0 / std::sqrt(static_cast<double>(heads.dim)); }

int64_t Problem::query_tokens() const {
  int64_t tokens = 0;
  for (const Sequence& sequence : sequences) tokens += sequence.query;
  return tokens;
}

int64_t Problem::kv_tokens() const {
  int64_t tokens = 0;
  for (const Sequence& sequence : sequences) tokens += sequence.length();
  return tokens;
}

TokenSet query_set(const Problem& problem) {
  std::vector<TokenRange> ranges;
  for (size_t s = 0; s < problem.sequences.size(); ++s) {
    const Sequence& sequence = problem.sequences[s];
    ranges.push_back({static_cast<int64_t>(s), sequence.cached, sequence.length()});
  }
  return TokenSet(std::move(ranges));
}

TokenSet kv_set(const Problem& problem) {
  std::vector<TokenRange> ranges;
  for (size_t s = 0; s < problem.sequences.size(); ++s) {
    ranges.push_back({static_cast<int64_t>(s), 0, problem.sequences[s].length()});
  }
  return TokenSet(std::move(ranges));
}

TokenSet weight_rows(const Layer& layer) { return TokenSet::range(0, 0, layer.hidden); }

HeadRange kv_heads_of(const Problem& problem, const HeadRange& query_heads) {
  const int64_t group = problem.heads.group();
  if (query_heads.empty()) return {query_heads.begin / group, query_heads.begin / group};
  return {query_heads.begin / group, (query_heads.end + group - 1) / group};
}

TokenRange visible_keys(const Problem& problem, int64_t sequence, int64_t position) {
  return visible_keys(problem.mask, sequence, problem.sequences[static_cast<size_t>(sequence)].length(), position);
}

int64_t visible_pairs(const Mask& mask, const TokenSet& queries, const TokenSet& keys) {
  int64_t pairs = 0;
  auto first_key = keys.ranges().begin();
  for (const TokenRange& query : queries.ranges()) {
    while (first_key != keys.ranges().end() && first_key->sequence < query.sequence) ++first_key;
    for (auto key = first_key; key != keys.ranges().end() && key->sequence == query.sequence; ++key) {
      pairs += range_pairs(mask, query, *key);
    }
  }
  return pairs;
}

}  // namespace ringfold
