#include "experiments/commands.h"
#include "experiments/printable.h"
#include "experiments/result_reader.h"
#include "experiments/table.h"
#include "experiments/text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace ringfold {
namespace {

/// Of each repeat, the table shows the slowest rank.
void keep_slowest(Row& ranks_ms) {
  const auto is_number = [](const Row& ms) { return ms.is_number(); };
  for (Row& ranks : ranks_ms) {
    if (!std::all_of(ranks.begin(), ranks.end(), is_number)) continue;
    const auto slowest = *std::max_element(ranks.begin(), ranks.end());
    ranks = Row::array({slowest});
  }
}

/// What the table is made of, since a file may hold many rows; fit for a terminal.
Row slim(Row& row) {
  for (const char* field : {"traffic", "environment", "command"}) row.erase(field);
  if (row.contains("plan")) {
    for (const char* field : {"received_bytes", "flops", "attends"}) row["plan"].erase(field);
  }
  if (row.contains("timing")) {
    row["timing"].erase("breakdown");
    keep_slowest(row["timing"]["ranks_ms"]);
  }
  make_printable(row);
  return std::move(row);
}

}  // namespace

ExitCode show_command(const std::string& path) {
  const TableStyle style = table_style_of(STDOUT_FILENO);
  const std::vector<std::string> files = result_files(path);
  ReadSummary all;
  for (const std::string& file : files) {
    ReadSummary summary;
    std::vector<Row> rows;
    read_result_file(file, summary, [&](Row& row, const RowPlace&) { rows.push_back(slim(row)); });
    fmt::print(stderr, "{}", unusable_text(summary));
    all.rows += summary.rows;
    all.unusable += summary.unusable;
    if (rows.empty()) continue;
    if (files.size() > 1) fmt::print("{}{}\n", &file == &files.front() ? "" : "\n", printable(file));
    fmt::print("{}", results_table(rows, style));
  }
  require_rows(all, path);
  return ExitCode::ok;
}

}  // namespace ringfold
