#pragma once

#include <string_view>

namespace ringfold {

/// The files of experiments/report/, embedded by the build: the page with places for the others, the style, and the
/// scripts one after another.
std::string_view report_template();
std::string_view report_style();
std::string_view report_script();

}  // namespace ringfold
