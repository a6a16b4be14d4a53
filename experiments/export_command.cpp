#include "experiments/cell_store.h"
#include "experiments/commands.h"
#include "experiments/csv.h"
#include "experiments/printable.h"
#include "experiments/result_reader.h"
#include "experiments/streams.h"
#include "experiments/text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <numeric>
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

/// The columns of all rows, in the order in which they are met: the first row may lack what the last one has.
class Columns {
 public:
  uint32_t at(const std::string& name) {
    const auto [found, is_new] = numbers_.try_emplace(name, static_cast<uint32_t>(names_.size()));
    if (is_new) names_.push_back(name);
    RINGFOLD_CHECK(names_.size() <= kMostColumns, ExitCode::configuration,
                   "the rows have more than {} different fields: no table holds them", kMostColumns);
    return found->second;
  }
  const std::string& name(uint32_t column) const { return names_[column]; }

  /// In the order of the contract.
  std::vector<uint32_t> sorted() const {
    std::vector<uint32_t> order(names_.size());
    std::iota(order.begin(), order.end(), uint32_t{0});
    std::ranges::stable_sort(order, {}, [&](uint32_t column) { return place_of(names_[column]); });
    return order;
  }

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, uint32_t> numbers_;
};

/// Reads all rows. They are read once: parsing them is what takes the time.
void collect(const std::string& path, Columns& columns, CellStore& store) {
  const std::vector<std::string> files = result_files(path);
  ReadSummary summary;
  for (const std::string& file : files) {
    read_result_file(file, summary, [&](const Row& row, const RowPlace&) {
      if (files.size() > 1) store.add(columns.at("file"), file);
      flatten(row, [&](const std::string& name, const std::string& text) { store.add(columns.at(name), text); });
      store.end_row();
    });
  }
  tell(unusable_text(summary));
  require_rows(summary, path);
}

/// A terminal must not be told anything by a stranger; a file gets what is there.
class Lines {
 public:
  void print(const std::vector<std::string_view>& cells) {
    line_.clear();
    for (const std::string_view& cell : cells) {
      if (&cell != &cells.front()) line_ += ',';
      is_shown_ ? add_csv_cell(line_, printable(cell)) : add_csv_cell(line_, cell);
    }
    line_ += '\n';
    std::fwrite(line_.data(), 1, line_.size(), stdout);
    RINGFOLD_CHECK(std::ferror(stdout) == 0, ExitCode::internal, "cannot write to standard output");
  }

 private:
  bool is_shown_ = ::isatty(STDOUT_FILENO) != 0;
  std::string line_;
};

}  // namespace

ExitCode export_command(const std::string& path) {
  Columns columns;
  CellStore store;
  collect(path, columns, store);
  const std::vector<uint32_t> order = columns.sorted();
  std::vector<size_t> places(order.size());
  for (size_t i = 0; i < order.size(); ++i) places[order[i]] = i;
  Lines lines;
  std::vector<std::string_view> cells(order.size());
  for (size_t i = 0; i < order.size(); ++i) cells[i] = columns.name(order[i]);
  lines.print(cells);
  store.read([&](const CellStore::Cells& row) {
    std::ranges::fill(cells, std::string_view());
    for (const auto& [column, text] : row) cells[places[column]] = text;
    lines.print(cells);
  });
  return ExitCode::ok;
}

}  // namespace ringfold
