// How long it takes to plan, improve and prove for many ranks, and how much memory: each strategy in a process of its
// own, on one core. Prints a table; asserts nothing.
#include "experiments/planned_case.h"
#include "experiments/text.h"
#include "lib/check.h"
#include "lib/placement.h"
#include "lib/strategy.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <unistd.h>

namespace ringfold {
namespace {

struct Row {
  const char* strategy;
  int ranks;
  Heads heads;
};

Case case_of(const Row& row) {
  Case item;
  item.problem.sequences = {{int64_t{1} << 20, 0}};
  item.problem.heads = row.heads;
  item.problem.dtype = DType::bf16;
  item.cluster.sp = row.ranks;
  item.strategy = row.strategy;
  if (item.strategy == "all_gather") item.options = {{"layout", "contiguous"}};
  if (item.strategy == "balanced_ring") item.options = {{"heads", "contiguous"}};
  return item;
}

void print_row(const Row& row) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  const Case item = case_of(row);
  Clock::time_point begin = Clock::now();
  int64_t operations = 0;
  double seconds = 0;
  {
    const std::unique_ptr<Strategy> strategy = find_strategy(row.strategy)->make(item.options);
    const Schedule schedule = plan_cluster(*strategy, row.strategy, item.problem, item.cluster);
    RINGFOLD_INVARIANT(check(schedule).proved(), "{} is not proved", row.strategy);
    seconds = since(begin);
    for (const Program& program : schedule.ranks) operations += static_cast<int64_t>(program.operations.size());
  }
  begin = Clock::now();
  const PlannedCase planned = plan_case(item);
  const double all_seconds = since(begin);
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  fmt::print("{:<14} {:>6} {:>11} {:>9} {:>7} {:>12} {:>10}  {}\n", row.strategy, row.ranks, count_text(operations),
             number_text(seconds), number_text(seconds * 1e6 / static_cast<double>(operations)),
             number_text(all_seconds), bytes_text(usage.ru_maxrss * 1024),
             planned.is_proved() ? "proved" : planned.outcome.reason);
  std::fflush(stdout);
}

/// In a child, so that the peak is this row's own.
void run_row(const Row& row) {
  const pid_t child = ::fork();
  if (child == 0) {
    print_row(row);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
}

}  // namespace
}  // namespace ringfold

int main() {
  using ringfold::Row;
  fmt::print("plan and prove, then also apply all passes and prove after each; 1Mi tokens, bf16\n");
  fmt::print("{:<14} {:>6} {:>11} {:>9} {:>7} {:>12} {:>10}\n", "strategy", "ranks", "operations", "seconds", "us/op.",
             "with passes", "peak");
  std::fflush(stdout);
  for (int ranks : {64, 256, 1024}) {
    for (const char* strategy : {"naive_ring", "all_gather"}) ringfold::run_row({strategy, ranks, {64, 8, 128}});
  }
  for (int ranks : {32, 64, 128}) ringfold::run_row({"balanced_ring", ranks, {128, 8, 128}});
  return 0;
}
