#include "experiments/commands.h"
#include "experiments/printable.h"
#include "experiments/result_reader.h"
#include "experiments/streams.h"
#include "experiments/table.h"
#include "experiments/text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <initializer_list>
#include <string_view>
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

/// A map without some of its keys, of which it has no copies.
void keep_but(Row& json, std::initializer_list<std::string_view> dropped) {
  auto& map = json.get_ref<Row::object_t&>();
  Row::object_t kept;
  kept.reserve(map.size());
  for (auto& [key, value] : map) {
    if (std::ranges::find(dropped, key) == dropped.end()) kept.emplace_back(key, std::move(value));
  }
  map = std::move(kept);
}

/// What the table is made of, since a file may hold many rows; fit for a terminal.
Row slim(Row& row) {
  keep_but(row, {"traffic", "environment", "command"});
  if (row.contains("plan")) keep_but(row["plan"], {"received_bytes", "flops", "attends"});
  if (row.contains("timing")) {
    keep_but(row["timing"], {"breakdown"});
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
    tell(unusable_text(summary));
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
