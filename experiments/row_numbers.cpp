#include "experiments/row_numbers.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>

namespace ringfold {

double number_of(const Row& json) {
  if (json.is_number()) return json.get<double>();
  return json == "inf" ? INFINITY : json == "-inf" ? -INFINITY : NAN;
}

double median_of(const Row& row) { return number_of(row["timing"]["median_ms"]); }

std::string interval_text(const Row& row) {
  if (!row.contains("timing") || !row["timing"].contains("confidence_ms")) return "";
  const Row& interval = row["timing"]["confidence_ms"];
  if (!interval.is_array() || interval.size() != 2) return "";  // a stranger's
  const double half = 50 * (number_of(interval.at(1)) - number_of(interval.at(0))) / median_of(row);
  if (!std::isfinite(half)) return "";
  return fmt::format("±{:.{}f}%", half, half < 9.95 ? 1 : 0);
}

std::string problem_of(const Row& row) {
  Row problem = row["case"];
  problem.erase("strategies");
  return problem.dump();
}

}  // namespace ringfold
