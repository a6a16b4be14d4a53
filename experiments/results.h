#pragma once

#include "experiments/row.h"

#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// DIR/results.jsonl of one run: one whole line a case, on disk when append() returns. Holds a lock on the folder, so
/// that no two runs write the same one. Errors: Error(usage) for a folder that may not be used, Error(internal) for one
/// that cannot be written or a full disk; both name the path.
class Results {
 public:
  /// Creates the folder. One that holds results is refused unless `resume`, which atomically drops a torn last line and
  /// the rows of cases that should run again (exit 1, 4, 6, 7).
  Results(const std::string& folder, bool resume);
  ~Results();
  Results(const Results&) = delete;
  Results& operator=(const Results&) = delete;

  /// "results/NAME-UTCTIME", one that does not exist yet.
  static std::string default_folder(const std::string& name);

  const std::string& folder() const { return folder_; }
  const std::vector<Row>& rows() const { return rows_; }
  bool has(std::string_view id) const;
  /// After an error, the file is as it was before.
  void append(const Row& row);
  /// Puts the rows of these cases in this order, after all others: where resumed, the file then reads as if the run had
  /// never been interrupted.
  void sort_by(const std::vector<std::string>& ids);

 private:
  std::string path() const;
  void lock();
  void read_old_rows();
  void open_for_append();
  void replace(const std::vector<Row>& rows);

  std::string folder_;
  std::vector<Row> rows_;
  int folder_fd_ = -1;
  int file_fd_ = -1;
  int64_t file_bytes_ = 0;
};

}  // namespace ringfold
