#pragma once

#include <map>
#include <string>
#include <vector>

namespace ringfold {

/// Options of a strategy, as the experiment file gives them, defaults filled in.
using Options = std::map<std::string, std::string>;

/// One option: its allowed words, the first of which is the default.
struct OptionSpec {
  std::string name;
  std::vector<std::string> values;
  std::string help;
};

}  // namespace ringfold
