#include "lib/lifetimes.h"
#include "tests/lib/defects_find.h"

#include <algorithm>
#include <utility>

namespace ringfold {

namespace defects {
namespace {

bool sends_something(const Program&, const Exchange& exchange) { return !exchange.sends.empty(); }
bool receives_something(const Program&, const Exchange& exchange) { return !exchange.receives.empty(); }

Result send_dropped(Schedule schedule, Dice& dice) {
  const auto found = find<Exchange>(schedule, dice, sends_something);
  if (found.program == nullptr) return std::nullopt;
  auto& sends = found.operation->sends;
  erase_at(sends, static_cast<size_t>(dice.below(static_cast<int64_t>(sends.size()))));
  return schedule;
}

Result send_doubled(Schedule schedule, Dice& dice) {
  const auto found = find<Exchange>(schedule, dice, sends_something);
  if (found.program == nullptr) return std::nullopt;
  auto& sends = found.operation->sends;
  sends.push_back(Send(dice.pick(sends)));
  return schedule;
}

/// Another block of the rank is sent in place of the right one.
Result send_swapped(Schedule schedule, Dice& dice) {
  const auto found = find<Exchange>(schedule, dice, sends_something);
  if (found.program == nullptr) return std::nullopt;
  Send& send = dice.pick(found.operation->sends);
  std::vector<BlockId> others;
  for (const BlockId id : found.program->inputs) {
    const Block& it = block(*found.program, id);
    const Block& right = block(*found.program, send.view.block);
    if (it.kind != right.kind || it.tokens != right.tokens || it.heads != right.heads) others.push_back(id);
  }
  if (others.empty()) return std::nullopt;
  const BlockId id = dice.pick(others);
  send.view = {id, block(*found.program, id).tokens, block(*found.program, id).heads};
  return schedule;
}

Result tag_wrong(Schedule schedule, Dice& dice) {
  const auto found = find<Exchange>(schedule, dice, receives_something);
  if (found.program == nullptr) return std::nullopt;
  dice.pick(found.operation->receives).tag += 1000;
  return schedule;
}

Result peer_wrong(Schedule schedule, Dice& dice) {
  const auto found = find<Exchange>(schedule, dice, sends_something);
  const auto ranks = static_cast<int>(schedule.ranks.size());
  if (found.program == nullptr || ranks < 3) return std::nullopt;
  Send& send = dice.pick(found.operation->sends);
  const auto me = static_cast<int>(found.program - schedule.ranks.data());
  do send.peer = (send.peer + 1) % ranks;
  while (send.peer == me);
  return schedule;
}

Result declared_wrong(Schedule schedule, Dice& dice) {
  const auto found = find<Exchange>(schedule, dice, [](const Program& program, const Exchange& exchange) {
    return !exchange.receives.empty() &&
           program.blocks[static_cast<size_t>(exchange.receives[0].block)].kind == BlockKind::kv;
  });
  if (found.program == nullptr) return std::nullopt;
  Block& it = block(*found.program, found.operation->receives[0].block);
  it.layout = it.layout == Layout::heads_outer ? Layout::tokens_outer : Layout::heads_outer;
  return schedule;
}

Result output_dropped(Schedule schedule, Dice& dice) {
  std::vector<Program*> all;
  for (Program& program : schedule.ranks) {
    if (!program.outputs.empty()) all.push_back(&program);
  }
  if (all.empty()) return std::nullopt;
  erase_at(dice.pick(all)->outputs, 0);
  return schedule;
}

/// Two finishes of one state: rows end twice.
Result output_doubled(Schedule schedule, Dice& dice) {
  const auto found = find<Finish>(schedule, dice, [](const Program&, const Finish&) { return true; });
  if (found.program == nullptr) return std::nullopt;
  Finish again = *found.operation;
  Program& program = *found.program;
  program.blocks.push_back(Block(block(program, again.out)));
  again.out = static_cast<BlockId>(program.blocks.size()) - 1;
  program.blocks.push_back(Block(block(program, again.lse)));
  again.lse = static_cast<BlockId>(program.blocks.size()) - 1;
  program.outputs.insert(program.outputs.end(), {again.out, again.lse});
  program.operations.push_back(again);
  return schedule;
}

Result read_too_early(Schedule schedule, Dice& dice) {
  Program& program = dice.pick(schedule.ranks);
  const Lifetimes lifetimes = lifetimes_of(program);
  for (size_t i = 1; i < program.operations.size(); ++i) {
    bool needs = false;
    visit_operands(
        program, program.operations[i],
        [&](const View& view) {
          needs = needs || lifetimes.made[static_cast<size_t>(view.block)] == static_cast<int32_t>(i) - 1;
        },
        [](BlockId) {});
    if (!needs) continue;
    std::swap(program.operations[i - 1], program.operations[i]);
    return schedule;
  }
  return std::nullopt;
}

Result made_twice(Schedule schedule, Dice& dice) {
  const auto found = find<Attend>(schedule, dice, [](const Program&, const Attend&) { return true; });
  if (found.program == nullptr) return std::nullopt;
  found.program->operations.push_back(Attend(*found.operation));
  return schedule;
}

Result never_made(Schedule schedule, Dice& dice) {
  Program& program = dice.pick(schedule.ranks);
  if (program.inputs.empty()) return std::nullopt;
  program.inputs.pop_back();
  return schedule;
}

/// A block moves onto another that is in use when it is made.
Result buffer_reused(Schedule schedule, Dice& dice) {
  Program& program = dice.pick(schedule.ranks);
  if (program.offsets.empty()) return std::nullopt;
  const Lifetimes lifetimes = lifetimes_of(program);
  std::vector<std::pair<size_t, size_t>> all;
  for (size_t late = 0; late < program.blocks.size(); ++late) {
    for (size_t early = 0; early < program.blocks.size(); ++early) {
      const int64_t dim = schedule.problem.heads.dim;
      const bool alive =
          lifetimes.made[early] < lifetimes.made[late] && lifetimes.made[late] < lifetimes.last_use[early];
      const bool any = bytes_of(program.blocks[early], dim) > 0 && bytes_of(program.blocks[late], dim) > 0;
      if (alive && any && program.offsets[early] + bytes_of(program.blocks[late], dim) <= program.arena_bytes) {
        all.emplace_back(late, early);
      }
    }
  }
  if (all.empty()) return std::nullopt;
  const auto [late, early] = dice.pick(all);
  program.offsets[late] = program.offsets[early];
  return schedule;
}

Result arena_short(Schedule schedule, Dice& dice) {
  Program& program = dice.pick(schedule.ranks);
  if (program.arena_bytes == 0) return std::nullopt;
  program.arena_bytes -= std::min<int64_t>(program.arena_bytes, 64);
  return schedule;
}

std::vector<Defect> all() {
  std::vector<Defect> list = {
      {"send dropped", Proof::matching, send_dropped},
      {"send doubled", Proof::matching, send_doubled},
      {"send swapped", Proof::matching, send_swapped},
      {"wrong tag", Proof::matching, tag_wrong},
      {"wrong peer", Proof::matching, peer_wrong},
      {"received in another layout", Proof::matching, declared_wrong},
      {"output dropped", Proof::coverage, output_dropped},
      {"output doubled", Proof::coverage, output_doubled},
      {"read before made", Proof::data_flow, read_too_early},
      {"made twice", Proof::data_flow, made_twice},
      {"never made", Proof::data_flow, never_made},
      {"buffer reused while in use", Proof::memory, buffer_reused},
      {"arena too short", Proof::memory, arena_short},
  };
  for (const Defect& it : of_attends()) list.push_back(it);
  return list;
}

}  // namespace
}  // namespace defects

const std::vector<Defect>& all_defects() {
  static const std::vector<Defect> list = defects::all();
  return list;
}

}  // namespace ringfold
