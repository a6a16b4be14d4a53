#pragma once

#include "experiments/yaml_tree.h"

#include <nlohmann/json_fwd.hpp>

namespace ringfold {

/// Checks what lies between keys: heads that divide, sizes that can be counted, inputs of one kind. `values` is what
/// validate_tree() made of `root` (values that it refused are absent, and not reported again).
void check_shapes(const nlohmann::json& values, const YamlNode& root, Diagnostics& diagnostics);

}  // namespace ringfold
