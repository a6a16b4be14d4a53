// Random plans: none that is right is refused, none that is broken is proved; two models that share no code with the
// checker judge as well: one that counts keys row by row, and one that tries all interleavings.
#include "lib/check.h"
#include "lib/passes.h"
#include "tests/catch.h"
#include "tests/lib/defects.h"
#include "tests/lib/explorer.h"

namespace ringfold {
namespace {

constexpr uint64_t kPlans = 300;

TEST_CASE("random plans are proved, and rightly so") {
  for (uint64_t seed = 0; seed < kPlans; ++seed) {
    const Schedule schedule = random_plan(seed);
    CAPTURE(seed, check(schedule).summary());
    REQUIRE(check(schedule).proved());
    REQUIRE(count_keys(schedule, seed) == "");
    const Exploration exploration = explore(schedule, 2000);
    if (exploration.complete) REQUIRE(exploration.ends);
    const Schedule assigned = assign_buffers(schedule, true);
    REQUIRE(check(assigned).proved());
    for (uint64_t run = 0; run < 3; ++run) REQUIRE(run_memory(assigned, run) == "");
  }
}

TEST_CASE("every seeded defect is refuted by the right proof") {
  for (const Defect& defect : all_defects()) {
    int applied = 0;
    for (uint64_t seed = 0; seed < kPlans; ++seed) {
      Dice dice(seed + 77);
      const bool memory = defect.proof == Proof::memory;
      const Schedule right = memory ? assign_buffers(random_plan(seed)) : random_plan(seed);
      const std::optional<Schedule> broken = defect.apply(right, dice);
      if (!broken) continue;
      // Where a part had nothing to attend, its loss changes nothing.
      if (defect.proof == Proof::coverage && count_keys(*broken, seed) == "") continue;
      ++applied;
      const Verdict verdict = check(*broken);
      CAPTURE(defect.name, seed, verdict.summary());
      REQUIRE_FALSE(verdict.proved());
      CHECK(to_string(verdict.findings.front().proof) == to_string(defect.proof));
    }
    CAPTURE(defect.name);
    CHECK(applied >= 20);
  }
}

/// Swaps two neighbouring exchanges of one rank, with all that stands between them staying there.
bool swap_exchanges(Schedule& schedule, Dice& dice) {
  Program& program = dice.pick(schedule.ranks);
  std::vector<size_t> exchanges;
  for (size_t i = 0; i < program.operations.size(); ++i) {
    if (std::holds_alternative<Exchange>(program.operations[i])) exchanges.push_back(i);
  }
  if (exchanges.size() < 2) return false;
  const auto first = static_cast<size_t>(dice.below(static_cast<int64_t>(exchanges.size()) - 1));
  std::swap(program.operations[exchanges[first]], program.operations[exchanges[first + 1]]);
  return true;
}

TEST_CASE("exchanges in another order: the explorer sees the deadlocks that the checker sees") {
  int ends = 0;
  int hangs = 0;
  for (uint64_t seed = 0; seed < 4 * kPlans; ++seed) {
    Dice dice(seed);
    Schedule schedule = random_plan(seed);
    for (int64_t i = dice.between(1, 3); i > 0; --i) swap_exchanges(schedule, dice);
    const Verdict verdict = check(schedule);
    if (!verdict.proved() && verdict.findings.front().proof == Proof::data_flow) continue;
    const Exploration exploration = explore(schedule, 3000);
    if (!exploration.complete) continue;
    CAPTURE(seed, verdict.summary(), exploration.states);
    REQUIRE_FALSE(exploration.disagreed);
    REQUIRE(verdict.proved() == exploration.ends);
    if (!verdict.proved()) REQUIRE(to_string(verdict.findings.front().proof) == "deadlock");
    ++(exploration.ends ? ends : hangs);
  }
  CHECK(ends > 100);
  CHECK(hangs > 50);
}

TEST_CASE("buffers that the checker accepts are never overwritten in use, whatever queue is faster") {
  int accepted = 0;
  int caught = 0;
  for (uint64_t seed = 0; seed < 2 * kPlans; ++seed) {
    Dice dice(seed);
    Schedule schedule = assign_buffers(random_plan(seed));
    Program& program = dice.pick(schedule.ranks);
    if (program.blocks.empty()) continue;
    program.offsets[static_cast<size_t>(dice.below(static_cast<int64_t>(program.blocks.size())))] =
        program.offsets[static_cast<size_t>(dice.below(static_cast<int64_t>(program.blocks.size())))];
    const Verdict verdict = check(schedule);
    if (!verdict.proved() && verdict.summary().find("arena") != std::string::npos) continue;
    bool overwritten = false;
    for (uint64_t run = 0; run < 4; ++run) overwritten = overwritten || !run_memory(schedule, run).empty();
    CAPTURE(seed, verdict.summary());
    if (verdict.proved()) CHECK_FALSE(overwritten);
    accepted += verdict.proved() ? 1 : 0;
    caught += overwritten ? 1 : 0;
  }
  CHECK(accepted > 50);
  CHECK(caught > 50);
}

/// Changes some number of the schedule, however absurd.
void corrupt(Schedule& schedule, Dice& dice) {
  Program& program = dice.pick(schedule.ranks);
  const int64_t odd[] = {-1, 0, 1, 7, 1000, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, int64_t{1} << 40};
  const int64_t value = odd[dice.below(10)];
  const auto id = static_cast<BlockId>(value);
  Block* block = program.blocks.empty() ? nullptr : &dice.pick(program.blocks);
  Operation* operation = program.operations.empty() ? nullptr : &dice.pick(program.operations);
  auto* exchange = operation == nullptr ? nullptr : std::get_if<Exchange>(operation);
  auto* attend = operation == nullptr ? nullptr : std::get_if<Attend>(operation);
  switch (dice.below(16)) {
    case 0:
      if (block) block->heads.begin = value;
      break;
    case 1:
      if (block) block->heads.end = value;
      break;
    case 2:
      if (block) block->kind = static_cast<BlockKind>(id);
      break;
    case 3:
      if (block) block->dtype = static_cast<DType>(id);
      break;
    case 4:
      if (block) block->tokens = TokenSet::range(value % 100, 0, 3);
      break;
    case 5:
      if (block) block->tokens = TokenSet::range(0, -(int64_t{1} << 40), 5);
      break;
    case 6:
      if (exchange && !exchange->sends.empty()) exchange->sends[0].peer = id;
      break;
    case 7:
      if (exchange && !exchange->receives.empty()) exchange->receives[0].block = id;
      break;
    case 8:
      if (attend) attend->state_in = id;
      break;
    case 9:
      if (attend) attend->state = id;
      break;
    case 10:
      if (attend) attend->q.heads.begin = value;
      break;
    case 11:
      if (attend && !attend->kv.empty()) attend->kv[0].block = id;
      break;
    case 12:
      if (attend) attend->mask = {static_cast<MaskKind>(id), value};
      break;
    case 13: program.inputs.push_back(id); break;
    case 14: program.outputs.push_back(id); break;
    case 15:
      if (!program.offsets.empty()) dice.pick(program.offsets) = value;
      break;
  }
  if (dice.one_in(10)) schedule.cluster = {id, static_cast<int>(value)};
  if (dice.one_in(20)) schedule.problem.heads.kv = value;
  if (dice.one_in(20)) schedule.problem.sequences[0].cached = value;
  if (dice.one_in(20)) program.arena_bytes = value;
}

TEST_CASE("no schedule is too broken to be judged") {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Dice dice(seed);
    Schedule schedule = random_plan(seed % 50);
    if (dice.one_in(2)) schedule = assign_buffers(std::move(schedule));
    for (int64_t i = dice.between(1, 4); i > 0; --i) corrupt(schedule, dice);
    const Verdict verdict = check(schedule);
    CAPTURE(seed, verdict.summary());
    CHECK(verdict.summary().find('\n') == std::string::npos);
    if (verdict.proved()) CHECK(count_keys(schedule, seed) == "");
  }
}

}  // namespace
}  // namespace ringfold
