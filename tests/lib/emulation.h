#pragma once

#include "lib/compare.h"
#include "lib/inputs.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace ringfold {

/// Defects of distributed attention, each as it has been seen or could be.
enum class Fault {
  none,
  merge_averages,     ///< merged O is the plain mean of the parts
  merge_in_base_2,    ///< natural LSEs are merged as if they were base 2
  merge_keeps_lse,    ///< the LSE of the first part survives a merge
  lse_in_base_2,      ///< the final LSE is a base 2 logarithm
  mask_sees_next,     ///< one key past the mask is seen
  mask_misses_last,   ///< the last visible key is not seen
  mask_is_local,      ///< causal by position within the blocks of query and key
  mask_drops_prefix,  ///< query positions start at 0 instead of after the cached tokens
  blocks_swapped,     ///< K of two blocks with each other's V
  block_lost,
  block_doubled,
  block_stale,      ///< a buffer still holds the block before
  prefix_repeated,  ///< every block brings the cached tokens again
  shard_gap,        ///< a shard begins one token late
  shard_overlap,    ///< a shard begins one token early
  sequence_leaks,   ///< the other sequence's keys are seen as well
  kv_head_wrong,
  query_head_wrong,  ///< the result of a neighbouring query head
  rows_shifted,      ///< the result of the row before
  scale_off,         ///< the softmax scale by 1 %
  rescale_missed,    ///< O is not rescaled when the running maximum rises
  tail_is_zero,      ///< a key of zeros beyond the end is seen
  tail_is_stale,     ///< keys of the tile before fill up the last tile
  channels_stale,    ///< the last quarter of O is not written
  output_is_zero,
  narrow_weights,  ///< normalised weights rounded to 16 bits
  narrow_tiles,    ///< O rounded to 16 bits after every tile
  narrow_merges,   ///< O rounded to 16 bits after every merge
};
std::string_view to_string(Fault fault);
/// All but none.
std::vector<Fault> all_faults();

struct Emulation {
  int64_t blocks = 1;  ///< P: each sequence's keys are cut into as many shards, attended apart and merged in order
  Fault fault = Fault::none;
  int64_t tile = 64;    ///< keys between two looks at the running maximum
  bool device = false;  ///< 16-bit inputs: weights are rounded to 16 bits before they meet V, as GPUs do
  bool wide = false;    ///< O is left in fp32 (a state) instead of being rounded to the problem's dtype
};

/// The rows of a problem as a distributed flash attention in fp32 computes them: tiles of keys under a running
/// maximum, normalised states, merges. Shares nothing with kernels. [head][token][dim] and [head][token].
struct EmulatedResult {
  std::vector<std::byte> out;
  std::vector<float> lse;
  OutputRows rows;  ///< points into this result; all query heads
};
/// The rows of `tokens`.
EmulatedResult emulate(const InputSource& inputs, const TokenSet& tokens, const Emulation& how);

}  // namespace ringfold
