#pragma once

#include "experiments/vocabulary.h"

namespace ringfold {

/// A fixed vocabulary, so that the tests of the file format do not move with the plugins.
inline Vocabulary test_words() {
  Vocabulary words = make_vocabulary({}, {}, {}, {});
  words.strategies.insert(words.strategies.begin(),
                          {{"balanced_ring", "", {{"heads", {"contiguous", "within_groups"}, ""}}},
                           {"naive_ring", "", {}},
                           {"all_gather", "", {{"layout", {"contiguous", "zigzag"}, ""}}}});
  words.transports.insert(words.transports.begin(), {"in_process", "", {}});
  words.kernels.insert(words.kernels.begin(), {{"cpu_reference", "", {}}, {"cpu_fast", "", {}}});
  words.passes = {"fuse", "early", "reuse"};
  return words;
}

/// The smallest experiment, one key a line.
inline constexpr const char* kMinimal =
    "name: t\n"
    "problem:\n"
    "  sequences: [{query: 16}]\n"
    "  heads: {query: 4, kv: 2, dim: 8}\n"
    "strategies: [naive_ring]\n";

}  // namespace ringfold
