#pragma once

#include "experiments/row.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ringfold {

struct TableStyle {
  bool colours = false;
  int64_t columns = 0;      ///< of the terminal: lines should fit, less important columns go first; 0: none, any width
  bool is_unicode = false;  ///< bars may be drawn with more than ASCII
};

/// What suits the terminal, or the file, behind a descriptor.
TableStyle table_style_of(int fd);

/// The table of a run: one line a row, problems together, the fastest passed strategy of each problem with a star;
/// under it what is odd about their repeats, why rows were skipped, refuted or failed, and how many there are of each;
/// on a terminal, bars.
std::string results_table(const std::vector<Row>& rows, const TableStyle& style);

/// "all_gather layout=zigzag": a strategy and those of its options that are not the defaults.
std::string strategy_label(const std::string& strategy, const Options& options);
std::string strategy_label(const Row& row);

/// One line on what all cases have in common: tokens, heads, mask, dtype, ranks, kernel, transport.
std::string common_text(const std::vector<Row>& cases);

}  // namespace ringfold
