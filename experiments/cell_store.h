#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringfold {

/// Rows of cells, kept until it is known what columns there are: some megabytes in memory, more in a file without a
/// name.
class CellStore {
 public:
  using Cells = std::vector<std::pair<uint32_t, std::string_view>>;  ///< column and text

  /// A cell of the row that has not been ended.
  void add(uint32_t column, std::string_view text);
  /// Throws Error(internal) where the file cannot be written.
  void end_row();
  /// All rows in their order. Ends the store.
  void read(const std::function<void(const Cells& cells)>& on_row);

 private:
  void put(uint32_t number);
  void write();
  bool read_block();
  void read_rows(const std::function<void(const Cells& cells)>& on_row) const;

  std::string block_;  ///< whole rows: of each its cells and kEnd; of each cell its column, its size and its text
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, &std::fclose};
};

}  // namespace ringfold
