#pragma once

#include "experiments/case.h"
#include "experiments/vocabulary.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace ringfold {

/// Turns validated values (all checks passed; one entry in `strategies`; `inputs` complete, with digest) into a case.
/// `input_path` is the input file, ready to open; empty if inputs are generated.
Case make_case(nlohmann::json values, const std::string& input_path, const Vocabulary& words);

}  // namespace ringfold
