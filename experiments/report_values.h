#pragma once

#include "experiments/row.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

// What a report takes from a row. Rows may come from strangers: a value of another type counts as absent.

/// The value at a JSON pointer ("/plan/imbalance"); null if there is none.
const Row* value_of(const Row& row, std::string_view pointer);
/// A finite number.
std::optional<double> number_of(const Row& row, std::string_view pointer);
/// Finite numbers; empty if anything else is among them.
std::vector<double> numbers_of(const Row& row, std::string_view pointer);
/// At most so many bytes of a text, whole characters, with "..." where more is left out; empty if absent.
std::string text_of(const Row& row, std::string_view pointer, size_t most_bytes);
std::string shortened(std::string text, size_t most_bytes);

/// With six significant digits: as many as a page shows.
Row short_number(double value);
/// The first `most` of them.
Row short_numbers(const std::vector<double>& values, size_t most);

}  // namespace ringfold
