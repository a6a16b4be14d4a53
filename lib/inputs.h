#pragma once

#include "lib/input_formula.h"
#include "lib/problem.h"
#include "lib/reference_row.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace ringfold {

std::string_view to_string(InputKind kind);

/// "q", "wk", ...: as in input files.
std::string_view to_string(InputTensor tensor);

/// What a tensor holds: rows of each of its heads. Rows of weights are channels of the hidden states, see
/// weight_rows(); x has one head.
struct InputShape {
  TokenSet rows;
  int64_t heads = 1;
  int64_t channels = 1;
  int64_t elements() const { return rows.size() * heads * channels; }
};
InputShape input_shape(const Problem& problem, InputTensor tensor);
/// InputShape::channels alone.
int64_t input_channels(const Problem& problem, InputTensor tensor);

/// The tensors that a problem is given as: q, k, v or, with a layer, x, wq, wk, wv.
std::vector<InputTensor> given_tensors(const Problem& problem);

class GeneratedInputs;
class InputSource;

/// Rows of all heads into out[row][head][channel], as they stand in an input file.
void read_all_heads(const InputSource& inputs, InputTensor tensor, const TokenRange& rows, float* out);

/// Q, K and V of a problem, not rotated, and what a layer projects them from, by global position: whoever asks for a
/// row gets the same bits. Immutable, so that all ranks may read it at once.
class InputSource {
 public:
  explicit InputSource(const Problem& problem) : problem_(problem) {}
  virtual ~InputSource() = default;
  const Problem& problem() const { return problem_; }

  /// Rows of one head (query head for q, kv head for k and v) into out[token][channel], see input_shape(). Every value
  /// is one of the problem's dtype. q: new tokens only (positions cached .. length - 1). Under a layer q, k and v can
  /// be read of ProjectedInputs, which makes them of what is given.
  virtual void read(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const = 0;
  /// The same as they are attended: Q and K rotated where the problem has a rotary embedding.
  void read_rotated(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const;
  /// How far elements that read() gives may be from what a correct kernel makes of the same given tensors: above 0 for
  /// projections whose sums fp32 may round.
  virtual void read_doubts(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const;
  /// |difference|_2 that the doubts allow a row of Q, K (as attended: rotated) or V.
  double row_doubt(InputTensor tensor, int64_t sequence, int64_t position, int64_t head) const;
  /// How the values were generated, if they were.
  virtual std::optional<InputKind> kind() const { return std::nullopt; }
  /// The generator behind the values, for whoever makes them elsewhere; null if they were not generated.
  virtual const GeneratedInputs* generated() const { return nullptr; }
  /// The row's answer where it is known without attending, in O(dim) time; false where it is not.
  virtual bool known_answer(const QueryRow& row, ReferenceRow& answer) const;

 private:
  Problem problem_;
};

/// Inputs made by the formulas of input_formula.h, rounded to the problem's dtype.
class GeneratedInputs final : public InputSource {
 public:
  /// The problem must have at least one head and dimension. needle and peaked need a positive scale.
  GeneratedInputs(const Problem& problem, InputKind kind, uint64_t seed);

  void read(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const override;
  std::optional<InputKind> kind() const override { return recipe_.kind; }
  const GeneratedInputs* generated() const override { return this; }
  /// count: always. needle: where every position has a code of its own (dim >= bits of the last position), and nothing
  /// is done to logits but scaling.
  bool known_answer(const QueryRow& row, ReferenceRow& answer) const override;

  const InputRecipe& recipe() const { return recipe_; }
  InputRow row(InputTensor tensor, int64_t sequence, int64_t position, int64_t head) const;

 private:
  InputRecipe recipe_;
};

/// Inputs given as arrays: q [query tokens, query heads, dim], k and v [all tokens, kv heads, dim], or x [all tokens,
/// hidden] and wq, wk, wv [hidden, heads, dim]; sequences concatenated in order (as in an input file), in fp32; they
/// are rounded to the problem's dtype.
class StoredInputs final : public InputSource {
 public:
  /// Throws Error(configuration) if an array's size is not the problem's.
  /// `tensors`: in the order of given_tensors().
  StoredInputs(const Problem& problem, std::vector<std::vector<float>> tensors);
  void read(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const override;

 private:
  struct Stored {
    InputTensor which = InputTensor::q;
    InputShape shape;
    std::vector<float> values;
  };
  std::vector<Stored> tensors_;
};

/// Where element (token, head, channel) of a plane stands, in elements of its dtype: rows in ascending
/// (sequence, position) order, channels next to each other.
struct RowStrides {
  int64_t token = 0;
  int64_t head = 0;
};

/// Writes the rows of `tokens` x `heads` (query heads for q and wq, 0 for x, else kv heads) at `out`, in the problem's
/// dtype.
void write_rows(const InputSource& inputs, InputTensor tensor, const TokenSet& tokens, const HeadRange& heads,
                void* out, const RowStrides& strides);

}  // namespace ringfold
