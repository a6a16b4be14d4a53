#pragma once

#include <cstdint>

namespace ringfold {

// Tasks name rows by lists of segments. For devices these become lists of runs, of consecutive rows each; `first`
// counts the rows of the runs before. Device code numbers the rows of all runs through and looks their run up.

/// Index of the run that holds a row: the last one whose `first` is not above it. Also for devices.
template <typename Run>
constexpr int64_t find_run(const Run* runs, int64_t count, int64_t row) {
  int64_t begin = 0;
  for (int64_t end = count; end - begin > 1;) {
    const int64_t middle = begin + (end - begin) / 2;
    (runs[middle].first <= row ? begin : end) = middle;
  }
  return begin;
}

/// Goes through the units of a tile of rows, `width` units each, in steps of `step` units. Also for devices; a tile has
/// fewer than 2^31 units.
struct TileWalk {
  int32_t row = 0;
  int32_t unit = 0;
  int32_t step_rows = 0;
  int32_t step_units = 0;
  int32_t width = 1;

  constexpr TileWalk(int32_t start, int32_t step, int32_t units)
      : row(start / units), unit(start % units), step_rows(step / units), step_units(step % units), width(units) {}
  constexpr void next() {
    row += step_rows;
    unit += step_units;
    if (unit >= width) {
      unit -= width;
      ++row;
    }
  }
};

}  // namespace ringfold
