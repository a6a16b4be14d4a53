#include "experiments/rank_trace.h"

#include "tests/catch.h"

#include <algorithm>
#include <chrono>
#include <random>

using namespace ringfold;

namespace {

/// Programs are looked at for their operations' kinds only.
Program program_of(const std::string& kinds) {
  Program program;
  for (const char kind : kinds) {
    if (kind == 'x') program.operations.emplace_back(Exchange{});
    if (kind == 'a') program.operations.emplace_back(Attend{});
    if (kind == 'm') program.operations.emplace_back(Merge{});
    if (kind == 'c') program.operations.emplace_back(Copy{});
    if (kind == 'f') program.operations.emplace_back(Finish{});
  }
  return program;
}

}  // namespace

TEST_CASE("a forward's time is computing, merging, exposed communication and the rest") {
  const Program program = program_of("xaxcmf");
  constexpr int64_t kMs = 1'000'000;
  // Exchanges [0, 10) and [10, 30); computing [2, 6), [12, 14), merging [14, 20), computing [35, 36); all of [0, 40).
  const RankTrace trace{0,
                        40 * kMs,
                        {{0, 0, 10 * kMs},
                         {1 * kMs, 2 * kMs, 6 * kMs},
                         {10 * kMs, 10 * kMs, 30 * kMs},
                         {7 * kMs, 12 * kMs, 14 * kMs},
                         {14 * kMs, 14 * kMs, 20 * kMs},
                         {20 * kMs, 35 * kMs, 36 * kMs}}};
  const auto breakdown = breakdown_of(program, trace);
  REQUIRE(breakdown);
  CHECK(breakdown->compute_ms == Catch::Approx(4 + 2 + 1));
  CHECK(breakdown->merge_ms == Catch::Approx(6));
  CHECK(breakdown->communicate_ms == Catch::Approx(10 + 20));
  CHECK(breakdown->exposed_ms == Catch::Approx(6 + 12));
  CHECK(breakdown->idle_ms == Catch::Approx(40 - 7 - 6 - 18));
  CHECK(breakdown->total_ms == Catch::Approx(40));
}

TEST_CASE("nothing is broken down where a transport does not say when it exchanged") {
  const Program program = program_of("ax");
  RankTracer tracer(program);
  for (const int operation : {0, 1}) {
    tracer.begin(operation);
    tracer.start(operation);
    tracer.end(operation);
  }
  tracer.exchanged(1, {});
  CHECK_FALSE(breakdown_of(program, tracer.trace).has_value());
  RankTracer told(program);
  const auto now = std::chrono::steady_clock::now();
  told.exchanged(1, {now, now + std::chrono::nanoseconds(7)});
  CHECK(told.trace.operations[1].end_ns - told.trace.operations[1].start_ns == 7);
  CHECK(breakdown_of(program, told.trace).has_value());
}

TEST_CASE("the parts of a breakdown are those that counting nanosecond by nanosecond finds") {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    std::string kinds;
    for (size_t i = 0; i < 1 + random() % 12; ++i) kinds += "xamcf"[random() % 5];
    const Program program = program_of(kinds);
    RankTrace trace;
    int64_t free_at[2] = {0, 0};  // of each queue
    for (const char kind : kinds) {
      int64_t& at = free_at[kind == 'x' ? 1 : 0];
      OperationSpan span;
      span.begin_ns = at;
      span.start_ns = at + static_cast<int64_t>(random() % 20);
      span.end_ns = span.start_ns + static_cast<int64_t>(random() % 30);
      at = span.end_ns;
      trace.operations.push_back(span);
    }
    trace.end_ns = std::max(free_at[0], free_at[1]) + 3;
    int64_t counted[4] = {0, 0, 0, 0};  // compute, merge, communicate, exposed
    for (int64_t ns = 0; ns < trace.end_ns; ++ns) {
      bool now[3] = {false, false, false};
      for (size_t i = 0; i < kinds.size(); ++i) {
        if (ns < trace.operations[i].start_ns || ns >= trace.operations[i].end_ns) continue;
        now[kinds[i] == 'x' ? 2 : kinds[i] == 'm' ? 1 : 0] = true;
      }
      for (int part = 0; part < 3; ++part) counted[part] += now[part] ? 1 : 0;
      counted[3] += now[2] && !now[0] && !now[1] ? 1 : 0;
    }
    const auto breakdown = breakdown_of(program, trace);
    REQUIRE(breakdown);
    CHECK(breakdown->compute_ms == Catch::Approx(1e-6 * static_cast<double>(counted[0])));
    CHECK(breakdown->merge_ms == Catch::Approx(1e-6 * static_cast<double>(counted[1])));
    CHECK(breakdown->communicate_ms == Catch::Approx(1e-6 * static_cast<double>(counted[2])));
    CHECK(breakdown->exposed_ms == Catch::Approx(1e-6 * static_cast<double>(counted[3])));
    CHECK(breakdown->compute_ms + breakdown->merge_ms + breakdown->exposed_ms + breakdown->idle_ms ==
          Catch::Approx(breakdown->total_ms));
  }
}

TEST_CASE("a trace travels as bytes") {
  const RankTrace trace{-5, INT64_MAX, {{1, 2, 3}, {4, 5, 6}}, false};
  CHECK(RankTrace::parse(trace.serialize()) == trace);
  CHECK(RankTrace::parse(RankTrace{}.serialize()) == RankTrace{});
  CHECK_THROWS(RankTrace::parse(trace.serialize() + "x"));
}
