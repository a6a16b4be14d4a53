#include "tests/lib/emulation.h"

namespace ringfold {

std::string_view to_string(Fault fault) {
  static constexpr std::string_view kNames[] = {
      "none",           "merge_averages",   "merge_in_base_2", "merge_keeps_lse",   "lse_in_base_2",
      "mask_sees_next", "mask_misses_last", "mask_is_local",   "mask_drops_prefix", "blocks_swapped",
      "block_lost",     "block_doubled",    "block_stale",     "prefix_repeated",   "shard_gap",
      "shard_overlap",  "sequence_leaks",   "kv_head_wrong",   "query_head_wrong",  "rows_shifted",
      "scale_off",      "rescale_missed",   "tail_is_zero",    "tail_is_stale",     "channels_stale",
      "output_is_zero", "narrow_weights",   "narrow_tiles",    "narrow_merges"};
  return kNames[static_cast<size_t>(fault)];
}

std::vector<Fault> all_faults() {
  std::vector<Fault> faults;
  for (int i = 1; i <= static_cast<int>(Fault::narrow_merges); ++i) faults.push_back(static_cast<Fault>(i));
  return faults;
}

}  // namespace ringfold
