#pragma once

#include "experiments/diagnostics.h"
#include "experiments/experiment.h"
#include "experiments/vocabulary.h"
#include "tests/catch.h"

#include <string>
#include <vector>

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

/// Reads a text as "t.yaml" in the current directory.
inline Experiment parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return parse_experiment(text, "t.yaml", overrides, test_words());
}

/// All lines of the refusal; empty if the text is accepted.
inline std::string errors_of(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    parse(text, overrides);
  } catch (const ConfigurationError& error) {
    CHECK(error.code() == ExitCode::configuration);
    return error.what();
  }
  return "";
}

/// The errors of the smallest experiment with these overrides.
inline std::string override_errors(const std::vector<std::string>& overrides) { return errors_of(kMinimal, overrides); }

}  // namespace ringfold
