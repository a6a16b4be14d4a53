#include "lib/judge.h"
#include "tests/catch.h"
#include "tests/lib/emulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace ringfold {
namespace {

constexpr InputKind kKinds[] = {InputKind::gauss, InputKind::peaked, InputKind::count, InputKind::needle};
constexpr double kEveryRow = 1e9;  // seconds

/// The judges of one problem, one for each input that a file can name.
class Bench {
 public:
  explicit Bench(const Problem& problem) {
    for (InputKind kind : kKinds) {
      inputs_.push_back(std::make_unique<GeneratedInputs>(problem, kind, 3));
      judges_.push_back(std::make_unique<Judge>(*inputs_.back(), kEveryRow, TokenSet()));
      judges_.back()->prepare(query_set(problem), {0, problem.heads.query});
    }
  }
  size_t size() const { return inputs_.size(); }
  const Judge& judge(size_t input) const { return *judges_[input]; }
  Figures figures(size_t input, const Emulation& how) const {
    const EmulatedResult result = emulate(*inputs_[input], query_set(inputs_[input]->problem()), how);
    return judges_[input]->judge(result.rows, {how.blocks, 0}, 0);
  }

 private:
  std::vector<std::unique_ptr<GeneratedInputs>> inputs_;
  std::vector<std::unique_ptr<Judge>> judges_;
};

Problem problem_of(DType dtype, std::vector<Sequence> sequences) {
  Problem problem;
  problem.sequences = std::move(sequences);
  problem.heads = {4, 2, 32};
  problem.dtype = dtype;
  return problem;
}

TEST_CASE("a correct blockwise attention keeps within the bounds on every input, dtype and number of blocks") {
  for (DType dtype : {DType::fp32, DType::bf16, DType::fp16}) {
    const Bench bench(problem_of(dtype, {{200, 0}, {24, 80}}));
    for (size_t input = 0; input < bench.size(); ++input) {
      for (int64_t blocks : {1, 4, 16}) {
        for (bool device : {false, true}) {
          if (device && dtype == DType::fp32) continue;
          INFO(to_string(kKinds[input]) << " " << to_string(dtype) << " P " << blocks << " device " << device);
          const Figures figures = bench.figures(input, {blocks, Fault::none, 8, device});
          CHECK(bench.judge(input).failure_of(figures) == "");
          CHECK(bench.judge(input).rows_checked(figures) == 224);
          // The calibration of numerics.md: no correct row above 0.87 of a bound.
          CHECK(figures.output.ratio() < 0.87);
          CHECK(figures.lse.ratio() < 0.87);
          CHECK(worst_rms(figures).rms < 0.87);
        }
      }
    }
  }
}

/// What it takes to see the fault. 16 bits between merges add up with their number. Normalised weights in 16 bits
/// drown in a 16-bit output: they are looked for in the fp32 state, where equal weights (count) err together.
Emulation faulty(Fault fault) {
  if (fault == Fault::narrow_weights) return {1, fault, 256, false, true};
  return {fault == Fault::narrow_merges ? 16 : 8, fault, 8};
}

TEST_CASE("every seeded fault is caught by at least one of the four inputs") {
  for (DType dtype : {DType::fp32, DType::bf16}) {
    const Bench bench(problem_of(dtype, {{200, 0}, {24, 80}}));
    for (Fault fault : all_faults()) {
      std::string ratios;
      bool caught = false;
      for (size_t input = 0; input < bench.size(); ++input) {
        const Figures figures = bench.figures(input, faulty(fault));
        caught = caught || !bench.judge(input).failure_of(figures).empty();
        ratios += fmt::format("  {}: output {:.2g}, lse {:.2g}, rms {:.2g}", to_string(kKinds[input]),
                              figures.output.ratio(), figures.lse.ratio(), worst_rms(figures).rms);
      }
      INFO(to_string(fault) << " in " << to_string(dtype) << ":" << ratios);
      CHECK(caught);
    }
  }
}

/// The largest error / bound of O or L among three rows with 10 to 16 thousand keys, in 64 shards.
double ratio_of_long_rows(DType dtype, InputKind kind, Fault fault) {
  Problem problem = problem_of(dtype, {{16384, 0}});
  problem.heads = {2, 2, 64};
  const TokenSet rows({{0, 10000, 10001}, {0, 12287, 12288}, {0, 16382, 16383}});
  const GeneratedInputs inputs(problem, kind, 3);
  Judge judge(inputs, 0, rows);
  judge.prepare(rows, {0, 2});
  const EmulatedResult result = emulate(inputs, rows, {64, fault, 64});
  const Figures figures = judge.judge(result.rows, {64, 256}, 0);
  return std::max(figures.output.ratio(), figures.lse.ratio());
}

TEST_CASE("the inputs keep their power where rows are long and blocks are many") {
  for (DType dtype : {DType::fp32, DType::bf16}) {
    for (InputKind kind : kKinds) {
      INFO(to_string(kind) << " in " << to_string(dtype));
      CHECK(ratio_of_long_rows(dtype, kind, Fault::none) < 0.87);
    }
    CHECK(ratio_of_long_rows(dtype, InputKind::gauss, Fault::block_lost) > 2);
    CHECK(ratio_of_long_rows(dtype, InputKind::gauss, Fault::block_doubled) > 2);
    CHECK(ratio_of_long_rows(dtype, InputKind::gauss, Fault::block_stale) > 2);
    CHECK(ratio_of_long_rows(dtype, InputKind::count, Fault::block_stale) > 2);
    CHECK(ratio_of_long_rows(dtype, InputKind::count, Fault::mask_sees_next) > 2);
    CHECK(ratio_of_long_rows(dtype, InputKind::count, Fault::mask_misses_last) > 2);
    CHECK(ratio_of_long_rows(dtype, InputKind::count, Fault::tail_is_zero) > 2);
    CHECK(ratio_of_long_rows(dtype, InputKind::count, Fault::kv_head_wrong) > 2);
    CHECK(ratio_of_long_rows(dtype, InputKind::needle, Fault::mask_sees_next) > 2);
    CHECK(ratio_of_long_rows(dtype, InputKind::needle, Fault::mask_misses_last) > 2);
  }
}

}  // namespace
}  // namespace ringfold
