// What a case loses to executor and transport: four ranks on the machine's cores against one rank, with one thread and
// with a thread on each of those cores, all with cpu_fast, all as GFLOP/s of a core. Cores that work at the same time
// share caches and clocks, which only the one thread is spared. A share of 100 % means that nothing is lost. Prints a
// table; asserts nothing.
#include "experiments/case_session.h"
#include "experiments/environment.h"
#include "experiments/text.h"
#include "lib/inputs.h"

#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <time.h>
#include <vector>

namespace ringfold {
namespace {

constexpr int kRepeats = 7;

Case case_of(const char* strategy, int ranks, int64_t dim, int64_t tokens) {
  Case item;
  item.problem.sequences = {{tokens, 0}};
  item.problem.heads = {8, 8, dim};
  item.cluster.sp = ranks;
  item.strategy = strategy;
  if (item.strategy == "all_gather") item.options = {{"layout", "zigzag"}};
  if (item.strategy == "balanced_ring") item.options = {{"heads", "contiguous"}};
  item.transport = "in_process";
  item.kernel = "cpu_fast";
  item.measure.deadline_seconds = 60;
  item.measure.warmup = 1;
  return item;
}

double total_flops(const PlannedCase& planned) {
  const std::vector<double>& flops = planned.outcome.plan->flops;
  return std::accumulate(flops.begin(), flops.end(), 0.0);
}

double process_cpu_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

/// One forward, in ms that all of this process's threads computed.
double step_cpu_ms(CaseSession& session) {
  const double begin = process_cpu_ms();
  session.step();
  return process_cpu_ms() - begin;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// The two take turns, so that whatever else the machine does meets both.
void compare(const char* strategy, int64_t dim, int64_t tokens) {
  const int cores = std::min(usable_cores(), 4);
  const PlannedCase four = plan_case(case_of(strategy, 4, dim, tokens));
  const PlannedCase one = plan_case(case_of("all_gather", 1, dim, tokens));
  Case threaded = case_of("all_gather", 1, dim, tokens);
  threaded.measure.threads = cores;
  const PlannedCase all = plan_case(threaded);
  const GeneratedInputs inputs(four.item.problem, InputKind::gauss, 1);
  CaseSession::Setup setup;
  setup.inputs = &inputs;
  CaseSession session_of_four(four, setup);
  CaseSession session_of_one(one, setup);
  CaseSession session_of_all(all, setup);
  std::vector<double> cpu_of_four;
  std::vector<double> cpu_of_one;
  for (int i = 0; i < kRepeats + 1; ++i) {
    cpu_of_four.push_back(step_cpu_ms(session_of_four));
    cpu_of_one.push_back(step_cpu_ms(session_of_one));
    session_of_all.step();
  }
  const double gflop = total_flops(four) / 1e6;  // per ms: GFLOP/s
  const double single = gflop / median_ms(session_of_one.finish().ranks_ms);
  const double many = gflop / median_ms(session_of_four.finish().ranks_ms) / cores;
  const double busy = gflop / median_ms(session_of_all.finish().ranks_ms) / cores;
  const double cpu_share = median(cpu_of_one) / median(cpu_of_four);
  fmt::print("{:<14} {:>4} {:>7} {:>11} {:>11} {:>11} {:>9.1f} % {:>9.1f} % {:>9.1f} %\n", strategy, dim, tokens,
             number_text(single), number_text(busy), number_text(many), 100 * many / single, 100 * many / busy,
             100 * cpu_share);
}

}  // namespace
}  // namespace ringfold

int main() {
  fmt::print("4 ranks on {} cores against 1 rank; cpu_fast, fp32, causal, 8 heads; GFLOP/s of a core\n",
             std::min(ringfold::usable_cores(), 4));
  fmt::print("{:<14} {:>4} {:>7} {:>11} {:>11} {:>11} {:>11} {:>11} {:>11}\n", "strategy", "dim", "tokens", "1 thread",
             "all cores", "4 ranks", "of 1 thread", "of all", "by CPU time");
  for (const char* strategy : {"balanced_ring", "all_gather", "naive_ring"}) {
    for (int64_t dim : {64, 128}) ringfold::compare(strategy, dim, 4096);
  }
  return 0;
}
