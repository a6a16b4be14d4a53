// other_queue_dependencies against a quadratic model, on programs whose blocks share memory at random.
#include "lib/executor.h"
#include "lib/random_draws.h"
#include "tests/catch.h"

#include <algorithm>

namespace ringfold {
namespace {

constexpr int64_t kDim = 4;

bool is_exchange(const Operation& operation) { return std::holds_alternative<Exchange>(operation); }

/// Blocks that an operation reads, and those it makes.
struct Uses {
  std::vector<BlockId> read;
  std::vector<BlockId> made;
};

Uses uses_of(const Program& program, const Operation& operation) {
  Uses uses;
  visit_operands(
      program, operation, [&](const View& view) { uses.read.push_back(view.block); },
      [&](BlockId id) { uses.made.push_back(id); });
  return uses;
}

bool overlap(const Program& program, BlockId a, BlockId b) {
  const auto begin = [&](BlockId id) { return program.offsets[static_cast<size_t>(id)]; };
  const auto end = [&](BlockId id) { return begin(id) + bytes_of(program.blocks[static_cast<size_t>(id)], kDim); };
  return begin(a) < end(b) && begin(b) < end(a) && begin(a) < end(a) && begin(b) < end(b);
}

/// Must i come after j: does i read what j made, or fill memory that j uses?
bool needs(const Program& program, const Uses& i, const Uses& j) {
  for (const BlockId read : i.read) {
    if (std::find(j.made.begin(), j.made.end(), read) != j.made.end()) return true;
  }
  for (const BlockId made : i.made) {
    for (const BlockId used : j.read) {
      if (overlap(program, made, used)) return true;
    }
    for (const BlockId used : j.made) {
      if (overlap(program, made, used)) return true;
    }
  }
  return false;
}

/// What has ended when operation `i` starts: all that can be reached through dependencies and queue order.
std::vector<char> ended_before(const Program& program, const std::vector<int>& dependencies, int i) {
  std::vector<char> ended(program.operations.size(), 0);
  std::vector<int> open;
  const auto reach = [&](int j) {
    if (j >= 0 && !ended[static_cast<size_t>(j)]) {
      ended[static_cast<size_t>(j)] = 1;
      open.push_back(j);
    }
  };
  const auto expand = [&](int from) {
    reach(dependencies[static_cast<size_t>(from)]);
    for (int j = from - 1; j >= 0; --j) {
      if (is_exchange(program.operations[static_cast<size_t>(j)]) ==
          is_exchange(program.operations[static_cast<size_t>(from)])) {
        reach(j);
        break;
      }
    }
  };
  expand(i);
  while (!open.empty()) {
    const int next = open.back();
    open.pop_back();
    expand(next);
  }
  return ended;
}

Program random_program(RandomDraws& draws) {
  Program program;
  const HeadRange heads{0, 1};
  const int inputs = 2;
  const int count = 3 + static_cast<int>(draws.below(12));
  const auto add = [&] {
    const auto tokens = static_cast<int64_t>(draws.below(5));  // none at all, too
    program.blocks.push_back({BlockKind::q, DType::fp32, Layout::heads_outer, TokenSet::range(0, 0, tokens), heads});
    program.offsets.push_back(static_cast<int64_t>(draws.below(12)) * 16);
    return static_cast<BlockId>(program.blocks.size() - 1);
  };
  const auto any = [&] {
    const auto id = static_cast<BlockId>(draws.below(program.blocks.size()));
    return View{id, program.blocks[static_cast<size_t>(id)].tokens, heads};
  };
  for (int i = 0; i < inputs; ++i) program.inputs.push_back(add());
  for (int i = 0; i < count; ++i) {
    if (draws.below(2) == 0) {
      const View sent = any();
      program.operations.push_back(Exchange{{{1, 0, sent}}, {{1, 0, add()}}});
    } else {
      const std::vector<View> parts = {any(), any()};
      program.operations.push_back(Copy{parts, add()});
    }
  }
  program.arena_bytes = 1024;
  return program;
}

TEST_CASE("what an operation needs has ended before it starts, and no dependency is idle") {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    INFO("seed " << seed);
    RandomDraws draws(seed);
    const Program program = random_program(draws);
    const std::vector<int> dependencies = other_queue_dependencies(program, kDim);
    const auto count = static_cast<int>(program.operations.size());
    REQUIRE(static_cast<int>(dependencies.size()) == count);
    std::vector<Uses> uses;
    for (const Operation& operation : program.operations) uses.push_back(uses_of(program, operation));
    bool right = true;
    for (int i = 0; i < count; ++i) {
      const auto at = static_cast<size_t>(i);
      const std::vector<char> ended = ended_before(program, dependencies, i);
      for (size_t j = 0; j < at; ++j) {
        if (needs(program, uses[at], uses[j]) && !ended[j]) right = false;
      }
      if (dependencies[at] < 0) continue;
      const auto named = static_cast<size_t>(dependencies[at]);
      if (is_exchange(program.operations[named]) == is_exchange(program.operations[at])) right = false;
      if (!needs(program, uses[at], uses[named])) right = false;
    }
    REQUIRE(right);
  }
}

TEST_CASE("without offsets only what was made counts") {
  Program program;
  const TokenSet tokens = TokenSet::range(0, 0, 4);
  const HeadRange heads{0, 1};
  program.blocks.assign(5, {BlockKind::q, DType::fp32, Layout::heads_outer, tokens, heads});
  program.inputs = {0};
  program.operations = {Exchange{{{1, 0, {0, tokens, heads}}}, {{1, 0, 1}}}, Copy{{{0, tokens, heads}}, 2},
                        Copy{{{1, tokens, heads}}, 3}, Exchange{{{1, 0, {2, tokens, heads}}}, {{1, 0, 4}}}};
  CHECK(other_queue_dependencies(program, kDim) == std::vector<int>{-1, -1, 0, 1});
}

}  // namespace
}  // namespace ringfold
