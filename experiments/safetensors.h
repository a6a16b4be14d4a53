#pragma once

#include "lib/inputs.h"
#include "lib/problem.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ringfold {

/// One tensor of a safetensors file (row-major).
struct SafetensorsEntry {
  DType dtype = DType::fp32;
  std::vector<int64_t> shape;
  int64_t begin = 0;  ///< byte offset in the file
  int64_t end = 0;
};

/// The header of a safetensors file, validated strictly: its size and JSON, dtypes F32, BF16 and F16, bytes that match
/// the shapes, tensors that cover the data without gap or overlap, and the file's size.
/// Throws Error(configuration) naming the file and the fault.
std::map<std::string, SafetensorsEntry> read_safetensors_header(const std::string& path);

struct SafetensorsShape {
  std::string name;
  std::vector<int64_t> shape;
};

/// How a tensor of a problem stands in a file: q [query tokens, query heads, dim], k and v [kv tokens, kv heads, dim];
/// x [kv tokens, hidden], wq [hidden, query heads * dim], wk and wv [hidden, kv heads * dim].
SafetensorsShape file_shape(const Problem& problem, InputTensor tensor);

/// Throws Error(configuration) unless the file holds what the problem is given as, in its dtype or in fp32; names the
/// tensor and both shapes.
void check_input_file(const std::string& path, const Problem& problem);

/// Reads rows of a safetensors file as fp32, whatever their dtype; may be shared by threads.
class SafetensorsReader {
 public:
  explicit SafetensorsReader(const std::string& path);
  ~SafetensorsReader();
  const std::map<std::string, SafetensorsEntry>& entries() const;
  /// Throws Error(configuration) if there is no such tensor.
  const SafetensorsEntry& entry(const std::string& name) const;
  /// Rows [first_row, first_row + rows) of the first axis into `values` (rows x elements of a row).
  void read_rows(const std::string& name, int64_t first_row, int64_t rows, std::span<float> values) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A number that no case can use: NaN, infinite, or infinite once it is rounded to the case's dtype. Under a layer also
/// one of Q, K or V that what is given would be projected to.
struct BadValue {
  InputTensor tensor = InputTensor::q;
  int64_t index = 0;  ///< of the element, row-major
  double value = 0;
};
/// The first one in what a file that check_input_file has accepted gives to the problem. Reads all of it, and projects
/// the rows that may be too large.
std::optional<BadValue> find_bad_value(const std::string& path, const Problem& problem);
/// "tensor 'k' at [17, 1, 3] (sequence 0, position 17, head 1, channel 3) is nan; allowed: finite numbers".
std::string describe(const BadValue& bad, const Problem& problem);

/// Writes fp32 tensors to a new file, in any order of rows and with less memory than the tensors. The file appears
/// under its name only in finish(), whole and flushed to disk; until then (or without it) only "PATH.tmp" exists, which
/// the destructor removes. All errors are Error(internal) naming the file: a full disk, a folder that cannot be
/// written.
class SafetensorsWriter {
 public:
  SafetensorsWriter(const std::string& path, const std::vector<SafetensorsShape>& tensors);
  ~SafetensorsWriter();
  /// May be called from several threads for disjoint rows.
  void write_rows(const std::string& name, int64_t first_row, std::span<const float> values);
  /// The same for elements in row-major order: part of a row.
  void write_elements(const std::string& name, int64_t first, std::span<const float> values);
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringfold
