#include "experiments/spec.h"

namespace ringfold {

namespace {

constexpr int64_t kMaxTokens = int64_t{1} << 40;
constexpr int64_t kMaxHeads = int64_t{1} << 20;
constexpr int64_t kMaxChannels = int64_t{1} << 16;
constexpr int64_t kMaxCount = 1'000'000;
constexpr int64_t kMaxRounds = 10'000;
constexpr double kLeastSoftcap = 1e-30;  // kernels divide by it in fp32

std::vector<KeySpec> problem_keys() {
  return {
      {.path = "problem.sequences",
       .type = KeyType::list,
       .is_required = true,
       .unless = "problem.rounds",
       .help = "the batch, at least one sequence"},
      {.path = "problem.sequences[]", .type = KeyType::map, .help = "one sequence"},
      {.path = "problem.sequences[].query",
       .type = KeyType::integer,
       .is_required = true,
       .min = 0,
       .max = kMaxTokens,
       .help = "new tokens: they have queries, keys and values"},
      {.path = "problem.sequences[].cached",
       .type = KeyType::integer,
       .default_text = "0",
       .min = 0,
       .max = kMaxTokens,
       .help = "tokens before them that have keys and values only"},
      {.path = "problem.heads", .type = KeyType::map, .is_required = true, .help = "the heads"},
      {.path = "problem.heads.query",
       .type = KeyType::integer,
       .is_required = true,
       .min = 1,
       .max = kMaxHeads,
       .help = "query heads, a multiple of the kv heads"},
      {.path = "problem.heads.kv",
       .type = KeyType::integer,
       .is_required = true,
       .min = 1,
       .max = kMaxHeads,
       .help = "heads of keys and values; each serves query / kv query heads in turn"},
      {.path = "problem.heads.dim",
       .type = KeyType::integer,
       .is_required = true,
       .min = 1,
       .max = kMaxChannels,
       .help = "channels of a head"},
      {.path = "problem.mask",
       .type = KeyType::word,
       .default_text = "causal",
       .words = {"causal", "full"},
       .help = "which keys a query sees, by position: those up to its own, or all of its sequence"},
      {.path = "problem.mask.window",
       .type = KeyType::integer,
       .is_required = true,
       .min = 1,
       .max = kMaxTokens,
       .help = "causal, and only the last so many keys, its own included"},
      {.path = "problem.dtype",
       .type = KeyType::word,
       .default_text = "fp32",
       .words = {"fp32", "bf16", "fp16"},
       .help = "of Q, K, V and O"},
      {.path = "problem.placement",
       .type = KeyType::word,
       .default_text = "native",
       .words = {"native", "tokens", "zigzag", "heads"},
       .help = "where Q, K and V start and O ends: as the strategy likes, or the same for all strategies"},
      {.path = "problem.scale",
       .type = KeyType::number,
       .low = 0,
       .high = 1e6,
       .help = "factor of q k before the softmax; without it 1 / sqrt(dim)"},
      {.path = "problem.softcap",
       .type = KeyType::number,
       .low = kLeastSoftcap,
       .high = 1e6,
       .low_is_allowed = true,
       .help = "logits t become softcap tanh(t / softcap)"},
  };
}

std::vector<KeySpec> problem_extra_keys() {
  return {
      {.path = "problem.rope",
       .type = KeyType::map,
       .help = "rotary embedding of Q and K, which are given without it; dim must be even"},
      {.path = "problem.rope.theta",
       .type = KeyType::number,
       .default_text = "10000",
       .low = 1,
       .high = 1e12,
       .low_is_allowed = true,
       .help = "its base"},
      {.path = "problem.rope.style",
       .type = KeyType::word,
       .default_text = "half",
       .words = {"half", "interleaved"},
       .help = "which channels turn together: c and c + dim / 2, or 2c and 2c + 1"},
      {.path = "problem.kv", .type = KeyType::map, .help = "how K and V lie in memory; absent: contiguous"},
      {.path = "problem.kv.page_size",
       .type = KeyType::integer,
       .is_required = true,
       .min = 1,
       .max = kMaxCount,
       .help = "tokens of a page of the K and V that a rank starts with"},
      {.path = "problem.rounds",
       .type = KeyType::list,
       .default_text = "1",
       .help = "in place of sequences: forwards in turn, each on the keys and values of all before it"},
      {.path = "problem.rounds[]", .type = KeyType::map, .help = "one round"},
      {.path = "problem.rounds[].query",
       .type = KeyType::integers,
       .is_required = true,
       .min = 0,
       .max = kMaxTokens,
       .help = "new tokens of each sequence, 0 for one that has not come yet, pauses or has left"},
      {.path = "problem.rounds[].repeat",
       .type = KeyType::integer,
       .default_text = "1",
       .min = 1,
       .max = kMaxRounds,
       .help = "so many such rounds, one after the other"},
      {.path = "problem.rounds[].strategy",
       .type = KeyType::strategy,
       .help = "of these rounds, in place of the case's: it goes on where the rounds before it left K and V"},
      {.path = "problem.layer",
       .type = KeyType::map,
       .help = "the layer around the attention: Q, K and V are projected from hidden states"},
      {.path = "problem.layer.hidden",
       .type = KeyType::integer,
       .is_required = true,
       .min = 1,
       .max = kMaxCount,
       .help = "channels of a hidden state"},
      {.path = "problem.layer.source",
       .type = KeyType::word,
       .default_text = "exchange",
       .words = {"exchange", "recompute"},
       .help = "K and V of other ranks are received, or every rank projects them itself"},
  };
}

}  // namespace

std::vector<KeySpec> problem_key_rows() {
  std::vector<KeySpec> rows = problem_keys();
  const std::vector<KeySpec> more = problem_extra_keys();
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

}  // namespace ringfold
