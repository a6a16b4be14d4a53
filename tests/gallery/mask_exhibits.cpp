#include "tests/gallery/gallery.h"
#include "tests/lib/hand_plans.h"

namespace ringfold {

namespace {

/// A ring over 3 shards of 4 tokens whose attends have masks of their own: mask(step).
template <typename MaskOf>
Schedule masked_ring(const Mask& mask, MaskOf&& mask_of) {
  Problem problem = small_problem(12);
  problem.mask = mask;
  Schedule schedule = ring_plan(problem, 3);
  for (size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    int64_t step = 0;
    for (Operation& operation : schedule.ranks[rank].operations) {
      auto* attend = std::get_if<Attend>(&operation);
      if (attend != nullptr) attend->mask = mask_of(static_cast<int64_t>(rank), step++);
    }
  }
  return schedule;
}

Schedule window_dropped(bool defective) {
  const Mask window{MaskKind::window, 3};
  return masked_ring(window, [&](int64_t, int64_t) { return defective ? Mask{MaskKind::causal, 0} : window; });
}

// The kernel counts positions from the beginning of its two blocks, so that its window is a shard wider each step.
Schedule window_local(bool defective) {
  const Mask window{MaskKind::window, 3};
  return masked_ring(window, [&](int64_t rank, int64_t step) {
    const bool below = step <= rank;
    return defective && below ? Mask{MaskKind::window, 3 + 4 * step} : window;
  });
}

Schedule full_in_causal_ring(bool defective) {
  const Mask causal{MaskKind::causal, 0};
  return masked_ring(causal, [&](int64_t, int64_t) { return defective ? Mask{MaskKind::full, 0} : causal; });
}

}  // namespace

std::vector<Exhibit> mask_exhibits() {
  return {
      {"A sliding window dropped under the ring", "PrimeIntellect-ai/prime-rl, pull request 2828", window_dropped,
       Proof::coverage,
       "rank 0, operation 0 (attend): under mask causal queries 0:[0,4) x heads [0,2) attend 10 (query, key) "
       "pairs of keys 0:[0,4) in block 1 (kv 0:[0,4) x heads [0,1)), but mask window 3 of the problem shows "
       "them 9"},
      {"A sliding window that does not move with the ring", "open-lm-engine/lm-engine, pull request 447", window_local,
       Proof::coverage,
       "rank 1, operation 2 (attend): under mask window 7 queries 0:[4,8) x heads [0,2) attend 15 (query, key) "
       "pairs of keys 0:[0,4) in block 3 (kv 0:[0,4) x heads [0,1)), but mask window 3 of the problem shows "
       "them 3"},
      {"A full mask inside a causal ring", "NVIDIA/TensorRT-LLM, pull request 13821", full_in_causal_ring,
       Proof::coverage,
       "rank 0, operation 0 (attend): under mask full queries 0:[0,4) x heads [0,2) attend 16 (query, key) "
       "pairs of keys 0:[0,4) in block 1 (kv 0:[0,4) x heads [0,1)), but mask causal of the problem shows them "
       "10"},
  };
}

}  // namespace ringfold
