#include "lib/projected_inputs.h"

#include "lib/dtype.h"
#include "lib/rotary.h"
#include "tests/catch.h"

#include <cmath>

namespace ringfold {
namespace {

Problem layered(int64_t hidden, DType dtype) {
  Problem problem;
  problem.sequences = {{30, 3}};
  problem.heads = {4, 2, 16};
  problem.dtype = dtype;
  problem.layer = Layer{hidden, KvSource::exchange};
  return problem;
}

std::vector<float> rows_of(const InputSource& inputs, InputTensor tensor, int64_t head) {
  const InputShape shape = input_shape(inputs.problem(), tensor);
  std::vector<float> values(static_cast<size_t>(shape.rows.size() * shape.channels));
  inputs.read(tensor, shape.rows.ranges().front(), head, values.data());
  return values;
}

TEST_CASE("generated projections have about variance 1, exact sums and no doubt") {
  for (const DType dtype : {DType::fp32, DType::bf16, DType::fp16}) {
    for (const int64_t hidden : {1, 3, 64, 1000, 4096}) {
      const ProjectedInputs inputs(
          std::make_unique<GeneratedInputs>(layered(hidden, dtype), InputKind::gauss, uint64_t{1}));
      const std::vector<float> x = rows_of(inputs, InputTensor::x, 0);
      const std::vector<float> w = rows_of(inputs, InputTensor::wk, 1);
      const std::vector<float> k = rows_of(inputs, InputTensor::k, 1);
      std::vector<float> doubts(k.size(), 1.0f);
      inputs.read_doubts(InputTensor::k, {0, 0, 33}, 1, doubts.data());
      CHECK(std::all_of(doubts.begin(), doubts.end(), [](float doubt) { return doubt == 0; }));
      double squares = 0;
      for (int64_t row = 0; row < 33; ++row) {
        for (int64_t c = 0; c < 16; ++c) {
          // Backwards and in fp32: the order changes nothing.
          float sum = 0;
          for (int64_t i = hidden - 1; i >= 0; --i) {
            sum += x[static_cast<size_t>(row * hidden + i)] * w[static_cast<size_t>(i * 16 + c)];
          }
          REQUIRE(k[static_cast<size_t>(row * 16 + c)] == round_to(dtype, sum));
          squares += static_cast<double>(sum) * sum;
        }
      }
      const double deviation = std::sqrt(squares / (33 * 16));
      INFO("hidden " << hidden << " deviation " << deviation);
      // 33 rows share their weights, and few channels make few independent ones.
      if (hidden >= 64) CHECK(std::abs(deviation - 1) < 0.15);
      for (const float value : x) REQUIRE(value == round_to(dtype, value));
      for (const float value : w) REQUIRE(value == round_to(dtype, value));
    }
  }
}

TEST_CASE("a value depends on seed, place and tensor only") {
  const ProjectedInputs inputs(
      std::make_unique<GeneratedInputs>(layered(64, DType::fp32), InputKind::gauss, uint64_t{1}));
  Problem other = layered(64, DType::fp32);
  other.sequences = {{20, 13}};
  other.layer->source = KvSource::recompute;
  const ProjectedInputs again(std::make_unique<GeneratedInputs>(other, InputKind::gauss, uint64_t{1}));
  CHECK(rows_of(inputs, InputTensor::k, 0) == rows_of(again, InputTensor::k, 0));
  CHECK(rows_of(inputs, InputTensor::wk, 0) != rows_of(inputs, InputTensor::wv, 0));
  CHECK(rows_of(inputs, InputTensor::wk, 0) != rows_of(inputs, InputTensor::wk, 1));
  const ProjectedInputs seeded(std::make_unique<GeneratedInputs>(other, InputKind::gauss, uint64_t{2}));
  CHECK(rows_of(inputs, InputTensor::k, 0) != rows_of(seeded, InputTensor::k, 0));
}

TEST_CASE("sums that fp32 rounds are in doubt where they may round otherwise") {
  for (const DType dtype : {DType::fp32, DType::bf16}) {
    Problem problem = layered(64, dtype);
    problem.sequences = {{30, 0}};
    std::vector<std::vector<float>> tensors;
    for (const InputTensor tensor : given_tensors(problem)) {
      tensors.emplace_back(static_cast<size_t>(input_shape(problem, tensor).elements()));
      for (size_t i = 0; i < tensors.back().size(); ++i) tensors.back()[i] = std::sin(static_cast<float>(i * i % 1009));
    }
    const ProjectedInputs inputs(std::make_unique<StoredInputs>(problem, tensors));
    std::vector<float> doubts(30 * 16);
    inputs.read_doubts(InputTensor::v, {0, 0, 30}, 0, doubts.data());
    const auto in_doubt = std::count_if(doubts.begin(), doubts.end(), [](float doubt) { return doubt > 0; });
    const std::vector<float> v = rows_of(inputs, InputTensor::v, 0);
    const std::vector<float> x = rows_of(inputs, InputTensor::x, 0);
    const std::vector<float> w = rows_of(inputs, InputTensor::wv, 0);
    for (size_t row = 0; row < 30; ++row) {
      for (size_t c = 0; c < 16; ++c) {
        float sum = 0;
        for (size_t i = 0; i < 64; ++i) sum += x[row * 64 + i] * w[i * 16 + c];
        CHECK(std::abs(round_to(dtype, sum) - v[row * 16 + c]) <= doubts[row * 16 + c]);
      }
    }
    INFO(to_string(dtype) << ": " << in_doubt << " of 480");
    CHECK(in_doubt > 0);
    // In 16 bits few sums lie that near to the middle between two numbers.
    if (dtype == DType::bf16) CHECK(in_doubt < 24);
    double squares = 0;
    for (size_t c = 0; c < 16; ++c) squares += static_cast<double>(doubts[c]) * doubts[c];
    CHECK(inputs.row_doubt(InputTensor::v, 0, 0, 0) == Approx(std::sqrt(squares)));
  }
}

/// Weights of V in fp32: sums forwards and backwards, and whether both are where the doubts say.
void check_doubts(const Problem& problem, const std::vector<std::vector<float>>& tensors) {
  const int64_t hidden = problem.layer->hidden;
  const ProjectedInputs inputs(std::make_unique<StoredInputs>(problem, tensors));
  const std::vector<float> v = rows_of(inputs, InputTensor::v, 0);
  const std::vector<float> x = rows_of(inputs, InputTensor::x, 0);
  const std::vector<float> w = rows_of(inputs, InputTensor::wv, 0);
  std::vector<float> doubts(v.size());
  inputs.read_doubts(InputTensor::v, {0, 0, problem.sequences[0].length()}, 0, doubts.data());
  int64_t differ = 0;
  for (size_t i = 0; i < v.size(); ++i) {
    const auto term = [&](int64_t h) {
      return x[i / 16 * static_cast<size_t>(hidden) + static_cast<size_t>(h)] * w[static_cast<size_t>(h) * 16 + i % 16];
    };
    float forwards = 0, backwards = 0;
    for (int64_t h = 0; h < hidden; ++h) {
      forwards += term(h);
      backwards += term(hidden - 1 - h);
    }
    for (const float sum : {forwards, backwards}) {
      const float error = std::abs(round_to(problem.dtype, sum) - v[i]);
      if (error > 0) ++differ;
      REQUIRE(error <= doubts[i]);
    }
  }
  CHECK(differ > 0);  // else nothing was tried
}

TEST_CASE("doubts hold where fp32 has no normal numbers for products") {
  Problem problem = layered(64, DType::fp32);
  problem.sequences = {{30, 0}};
  for (const float weight_size : {1.0f, 1e-6f, 1e-9f, 1e-11f, 1e-13f, 1e-15f}) {
    INFO("x of 1e-30, weights of " << weight_size);
    std::vector<std::vector<float>> tensors;
    for (const InputTensor tensor : given_tensors(problem)) {
      tensors.emplace_back(static_cast<size_t>(input_shape(problem, tensor).elements()));
      const float size = tensor == InputTensor::x ? 1e-30f : weight_size;
      for (size_t i = 0; i < tensors.back().size(); ++i) {
        tensors.back()[i] = size * std::sin(static_cast<float>(i * i % 1009));
      }
    }
    check_doubts(problem, tensors);
  }
}

TEST_CASE("few multiples of what fp32 does not have are no exact sums") {
  Problem problem = layered(64, DType::fp32);
  problem.sequences = {{30, 0}};
  std::vector<std::vector<float>> tensors;
  for (const InputTensor tensor : given_tensors(problem)) {
    tensors.emplace_back(static_cast<size_t>(input_shape(problem, tensor).elements()));
    for (size_t i = 0; i < tensors.back().size(); ++i) {
      tensors.back()[i] = std::ldexp(static_cast<float>(static_cast<int>(i * i % 29) - 14), -78);
    }
  }
  check_doubts(problem, tensors);
}

/// Rows of one pair of channels, each a few of the dtype's smallest numbers and in doubt by one of them.
class TinyPairs final : public InputSource {
 public:
  using InputSource::InputSource;
  void read(InputTensor, const TokenRange& tokens, int64_t, float* out) const override {
    for (int64_t position = tokens.begin; position < tokens.end; ++position) {
      *out++ = static_cast<float>(static_cast<double>(position % 23) * step());
      *out++ = static_cast<float>(static_cast<double>(position % 17) * step());
    }
  }
  void read_doubts(InputTensor, const TokenRange& tokens, int64_t, float* out) const override {
    std::fill_n(out, 2 * tokens.size(), static_cast<float>(step()));
  }
  double step() const { return smallest_step(problem().dtype); }
};

TEST_CASE("a pair of subnormal numbers in doubt is rounded to whole steps once it has turned") {
  for (const DType dtype : {DType::fp32, DType::bf16, DType::fp16}) {
    Problem problem = layered(64, dtype);
    problem.sequences = {{391, 0}};
    problem.heads = {1, 1, 2};
    problem.rope = Rope{};
    const TinyPairs inputs(problem);
    const auto step = static_cast<float>(inputs.step());
    for (int64_t position = 0; position < 391; ++position) {
      float row[2];
      inputs.read_rotated(InputTensor::k, {0, position, position + 1}, 0, row);
      for (const float other_sign : {1.0f, -1.0f}) {
        float off[2];
        inputs.read(InputTensor::k, {0, position, position + 1}, 0, off);
        off[0] += step;
        off[1] += other_sign * step;
        rotate_row(*problem.rope, dtype, position, 2, off);
        const double difference = std::hypot(double{off[0]} - row[0], double{off[1]} - row[1]);
        INFO(to_string(dtype) << " position " << position);
        REQUIRE(difference <= inputs.row_doubt(InputTensor::k, 0, position, 0));
      }
    }
  }
}

TEST_CASE("a projection overflows where its sum may, in some order") {
  const float huge = 1e19f;
  using Values = std::vector<float>;
  CHECK_FALSE(find_overflow(DType::fp32, Values{huge, huge}, Values{1e19f, 1e18f, 1e19f, 1e18f}));
  const auto sum = find_overflow(DType::fp32, Values{huge, huge}, Values{1e18f, 3e19f, 1e18f, 3e19f});
  REQUIRE(sum);
  CHECK(sum->column == 1);
  CHECK(sum->size == Approx(6e38));
  CHECK(find_overflow(DType::fp32, Values{huge, huge}, Values{3e19f, -3e19f})->column == 0);
  // fp16 holds up to 65504, and only what is rounded to it.
  CHECK_FALSE(find_overflow(DType::fp16, Values{256, 1}, Values{255, 100}));
  CHECK(find_overflow(DType::fp16, Values{256, 1}, Values{255, 240}));
  CHECK_FALSE(find_overflow(DType::fp16, Values{256, 256}, Values{1000, -1000}));
}

}  // namespace
}  // namespace ringfold
