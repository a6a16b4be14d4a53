#include "experiments/commands.h"
#include "experiments/csv.h"
#include "experiments/printable.h"
#include "experiments/result_reader.h"
#include "experiments/text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <unistd.h>
#include <unordered_map>

namespace ringfold {
namespace {

constexpr size_t kMostColumns = 10000;  // a row of ours has some 80

/// The order of the contract, for fields that the first row need not have.
constexpr auto kFields = std::to_array<std::string_view>({"file", "schema", "id", "name", "status", "exit", "reason",
                                                          "strategy", "options", "transport", "kernel", "case", "plan",
                                                          "traffic", "numerics", "timing", "environment", "command"});

size_t place_of(const std::string& column) {
  const std::string_view field = std::string_view(column).substr(0, column.find('.'));
  return static_cast<size_t>(std::find(kFields.begin(), kFields.end(), field) - kFields.begin());
}

/// Names and places of the columns of all rows: a first reading, since the first row may lack what the last one has.
struct Columns {
  std::vector<std::string> names;
  std::unordered_map<std::string, size_t> places;

  void add(const std::string& name) {
    if (places.try_emplace(name, names.size()).second) names.push_back(name);
    RINGFOLD_CHECK(names.size() <= kMostColumns, ExitCode::configuration,
                   "the rows have more than {} different fields: no table holds them", kMostColumns);
  }

  void sort() {
    std::stable_sort(names.begin(), names.end(),
                     [](const std::string& a, const std::string& b) { return place_of(a) < place_of(b); });
    for (size_t i = 0; i < names.size(); ++i) places[names[i]] = i;
  }
};

Columns columns_of(const std::vector<std::string>& files, const std::string& path) {
  Columns columns;
  ReadSummary summary;
  if (files.size() > 1) columns.add("file");
  for (const std::string& file : files) {
    read_result_file(file, summary, [&](const Row& row, const RowPlace&) {
      flatten(row, [&](const std::string& name, const std::string&) { columns.add(name); });
    });
  }
  fmt::print(stderr, "{}", unusable_text(summary));
  require_rows(summary, path);
  columns.sort();
  return columns;
}

/// A terminal must not be told anything by a stranger; a file gets what is there.
class Lines {
 public:
  void print(const std::vector<std::string>& cells) {
    std::string line;
    for (const std::string& cell : cells) {
      if (&cell != &cells.front()) line += ',';
      line += csv_cell(is_shown_ ? printable(cell) : cell);
    }
    fmt::print("{}\n", line);
    RINGFOLD_CHECK(std::ferror(stdout) == 0, ExitCode::internal, "cannot write to standard output");
  }

 private:
  bool is_shown_ = ::isatty(STDOUT_FILENO) != 0;
};

}  // namespace

ExitCode export_command(const std::string& path) {
  const std::vector<std::string> files = result_files(path);
  const Columns columns = columns_of(files, path);
  Lines lines;
  lines.print(columns.names);
  ReadSummary summary;
  for (const std::string& file : files) {
    read_result_file(file, summary, [&](const Row& row, const RowPlace&) {
      std::vector<std::string> cells(columns.names.size());
      if (files.size() > 1) cells[columns.places.at("file")] = file;
      flatten(row, [&](const std::string& name, std::string text) {
        // A run that is still going on may have written more since.
        const auto found = columns.places.find(name);
        if (found != columns.places.end()) cells[found->second] = std::move(text);
      });
      lines.print(cells);
    });
  }
  return ExitCode::ok;
}

}  // namespace ringfold
