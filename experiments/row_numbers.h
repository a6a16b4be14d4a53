#pragma once

#include "experiments/row.h"

#include <string>

namespace ringfold {

/// A number of a row, where "inf", "-inf" and "nan" stand for those that JSON lacks.
double number_of(const Row& json);
/// timing.median_ms; requires a timing.
double median_of(const Row& row);
/// Half the width of timing.confidence_ms as a part of the median, such as "±1.2%"; empty where there is none.
std::string interval_text(const Row& row);
/// Equal for rows that differ in their strategy only.
std::string problem_of(const Row& row);

}  // namespace ringfold
