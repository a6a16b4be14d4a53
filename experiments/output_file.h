#pragma once

#include "experiments/case.h"
#include "experiments/safetensors.h"
#include "lib/compare.h"
#include "lib/inputs.h"

#include <string>
#include <vector>

namespace ringfold {

/// `out` [query tokens, query heads, dim] and `lse` [query tokens, query heads] of a case, in fp32. Ranks write the
/// rows and heads that they hold, at the same time.
class OutputFile {
 public:
  OutputFile(const std::string& path, const Problem& problem);
  void write(const OutputRows& rows);
  /// After all ranks have written: the file appears under its name.
  void finish() { writer_.finish(); }

 private:
  Heads heads_;
  std::vector<int64_t> first_row_;  ///< of each sequence's position 0, were it a new token
  SafetensorsWriter writer_;
};

/// Writes what is given, q, k and v or x, wq, wk and wv, usable as an input file.
void save_inputs(const std::string& path, const InputSource& inputs);

}  // namespace ringfold
