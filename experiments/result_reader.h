#pragma once

#include "experiments/row.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// A line of a results file that gave no row.
struct UnusableLine {
  std::string file;
  int64_t line = 0;  ///< from 1
  std::string reason;
};

/// What became of the lines that were read.
struct ReadSummary {
  static constexpr size_t kMostListed = 1000;

  int64_t rows = 0;                  ///< given to the callback
  int64_t unusable = 0;              ///< all of them
  std::vector<UnusableLine> listed;  ///< the first kMostListed of them: memory is bounded
};

/// The files of results at `path`: itself if it is a file, else results.jsonl in it, else every results.jsonl below it
/// in the order of their paths. Error(configuration) if there is none or it cannot be read.
std::vector<std::string> result_files(const std::string& path);

/// Where a row comes from.
struct RowPlace {
  const std::string& file;
  int64_t line = 0;
};
using OnRow = std::function<void(Row& row, const RowPlace& place)>;

/// Reads a file line by line and gives each whole row of schema 1 to `on_row`, which may change it or move it away;
/// what a row holds has been checked (row_shape.h), so that all that reads rows may trust their types. All other lines,
/// but empty ones, go to `summary`. Holds some megabytes of lines at a time, parsed by threads of their own; `on_row`
/// is called by the caller's, in the order of the lines. No stranger's file can make it hold more than some 400 MB.
/// Strings are as they stand in the file: terminals need printable() (printable.h), HTML its own escapes.
/// Error(configuration) if it cannot be read.
void read_result_file(const std::string& file, ReadSummary& summary, const OnRow& on_row);

/// All files at `path`.
ReadSummary read_results(const std::string& path, const OnRow& on_row);

/// For standard error: a line for each reason with the places where it was met, printable; empty if all lines are rows.
std::string unusable_text(const ReadSummary& summary);

/// Error(configuration) if not one row was read from `source`.
void require_rows(const ReadSummary& summary, const std::string& source);

}  // namespace ringfold
