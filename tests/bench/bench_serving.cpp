// What serving adds to attention on the CPU: K and V in pages of 16 against contiguous ones, on one rank with one
// thread; and a prefill in 8 rounds against one forward, on 4 ranks. The two take turns, so that whatever else the
// machine does meets both. Prints tables; asserts nothing.
//
// bench_serving [TOKENS [REPEATS]]    of the prefill in rounds, default 32768 and 7
#include "experiments/case_session.h"
#include "experiments/environment.h"
#include "experiments/experiment.h"
#include "experiments/load.h"
#include "experiments/rounds.h"
#include "lib/error.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ringfold {
namespace {

constexpr int kPagedRepeats = 15;
constexpr int kRounds = 8;

double process_cpu_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

struct Time {
  double wall_ms = 0;       ///< of the slowest rank
  double processor_ms = 0;  ///< of all threads of this process
};

/// The cases of an experiment's text, each set up on ranks that are threads; together one forward, or one of rounds.
class Forward {
 public:
  Forward(const std::string& text, const std::vector<std::string>& overrides) {
    const Experiment experiment = parse_experiment(text, "bench_serving", overrides, built_vocabulary());
    for (const Case& item : experiment.cases) planned_.push_back(plan_case(item));
    for (const PlannedCase& planned : planned_) {
      RINGFOLD_CHECK(planned.is_proved(), ExitCode::refuted, "{}", planned.outcome.reason);
      auto whole = std::make_unique<GeneratedInputs>(whole_problem(planned.item), InputKind::gauss, 1);
      inputs_.push_back(std::make_unique<RoundInputs>(planned.item.problem, std::move(whole)));
      CaseSession::Setup setup;
      setup.inputs = inputs_.back().get();
      sessions_.push_back(std::make_unique<CaseSession>(planned, setup));
    }
  }

  Time step() {
    Time time;
    const double begin = process_cpu_ms();
    for (const auto& session : sessions_) {
      RINGFOLD_CHECK(session->step(), ExitCode::internal, "a case has failed");
      time.wall_ms += std::ranges::max(session->latest_ms());
    }
    time.processor_ms = process_cpu_ms() - begin;
    return time;
  }

 private:
  std::vector<PlannedCase> planned_;
  std::vector<std::unique_ptr<InputSource>> inputs_;
  std::vector<std::unique_ptr<CaseSession>> sessions_;
};

struct Spread {
  double least = 0, median = 0, greatest = 0;
};

Spread spread_of(std::vector<double> values) {
  std::ranges::sort(values);
  return {values.front(), values[values.size() / 2], values.back()};
}

std::string text_of(const Spread& spread, int digits) {
  return fmt::format("{:.{}f} ({:.{}f} - {:.{}f})", spread.median, digits, spread.least, digits, spread.greatest,
                     digits);
}

using Pairs = std::vector<std::pair<Time, Time>>;

/// Which of the two begins changes from turn to turn.
Pairs take_turns(Forward& base, Forward& other, int repeats) {
  base.step();
  other.step();
  Pairs pairs(static_cast<size_t>(repeats));
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i % 2 == 0) pairs[i].first = base.step();
    pairs[i].second = other.step();
    if (i % 2 != 0) pairs[i].first = base.step();
  }
  return pairs;
}

/// The ratio is the median of those of neighbours, which a slow minute meets alike.
void print_row(const std::string& name, const Pairs& pairs, double Time::* what) {
  std::vector<double> base, other, ratios;
  for (const auto& [a, b] : pairs) {
    base.push_back(a.*what);
    other.push_back(b.*what);
    ratios.push_back(b.*what / (a.*what));
  }
  fmt::print("{:<44} {:>26} {:>26} {:>22}\n", name, text_of(spread_of(base), 1), text_of(spread_of(other), 1),
             text_of(spread_of(ratios), 3));
  std::fflush(stdout);
}

void print_head(const std::string& what, const std::string& base, const std::string& other) {
  fmt::print("\n{:<44} {:>26} {:>26} {:>22}\n", what, base, other, "ratio");
}

std::string text_with(const std::string& problem, const std::string& rest) {
  return "name: serving\nkernel: cpu_fast\ntransport: in_process\nmeasure: {warmup: 1, deadline_seconds: 600}\n" +
         rest + "problem:\n" + problem;
}

std::string repeated(int64_t count, const std::string& what) {
  std::string list;
  for (int64_t i = 0; i < count; ++i) list += (i == 0 ? "" : ", ") + what;
  return "[" + list + "]";
}

void compare_pages() {
  print_head("1 rank, 1 thread: processor ms", "contiguous", "pages of 16");
  const std::pair<const char*, std::string> works[] = {
      {"prefill of 2048", "[{query: 2048}]"},
      {"4 x 64 on 4096 cached", repeated(4, "{query: 64, cached: 4096}")},
      {"decode of 32 x 4096", repeated(32, "{query: 1, cached: 4095}")}};
  for (const auto& [name, sequences] : works) {
    for (const int dim : {64, 128}) {
      for (const char* dtype : {"fp32", "bf16"}) {
        const std::string text = text_with(
            fmt::format("  sequences: {}\n  heads: {{query: 8, kv: 2, dim: {}}}\n  dtype: {}\n", sequences, dim, dtype),
            "cluster: {sp: 1}\nstrategies: [all_gather]\n");
        Forward contiguous(text, {});
        Forward paged(text, {"problem.kv.page_size=16"});
        print_row(fmt::format("{}, dim {}, {}", name, dim, dtype), take_turns(contiguous, paged, kPagedRepeats),
                  &Time::processor_ms);
      }
    }
  }
}

void compare_rounds(int64_t tokens, int repeats) {
  print_head(fmt::format("{} tokens, 4 ranks", tokens), "one forward", fmt::format("{} rounds", kRounds));
  const std::string heads = "  heads: {query: 4, kv: 2, dim: 64}\n";
  for (const std::string strategy : {"balanced_ring", "{all_gather: {layout: zigzag}}"}) {
    const std::string rest = "cluster: {sp: 4}\nstrategies: [" + strategy + "]\n";
    Forward single(text_with(fmt::format("  sequences: [{{query: {}}}]\n", tokens) + heads, rest), {});
    const std::string rounds =
        fmt::format("  rounds: [{{query: [{}], repeat: {}}}]\n", tokens / kRounds, kRounds) + heads;
    Forward chunked(text_with(rounds, rest), {});
    const Pairs pairs = take_turns(single, chunked, repeats);
    print_row(strategy + ", ms", pairs, &Time::wall_ms);
    print_row(strategy + ", processor ms", pairs, &Time::processor_ms);
  }
}

}  // namespace
}  // namespace ringfold

int main(int count, char** arguments) try {
  fmt::print("cpu_fast on {} cores; median (least - greatest)\n", ringfold::usable_cores());
  const int64_t tokens = count > 1 ? std::atoll(arguments[1]) : 32768;
  ringfold::compare_pages();
  ringfold::compare_rounds(tokens, count > 2 ? std::atoi(arguments[2]) : 7);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_serving: %s\n", error.what());
  return 1;
}
