#include "lib/projected_inputs.h"

#include "lib/dtype.h"
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

}  // namespace
}  // namespace ringfold
