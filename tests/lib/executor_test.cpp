#include "lib/executor.h"

#include "lib/delaying_transport.h"
#include "lib/error.h"
#include "lib/passes.h"
#include "lib/placement.h"
#include "lib/recording_transport.h"
#include "lib/strategy.h"
#include "tests/catch.h"
#include "tests/ring_fixture.h"
#include "tests/toy_kernel.h"

#include <atomic>
#include <cmath>
#include <cstring>

namespace ringfold {
namespace {

std::vector<float> floats(const std::vector<std::byte>& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

/// All rows of one kind of output (0: O, 1: LSE), rows in order of tokens: [head][token][channel].
std::vector<float> gathered(const Schedule& schedule, const Outputs& outputs, size_t kind) {
  const int64_t heads = schedule.problem.heads.query;
  const int64_t channels = kind == 0 ? schedule.problem.heads.dim : 1;
  std::vector<float> all;
  for (int64_t head = 0; head < heads; ++head) {
    for (size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
      const std::vector<float> mine = floats(outputs[2 * rank + kind]);
      const auto share = static_cast<int64_t>(mine.size()) / heads;
      all.insert(all.end(), mine.begin() + head * share, mine.begin() + (head + 1) * share);
    }
  }
  CHECK(static_cast<int64_t>(all.size()) == heads * schedule.problem.query_tokens() * channels);
  return all;
}

TEST_CASE("a hand-written ring gives what one rank gives") {
  const Heads heads{4, 2, 8};
  const Schedule alone = hand_written_ring(1, 37, heads);
  const Outputs expected = run_schedule(alone);
  for (const int ranks : {2, 3, 5, 8}) {
    const Schedule ring = hand_written_ring(ranks, 37, heads);
    const Outputs outputs = run_schedule(ring);
    for (const size_t kind : {0, 1}) {
      const std::vector<float> wanted = gathered(alone, expected, kind);
      const std::vector<float> got = gathered(ring, outputs, kind);
      REQUIRE(got.size() == wanted.size());
      double worst = 0;
      for (size_t i = 0; i < got.size(); ++i) {
        worst = std::max(worst, static_cast<double>(std::abs(got[i] - wanted[i])));
      }
      // 37 folds rounded to fp32, of values below 4.
      CHECK(worst < 37 * 4 * 6e-8);
    }
  }
}

TEST_CASE("shared buffers, repeats and delays change no bit of any strategy's result") {
  Problem problem;
  problem.sequences = {{13, 5}, {0, 3}, {9, 0}};
  problem.heads = {4, 2, 4};
  for (const StrategyInfo& info : strategy_table()) {
    Options defaults;
    for (const OptionSpec& option : info.options()) defaults[option.name] = option.values.front();
    const std::unique_ptr<Strategy> strategy = info.make(defaults);
    const Schedule apart = assign_buffers(plan_cluster(*strategy, info.id, problem, {3, 1}), false);
    const Schedule shared = assign_buffers(apart, true);
    INFO(info.id);
    const Outputs expected = run_schedule(apart);
    CHECK(run_schedule(shared) == expected);
    for (uint64_t seed = 0; seed < 10; ++seed) {
      const Wrap delays = [seed](RankContext& context) -> std::unique_ptr<Transport> {
        return std::make_unique<DelayingTransport>(context.transport, seed * 16 + static_cast<uint64_t>(context.rank),
                                                   std::chrono::microseconds(200));
      };
      CHECK(run_schedule(shared, delays, 3) == expected);
    }
  }
}

TEST_CASE("the device hands out the plan's arena and nothing else, and sent bytes are the plan's") {
  const Schedule ring = hand_written_ring(3, 17, {2, 1, 4});
  const auto fabric = threads_fabric(3);
  std::atomic<int> wrong{0};
  run_ranks(*fabric, [&](RankContext& context) {
    const auto kernel = make_toy_kernel();
    RecordingTransport recording(context.transport);
    const Program& program = ring.ranks[static_cast<size_t>(context.rank)];
    int64_t sent = 0;
    for (const Operation& operation : program.operations) {
      if (const auto* exchange = std::get_if<Exchange>(&operation)) {
        for (const Send& send : exchange->sends) {
          sent += bytes_of(program.blocks[static_cast<size_t>(send.view.block)], 4);
        }
      }
    }
    {
      Executor executor(ring, context.rank, *kernel, recording, context.control);
      for (const BlockId input : program.inputs) {
        const BoundBlock bound = executor.bound(input);
        std::memset(bound.data, 0, static_cast<size_t>(bytes_of(*bound.block, 4)));
      }
      executor.run();
      wrong += kernel->device().peak_bytes() != program.arena_bytes;
      wrong += recording.sent_bytes() != sent;
      wrong += recording.sent_to().at((context.rank + 1) % 3) != sent;
      recording.reset();
      executor.run();
      wrong += recording.sent_bytes() != sent;
    }
    wrong += kernel->device().allocated_bytes() != 0;
  });
  CHECK(wrong == 0);
}

/// One rank that attends the later half of its queries only, to all keys: the state is larger than q.
Schedule half_attended(bool fold_first) {
  Schedule schedule = hand_written_ring(1, 8, {2, 1, 4});
  Program& program = schedule.ranks[0];
  auto& attend = std::get<Attend>(program.operations[0]);
  attend.q.tokens = TokenSet::range(0, 4, 8);
  if (fold_first) {  // a state of q's rows only comes before it, and is folded into the larger one
    program.blocks.push_back(program.blocks[static_cast<size_t>(attend.state)]);
    const auto small = static_cast<BlockId>(program.blocks.size() - 1);
    program.blocks.back().tokens = attend.q.tokens;
    Attend first = attend;
    first.state = small;
    first.kv[0].tokens = TokenSet::range(0, 0, 3);
    attend.kv[0].tokens = TokenSet::range(0, 3, 8);
    attend.state_in = small;
    program.operations.insert(program.operations.begin(), first);
  }
  place_apart(schedule);
  return schedule;
}

TEST_CASE("rows of a state that nothing attends are empty") {
  const Schedule whole = hand_written_ring(1, 8, {2, 1, 4});
  const std::vector<float> o_wanted = floats(run_schedule(whole)[0]);
  const std::vector<float> lse_wanted = floats(run_schedule(whole)[1]);
  for (const bool fold_first : {false, true}) {
    const Outputs outputs = run_schedule(half_attended(fold_first));
    const std::vector<float> o = floats(outputs[0]);
    const std::vector<float> lse = floats(outputs[1]);
    for (size_t head = 0; head < 2; ++head) {
      for (size_t row = 0; row < 8; ++row) {
        const float wanted = row < 4 ? -INFINITY : lse_wanted[head * 8 + row];
        CHECK(lse[head * 8 + row] == wanted);
        for (size_t i = (head * 8 + row) * 4; i < (head * 8 + row + 1) * 4; ++i) {
          CHECK(o[i] == (row < 4 ? 0.0F : o_wanted[i]));
        }
      }
    }
  }
}

TEST_CASE("planes of a block part lie where its layout says") {
  const TokenSet tokens({{0, 4, 8}, {1, 0, 3}});
  const TokenSet some({{0, 6, 8}, {1, 0, 1}});
  std::byte memory[1];
  const Block kv{BlockKind::kv, DType::bf16, Layout::heads_outer, tokens, {2, 6}};
  const Tensor v = plane_tensor(kv, memory, 1, 8, some, {3, 5});
  CHECK(v.data - memory == ((3 - 2) * 7 * 16 + 7 * 8) * 2);
  CHECK(v.head_stride == 7 * 16);
  CHECK(v.row_stride == 8);
  CHECK(v.heads == HeadRange{3, 5});
  REQUIRE(v.segments.size() == 2);
  CHECK((v.segments[0].begin == 6 && v.segments[0].end == 8 && v.segments[0].row == 2));
  CHECK((v.segments[1].sequence == 1 && v.segments[1].row == 4));
  const Block state{BlockKind::state, DType::fp32, Layout::heads_outer, tokens, {2, 6}};
  const Tensor lse = plane_tensor(state, memory, 1, 8);
  CHECK(lse.data - memory == 7 * 8 * 4);
  CHECK(lse.head_stride == 7 * 9);
  CHECK(lse.row_stride == 1);
  const Block rows{BlockKind::kv, DType::fp32, Layout::tokens_outer, tokens, {2, 6}};
  const Tensor k = plane_tensor(rows, memory, 1, 8, some, {5, 6});
  CHECK(k.data - memory == (3 * 16 + 8) * 4);
  CHECK(k.head_stride == 16);
  CHECK(k.row_stride == 4 * 16);
}

TEST_CASE("errors of a kernel name rank and operation, and are what the group reports") {
  const Schedule ring = hand_written_ring(3, 9, {1, 1, 4});
  const auto fabric = threads_fabric(3);
  const auto run = [&] {
    run_ranks(*fabric, [&](RankContext& context) {
      const int rank = context.rank;
      const auto kernel = make_toy_kernel([rank] {
        if (rank == 1) throw Error(ExitCode::numerics, "not a number");
      });
      Executor executor(ring, rank, *kernel, context.transport, context.control);
      executor.run();
    });
  };
  CHECK_THROWS_WITH(run(), "rank 1, operation 1 (attend 0:[3,6) heads [0,1), 3 keys): not a number");
}

TEST_CASE("an error about another rank begins with that rank, not with the one that noticed") {
  const Schedule ring = hand_written_ring(2, 8, {1, 1, 4});
  const auto fabric = threads_fabric(2);
  const auto run = [&] {
    run_ranks(*fabric, [&](RankContext& context) {
      if (context.rank == 1) return;
      const auto kernel = make_toy_kernel();
      Executor executor(ring, 0, *kernel, context.transport, context.control);
      executor.run();
    });
  };
  CHECK_THROWS_WITH(run(), Catch::Matchers::StartsWith("rank 1 has left; rank 0, operation 0 (exchange) waits for ") &&
                               Catch::Matchers::ContainsSubstring("; noticed by rank 0"));
}

}  // namespace
}  // namespace ringfold
