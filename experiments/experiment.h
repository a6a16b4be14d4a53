#pragma once

#include "experiments/case.h"
#include "experiments/vocabulary.h"

#include <span>
#include <string>
#include <string_view>

namespace ringfold {

/// The sweep makes at most so many cases.
inline constexpr int64_t kMaxCases = 10'000;

/// Reads an experiment file, applies overrides ("key=value", dotted keys) and the sweep, and validates every case,
/// headers of input files included. Paths in the file are relative to it, paths in overrides to the current directory.
/// Throws ConfigurationError with all errors found.
Experiment load_experiment(const std::string& path, std::span<const std::string> overrides, const Vocabulary& words);

/// The same for a text; `file` stands in messages and its folder is where paths start.
Experiment parse_experiment(std::string_view text, const std::string& file, std::span<const std::string> overrides,
                            const Vocabulary& words);

}  // namespace ringfold
