#pragma once

#include "lib/tokens.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

enum class DType { fp32, bf16, fp16 };
std::string_view to_string(DType dtype);
/// Bytes of one element.
int64_t bytes_of(DType dtype);

/// One sequence of a batch: `cached` earlier tokens (keys and values only) before `query` new ones
/// (queries, keys and values). Prefill: cached 0. Extend: both. Decode: query 1.
struct Sequence {
  int64_t query = 0;
  int64_t cached = 0;
  int64_t length() const { return cached + query; }
  bool operator==(const Sequence&) const = default;
};

/// query % kv == 0. Query head h reads kv head h / group().
struct Heads {
  int64_t query = 1;
  int64_t kv = 1;
  int64_t dim = 1;
  int64_t group() const { return query / kv; }
  bool operator==(const Heads&) const = default;
};

/// Which keys a query sees, by position within its own sequence.
enum class MaskKind { causal, full, window };
struct Mask {
  MaskKind kind = MaskKind::causal;
  int64_t window = 0;  ///< window: query at p sees keys p - window + 1 .. p
  bool operator==(const Mask&) const = default;
};
std::string to_string(const Mask& mask);

/// Where Q, K and V start and O must end.
/// native: as the strategy likes; tokens: contiguous shards; zigzag: chunks r and 2P-1-r; heads: split by head.
enum class PlacementKind { native, tokens, zigzag, heads };
std::string_view to_string(PlacementKind placement);

/// Which channels turn together: c and c + dim / 2, or 2c and 2c + 1.
enum class RopeStyle { half, interleaved };
std::string_view to_string(RopeStyle style);

/// Rotary embedding: pair i of a query or key at position p turns by the angle p theta^(-2i / dim). See rotary.h.
struct Rope {
  double theta = 10000;
  RopeStyle style = RopeStyle::half;
  bool operator==(const Rope&) const = default;
};

/// Where a rank's K and V come from under a layer: other ranks project their part and send it, or every rank projects
/// all that its queries see from the hidden states itself.
enum class KvSource { exchange, recompute };
std::string_view to_string(KvSource source);

/// The layer around the attention: tokens are given as hidden states of so many channels, of which weights
/// [hidden, heads * dim] make Q, K and V, rounded to the problem's dtype.
struct Layer {
  int64_t hidden = 1;
  KvSource source = KvSource::exchange;
  bool operator==(const Layer&) const = default;
};

/// Attention over a packed batch. A plain value: what is computed, never where or how.
struct Problem {
  std::vector<Sequence> sequences;
  Heads heads;
  Mask mask;
  DType dtype = DType::fp32;
  PlacementKind placement = PlacementKind::native;
  std::optional<double> scale;       ///< softmax scale; default 1 / sqrt(dim)
  std::optional<double> softcap;     ///< above 0: logits t become softcap tanh(t / softcap)
  std::optional<Rope> rope;          ///< Q and K are given unrotated; dim is even
  std::optional<int64_t> page_size;  ///< tokens of a page of the KV that ranks start with; contiguous without
  std::optional<Layer> layer;        ///< Q, K and V are projected from hidden states; given without
  /// By rank of a group: who holds which cached tokens, a partition of them. Empty: balanced parts, see cached_chunk.
  std::vector<TokenSet> cache;

  double softmax_scale() const;
  int64_t query_tokens() const;  ///< new tokens of all sequences: rows of Q and O in a file
  int64_t kv_tokens() const;     ///< cached and new tokens of all sequences: rows of K and V in a file
  bool operator==(const Problem&) const = default;
};

/// ", softcap 50, rope half 10000": the variants that a problem asks for, pages too, each after a comma; empty if none.
std::string variants_text(const Problem& problem);

/// All new tokens / all tokens of the batch.
TokenSet query_set(const Problem& problem);
TokenSet kv_set(const Problem& problem);
/// The rows of weights, as tokens: row i is that of channel i of the hidden states.
TokenSet weight_rows(const Layer& layer);

/// The kv heads that a range of query heads reads.
HeadRange kv_heads_of(const Problem& problem, const HeadRange& query_heads);

/// Keys [begin, end) that the query at `position` of `sequence` sees.
TokenRange visible_keys(const Problem& problem, int64_t sequence, int64_t position);

/// Number of (query token, key token) pairs of queries x keys that the mask lets through.
/// Exact to 2^62; ranges of different sequences see nothing of each other.
int64_t visible_pairs(const Mask& mask, const TokenSet& queries, const TokenSet& keys);

/// tp x sp ranks: rank = tp_index * sp + sp_index.
struct Cluster {
  int sp = 1;
  int tp = 1;
  int ranks() const { return sp * tp; }
  bool operator==(const Cluster&) const = default;
};

/// What a strategy plans for: one group of `ranks` neighbours that owns the query heads given.
struct Group {
  int ranks = 1;
  HeadRange query_heads;
};

}  // namespace ringfold
