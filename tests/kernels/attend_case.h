#pragma once

#include "lib/kernel.h"
#include "lib/schedule.h"

#include <limits>
#include <span>
#include <vector>

namespace ringfold::testing {

/// Memory of one plane of a block, whose every element outside the tokens' rows is poison: between rows where `padding`
/// elements are left free, between heads, before and behind, and in pages where nothing lies.
class Plane {
 public:
  Plane(DType dtype, const TokenSet& tokens, const HeadRange& heads, int64_t channels, int64_t padding = 0,
        Layout layout = Layout::heads_outer, float poison = std::numeric_limits<float>::quiet_NaN(),
        int64_t page_size = 0);
  Plane(const Plane& other);
  Plane(Plane&&) = default;
  Plane& operator=(const Plane&) = delete;
  const Tensor& tensor() const { return tensor_; }
  void write(int64_t head, int64_t row, const std::vector<float>& values);
  std::vector<float> read(int64_t head, int64_t row) const;
  /// Is everything outside the rows still poison?
  bool poison_intact() const;
  /// All of the memory, the tensor's data and the poison around it.
  std::span<std::byte> memory() { return std::as_writable_bytes(std::span(memory_)); }
  std::span<const std::byte> memory() const { return std::as_bytes(std::span(memory_)); }

 private:
  std::vector<bool> used_elements() const;
  std::vector<uint32_t> memory_;  // enough for either width; its content is what `tensor_` says
  float poison_;
  int64_t elements_ = 0;
  int64_t channels_ = 0;
  int64_t rows_ = 0;
  Tensor tensor_;
};

/// One attention over tokens and heads of a problem, with inputs made from (sequence, position, head, channel) alone.
struct AttendCase {
  Heads heads;
  Mask mask;
  DType dtype = DType::fp32;
  TokenSet queries;
  HeadRange query_heads;
  std::vector<TokenSet> kv;  ///< pieces
  float sharpness = 1.0f;    ///< typical size of a logit
  double softcap = 0;
  int64_t padding = 0;    ///< free elements behind each row
  int64_t page_size = 0;  ///< of K and V; 0: contiguous
  Layout layout = Layout::heads_outer;
  float poison = std::numeric_limits<float>::quiet_NaN();  ///< what stands where nobody may look
  double scale() const;
};

/// [query head][row][dim] and [query head][row].
struct AttendResult {
  std::vector<float> o;
  std::vector<float> lse;
  bool poison_intact = true;
  bool operator==(const AttendResult&) const = default;
};

enum class Plan {
  at_once,  ///< one attend of all pieces
  folded    ///< an attend a piece, each folded into the state of those before
};

AttendResult attend(Kernel& kernel, const AttendCase& input, Plan plan = Plan::at_once);
AttendResult attend(std::string_view kernel, const AttendCase& input, Plan plan = Plan::at_once, int threads = 1);

/// Largest ratio of error to the bound of docs/numerics.md, over O and LSE of all rows, by a plain double loop;
/// infinity where a row that sees nothing is not exactly (0, -inf).
double worst_ratio(const AttendCase& input, const AttendResult& result, int64_t merged_states);

/// One line for INFO.
std::string describe(const AttendCase& input);

enum class Role : uint64_t { query = 1, key = 2, value = 3 };
/// The input's channels: roughly normal, variance 1 (queries: sharpness squared), rounded to the dtype.
std::vector<float> input_row(const AttendCase& input, Role role, int64_t sequence, int64_t position, int64_t head);
bool visible(const Mask& mask, int64_t query_position, int64_t key_position);

}  // namespace ringfold::testing
