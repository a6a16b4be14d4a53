#pragma once

#include <cstdint>
#include <span>

namespace ringfold {

/// Into how many keys the lists of keys of a decode are cut, `lengths` keys each: a multiple of kDecodeKeys. Each part
/// is a block a kv head, of which a device runs `slots` at once and starts the next when one ends. Of cuts that make
/// one such round of blocks, two, and so on, that one which ends first: lists are seldom cut so that the last round is
/// full.
int64_t keys_of_decode_parts(std::span<const int64_t> lengths, int64_t kv_heads, int64_t slots);

}  // namespace ringfold
