// Prints the tables of docs/numerics.md: how close correct results come to their bounds, for every kernel that runs
// here and for the emulation; and by how much the seeded faults exceed them.
#include "tests/kernels/judged_run.h"
#include "tests/lib/emulation.h"
#include "tests/staged_kernel.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <utility>

namespace ringfold::testing {
namespace {

constexpr InputKind kKinds[] = {InputKind::gauss, InputKind::peaked, InputKind::count, InputKind::needle};
constexpr DType kDtypes[] = {DType::fp32, DType::bf16, DType::fp16};
constexpr double kEveryRow = 1e9;  // seconds

using Run = std::function<Figures(const InputSource&, const Judge&, int64_t shards)>;

Run emulated(bool device) {
  return [device](const InputSource& inputs, const Judge& judge, int64_t shards) {
    const EmulatedResult run = emulate(inputs, query_set(inputs.problem()), {shards, Fault::none, 64, device});
    return judge.judge(run.rows, {shards, 0}, 0);
  };
}

/// What is measured: every kernel that runs here, both ways to join shards, and the emulation.
std::map<std::string, Run> all_runs() {
  std::map<std::string, Run> runs;
  for (const KernelInfo& info : kernel_table()) {
    if (info.unavailable()) continue;
    for (Folding folding : {Folding::in_kernel, Folding::merged}) {
      const std::string name = fmt::format("{}, {}", info.id, folding == Folding::merged ? "merged" : "folded");
      runs[name] = [&info, folding](const InputSource& inputs, const Judge& judge, int64_t shards) {
        const auto kernel = make_on_host(info);
        const Capabilities can = kernel->capabilities();
        if ((can.refuses && can.refuses(inputs.problem())) || (shards > 1 && !can.folds)) return Figures{};
        const JudgedRun run = run_kernel(*kernel, inputs, shards, folding);
        return judge.judge(run.rows, run.how, 0);
      };
    }
  }
  runs["emulation, fp32 weights"] = emulated(false);
  runs["emulation, 16-bit weights"] = emulated(true);
  return runs;
}

struct Prepared {
  GeneratedInputs inputs;
  Judge judge;
  Prepared(const Problem& problem, InputKind kind) : inputs(problem, kind, 3), judge(inputs, kEveryRow, {}) {
    judge.prepare(query_set(problem), {0, problem.heads.query});
  }
};

Problem problem_of(DType dtype, std::vector<Sequence> sequences, const Heads& heads) {
  Problem problem;
  problem.sequences = std::move(sequences);
  problem.heads = heads;
  problem.dtype = dtype;
  return problem;
}

struct Worst {
  double output = 0, lse = 0, rms = 0;
  void add(const Figures& figures) {
    output = std::max(output, figures.output.ratio());
    lse = std::max(lse, figures.lse.ratio());
    rms = std::max(rms, worst_rms(figures).rms);
  }
};

/// One row of the table a run and dtype; the worst of both head dimensions and P = 1, 4, 16.
void print_margins() {
  const std::map<std::string, Run> runs = all_runs();
  std::map<std::pair<std::string, DType>, std::map<InputKind, Worst>> table;
  for (DType dtype : kDtypes) {
    for (int64_t dim : {64, 128}) {
      for (InputKind kind : kKinds) {
        const Prepared prepared(problem_of(dtype, {{1500, 0}, {48, 600}}, {2, 1, dim}), kind);
        for (const auto& [name, run] : runs) {
          if (dtype == DType::fp32 && name == "emulation, 16-bit weights") continue;
          for (int64_t shards : {1, 4, 16}) {
            table[{name, dtype}][kind].add(run(prepared.inputs, prepared.judge, shards));
          }
        }
      }
    }
  }
  std::puts("\n| | dtype | gauss | peaked | count | needle | rms |\n|---|---|---|---|---|---|---|");
  for (const auto& [key, cells] : table) {
    std::string line = fmt::format("| {} | {} |", key.first, to_string(key.second));
    for (const auto& [kind, worst] : cells) line += fmt::format(" {:.2g} / {:.2g} |", worst.output, worst.lse);
    const double rms = cells.at(InputKind::gauss).rms;
    std::puts((line + (key.second == DType::fp32 ? " - |" : fmt::format(" {:.2g} |", rms))).c_str());
  }
}

/// The largest of the three ratios; those up to 1 pass.
std::string strength(const Figures& figures) {
  const double ratio = std::max({figures.output.ratio(), figures.lse.ratio(), worst_rms(figures).rms});
  if (std::isinf(ratio)) return "inf";
  return ratio > 1 ? fmt::format("**{:.2g}**", ratio) : fmt::format("{:.2g}", ratio);
}

void print_faults() {
  std::puts("| fault | fp32: gauss | peaked | count | needle | bf16: gauss | peaked | count | needle |");
  std::puts("|---|---|---|---|---|---|---|---|---|");
  std::map<std::pair<DType, InputKind>, std::unique_ptr<Prepared>> prepared;
  for (DType dtype : {DType::fp32, DType::bf16}) {
    for (InputKind kind : kKinds) {
      prepared[{dtype, kind}] = std::make_unique<Prepared>(problem_of(dtype, {{600, 0}, {48, 200}}, {4, 2, 64}), kind);
    }
  }
  for (Fault fault : all_faults()) {
    std::string line = fmt::format("| {} |", to_string(fault));
    for (const auto& [key, one] : prepared) {
      const bool wide = fault == Fault::narrow_weights;  // seen in the fp32 state, when weights are normalised whole
      const Emulation how{wide ? 1 : 8, fault, wide ? 1024 : 16, false, wide};
      const EmulatedResult run = emulate(one->inputs, query_set(one->inputs.problem()), how);
      line += fmt::format(" {} |", strength(one->judge.judge(run.rows, {how.blocks, 0}, 0)));
    }
    std::puts(line.c_str());
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace ringfold::testing

int main() {
  ringfold::testing::print_faults();
  ringfold::testing::print_margins();
  return 0;
}
