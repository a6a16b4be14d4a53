#include "tests/kernels/gpu_attend.h"

#include "lib/executor.h"
#include "lib/passes.h"
#include "lib/placement.h"
#include "lib/ranks.h"
#include "lib/strategy.h"
#include "tests/catch.h"
#include "tests/skip.h"
#include "tests/staged_kernel.h"

#include <algorithm>
#include <cmath>

namespace ringfold::testing {

namespace {

/// O and LSE bytes of one rank's program after each of `runs` runs.
std::vector<std::vector<std::byte>> outputs_of(const KernelInfo& info, const Schedule& schedule, int runs,
                                               bool record) {
  std::vector<std::vector<std::byte>> outputs;
  const auto fabric = find_transport("in_process")->make(1, {});
  run_ranks(*fabric, [&](RankContext& context) {
    const auto kernel = info.make({});
    const Program& program = schedule.ranks[0];
    Executor executor(schedule, 0, *kernel, context.transport, context.control);
    executor.allow_recording(record);
    const GeneratedInputs inputs(schedule.problem, InputKind::gauss, 5);
    for (const BlockId id : program.inputs) {
      const Block& block = *executor.bound(id).block;
      std::vector<std::byte> host(static_cast<size_t>(bytes_of(block, schedule.problem.heads.dim)));
      for (int plane = 0; plane < (block.kind == BlockKind::kv ? 2 : 1); ++plane) {
        const Tensor tensor = plane_tensor(block, host.data(), plane, schedule.problem.heads.dim);
        const auto which = block.kind == BlockKind::q ? InputTensor::q : plane == 0 ? InputTensor::k : InputTensor::v;
        write_rows(inputs, which, block.tokens, block.heads, tensor.data, {tensor.row_stride, tensor.head_stride});
      }
      kernel->device().copy_to_device(executor.bound(id).data, host.data(), std::ssize(host));
    }
    for (int run = 0; run < runs; ++run) {
      executor.record();
      executor.run();
      std::vector<std::byte> all;
      for (const BlockId id : program.outputs) {
        const BoundBlock bound = executor.bound(id);
        std::vector<std::byte> bytes(static_cast<size_t>(bytes_of(*bound.block, schedule.problem.heads.dim)));
        kernel->device().copy_to_host(bytes.data(), bound.data, std::ssize(bytes));
        all.insert(all.end(), bytes.begin(), bytes.end());
      }
      outputs.push_back(std::move(all));
    }
    CHECK(executor.starts_recorded() == record);
    CHECK(executor.latest_ms() > 0);
  });
  return outputs;
}

}  // namespace

std::unique_ptr<Kernel> staged_or_skip(std::string_view id) {
  const KernelInfo* info = find_kernel(id);
  if (const auto reason = info->unavailable()) {
    skip_test(*reason);
    return nullptr;
  }
  return make_on_host(*info);
}

void check_16_bits(Kernel& kernel, const AttendCase& input, Plan plan) {
  INFO(describe(input));
  const AttendResult got = attend(kernel, input, plan);
  const AttendResult wanted = attend("cpu_reference", input);
  CHECK(got.poison_intact);
  CHECK(attend(kernel, input, plan) == got);
  const double step = input.dtype == DType::bf16 ? 0x1p-8 : 0x1p-11;
  const auto dim = static_cast<size_t>(input.heads.dim);
  double worst_o = 0;
  double worst_lse = 0;
  REQUIRE(got.lse.size() == wanted.lse.size());
  for (size_t row = 0; row < wanted.lse.size(); ++row) {
    double square = 0;
    for (size_t c = row * dim; c < (row + 1) * dim; ++c) {
      square += std::pow(static_cast<double>(got.o[c]) - static_cast<double>(wanted.o[c]), 2);
    }
    // Channels of V have variance 1.
    worst_o = std::max(worst_o, std::sqrt(square) / (2 * step * std::sqrt(static_cast<double>(dim))));
    if (std::isinf(wanted.lse[row])) {
      CHECK(got.lse[row] == wanted.lse[row]);
      CHECK(square == 0);
      continue;
    }
    const double difference = static_cast<double>(got.lse[row]) - static_cast<double>(wanted.lse[row]);
    worst_lse =
        std::max(worst_lse, std::abs(difference) / (2e-5 * (1 + std::abs(static_cast<double>(wanted.lse[row])))));
  }
  CHECK(worst_o < 1);
  CHECK(worst_lse < 1);
}

void check_masks_and_dtypes(std::span<const int64_t> dims, const CheckCase& check) {
  for (const int64_t dim : dims) {
    for (const DType dtype : {DType::bf16, DType::fp16}) {
      for (const Mask& mask : kMasks) {
        AttendCase input;
        input.heads = {6, 2, dim};
        input.mask = mask;
        input.dtype = dtype;
        input.queries = TokenSet::range(0, 60, 261);
        input.query_heads = {1, 6};
        input.kv = {TokenSet::range(0, 100, 261), TokenSet::range(0, 0, 100)};
        input.layout = dim == 64 ? Layout::tokens_outer : Layout::heads_outer;
        check(input);
      }
    }
  }
}

AttendCase ragged_case(const Mask& mask) {
  AttendCase input;
  input.heads = {4, 2, 64};
  input.dtype = DType::bf16;
  input.query_heads = {0, 4};
  input.queries = TokenSet({{0, 3, 40}, {0, 300, 340}, {1, 0, 4}, {2, 5, 6}, {4, 0, 9}, {5, 8, 9}});
  input.kv = {TokenSet({{0, 290, 345}, {1, 2, 4}, {3, 0, 7}}),
              TokenSet({{0, 0, 270}, {1, 0, 1}, {4, 5, 30}, {7, 0, 2}}), TokenSet({{0, 271, 280}, {5, 8, 9}})};
  input.mask = mask;
  return input;
}

void check_lengths(const CheckCase& check) {
  for (const int64_t rows : {1, 2, 7, 17, 129}) {
    AttendCase input = ragged_case(kMasks[0]);
    input.queries = TokenSet::range(0, 5, 5 + rows);
    input.kv = {TokenSet::range(0, 0, 5 + rows)};
    check(input);
  }
}

void check_inputs(Kernel& kernel, std::span<const SharedKeys> shards) {
  for (const DType dtype : {DType::bf16, DType::fp16}) {
    Problem problem;
    problem.sequences = {{700, 0}, {20, 70}, {1, 0}};
    problem.heads = {4, 2, 64};
    problem.dtype = dtype;
    for (const InputKind kind : {InputKind::gauss, InputKind::peaked, InputKind::count, InputKind::needle}) {
      const GeneratedInputs inputs(problem, kind, 3);
      Judge judge(inputs, 1e9, {});
      judge.prepare(query_set(problem), {0, problem.heads.query});
      for (const SharedKeys& keys : shards) {
        INFO(to_string(kind) << ", " << to_string(dtype) << ", P " << keys.shards);
        const JudgedRun run = run_kernel(kernel, inputs, keys.shards, keys.folding);
        const Figures figures = judge.judge(run.rows, run.how, 0);
        CHECK(judge.failure_of(figures) == "");
        CHECK(figures.output.ratio() < 0.87);
        CHECK(figures.lse.ratio() < 0.87);
      }
    }
  }
}

void check_few_queries(const CheckCase& check) {
  int turn = 0;
  for (const Heads& heads : {Heads{4, 1, 128}, Heads{6, 2, 64}, Heads{2, 2, 64}, Heads{16, 1, 128}, Heads{64, 1, 64}}) {
    for (const Mask& mask : {kMasks[0], kMasks[1], kMasks[2], Mask{MaskKind::window, 700}}) {
      for (const int64_t tokens : {1, 3, 16}) {
        if (tokens * heads.group() > 64) continue;
        AttendCase input;
        input.heads = heads;
        input.mask = mask;
        input.dtype = turn % 2 == 0 ? DType::bf16 : DType::fp16;
        input.query_heads = {turn % 3 == 0 && heads.group() > 1 ? 1 : 0, heads.query};
        input.queries = TokenSet({{0, 1500, 1500 + tokens}, {1, 0, 1}, {2, 63, 63 + tokens}, {4, 7, 8}});
        input.kv = {TokenSet({{0, 1400, 1500 + tokens}, {1, 0, 1}, {3, 0, 5}}),
                    TokenSet({{0, 0, 700}, {0, 731, 1400}, {2, 0, 63 + tokens}, {4, 9, 12}})};
        input.layout = turn % 4 < 2 ? Layout::tokens_outer : Layout::heads_outer;
        constexpr int64_t kPages[] = {0, 1, 7, 16, 64};
        input.page_size = kPages[turn % 5];
        if (turn % 7 == 3) input.softcap = 2;
        if (turn % 3 == 1) input.padding = 8;
        check(input);
        ++turn;
      }
    }
  }
}

void check_pages(const CheckCase& check) {
  for (const int64_t page_size : {1, 7, 16, 64}) {
    for (const Mask& mask : kMasks) {
      AttendCase input = ragged_case(mask);
      input.page_size = page_size;
      input.layout = page_size % 2 == 0 ? Layout::tokens_outer : Layout::heads_outer;
      input.kv = {TokenSet({{0, 0, 345}, {1, 0, 4}, {2, 0, 6}, {4, 5, 30}, {5, 8, 9}})};
      check(input);
    }
  }
}

void check_variants(Kernel& kernel, bool with_softcap) {
  int turn = 0;
  for (const int64_t page_size : {1, 7, 16, 64}) {
    Problem problem;
    problem.sequences = {{300, 41}, {1, 900}, {5, 70}};
    problem.heads = {8, 2, turn % 2 == 0 ? 128 : 64};
    problem.dtype = turn % 2 == 0 ? DType::bf16 : DType::fp16;
    problem.page_size = page_size;
    if (turn % 2 == 1) problem.mask = {MaskKind::window, 100};
    problem.rope = Rope{10000.0, turn / 2 == 0 ? RopeStyle::half : RopeStyle::interleaved};
    if (with_softcap) problem.softcap = turn % 2 == 0 ? 50.0 : 2.0;
    ++turn;
    for (const InputKind kind : {InputKind::gauss, InputKind::peaked}) {
      INFO(to_string(kind) << variants_text(problem));
      const GeneratedInputs inputs(problem, kind, 3);
      Judge judge(inputs, 1e9, {});
      judge.prepare(query_set(problem), {0, problem.heads.query});
      const JudgedRun run = run_kernel(kernel, inputs, 1, Folding::in_kernel);
      const Figures figures = judge.judge(run.rows, run.how, 0);
      CHECK(judge.failure_of(figures) == "");
    }
  }
}

void check_recorded(std::string_view id) {
  const KernelInfo* info = find_kernel(id);
  if (const auto reason = info->unavailable()) return skip_test(*reason);
  Problem problem;
  problem.sequences = {{300, 0}, {40, 90}};
  problem.heads = {4, 2, 64};
  problem.dtype = DType::bf16;
  const StrategyInfo* strategy = find_strategy("naive_ring");
  Schedule schedule = plan_cluster(*strategy->make({}), "naive_ring", problem, {1, 1});
  for (const Pass& pass : pass_table()) schedule = pass.apply(std::move(schedule), info->rates);
  const auto plain = outputs_of(*info, schedule, 3, false);
  const auto recorded = outputs_of(*info, schedule, 4, true);
  for (const auto& each : plain) CHECK(each == plain.front());
  for (const auto& each : recorded) CHECK(each == plain.front());
}

}  // namespace ringfold::testing
