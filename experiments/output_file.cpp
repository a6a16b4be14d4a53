#include "experiments/output_file.h"

#include "lib/dtype.h"

#include <algorithm>

namespace ringfold {
namespace {

constexpr int64_t kRowsAtOnce = 1024;

/// Calls use(range) for pieces of at most kRowsAtOnce tokens.
template <typename Use>
void for_pieces(const TokenSet& tokens, Use&& use) {
  for (const TokenRange& range : tokens.ranges()) {
    for (int64_t begin = range.begin; begin < range.end; begin += kRowsAtOnce) {
      use(TokenRange{range.sequence, begin, std::min(range.end, begin + kRowsAtOnce)});
    }
  }
}

}  // namespace

OutputFile::OutputFile(const std::string& path, const Problem& problem)
    : heads_(problem.heads),
      writer_(path, {{"out", {problem.query_tokens(), problem.heads.query, problem.heads.dim}},
                     {"lse", {problem.query_tokens(), problem.heads.query}}}) {
  int64_t row = 0;
  for (const Sequence& sequence : problem.sequences) {
    first_row_.push_back(row - sequence.cached);
    row += sequence.query;
  }
}

void OutputFile::write(const OutputRows& rows) {
  const int64_t heads = rows.heads.size();
  std::vector<float> values;
  int64_t local = 0;
  for_pieces(rows.tokens, [&](const TokenRange& range) {
    for (int64_t position = range.begin; position < range.end; ++position, ++local) {
      const int64_t row = first_row_[static_cast<size_t>(range.sequence)] + position;
      const int64_t first = row * heads_.query + rows.heads.begin;
      if (rows.out != nullptr) {
        values.resize(static_cast<size_t>(heads * heads_.dim));
        for (int64_t head = 0; head < heads; ++head) {
          const int64_t offset = head * rows.out_head_stride + local * rows.out_token_stride;
          load_floats(rows.dtype, static_cast<const std::byte*>(rows.out) + offset * bytes_of(rows.dtype), heads_.dim,
                      values.data() + head * heads_.dim);
        }
        writer_.write_elements("out", first * heads_.dim, values);
      }
      if (rows.lse != nullptr) {
        values.resize(static_cast<size_t>(heads));
        for (int64_t head = 0; head < heads; ++head) {
          values[static_cast<size_t>(head)] = rows.lse[head * rows.lse_head_stride + local * rows.lse_token_stride];
        }
        writer_.write_elements("lse", first, values);
      }
    }
  });
}

void save_inputs(const std::string& path, const InputSource& inputs) {
  const Problem& problem = inputs.problem();
  std::vector<SafetensorsShape> shapes;
  for (const InputTensor tensor : given_tensors(problem)) shapes.push_back(file_shape(problem, tensor));
  SafetensorsWriter writer(path, shapes);
  for (const InputTensor tensor : given_tensors(problem)) {
    const InputShape shape = input_shape(problem, tensor);
    int64_t first = 0;
    std::vector<float> values;
    for_pieces(shape.rows, [&](const TokenRange& range) {
      values.resize(static_cast<size_t>(range.size() * shape.heads * shape.channels));
      read_all_heads(inputs, tensor, range, values.data());
      writer.write_rows(std::string(to_string(tensor)), first, values);
      first += range.size();
    });
  }
  writer.finish();
}

}  // namespace ringfold
