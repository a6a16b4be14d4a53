#include "lib/lifetimes.h"
#include "lib/passes.h"

#include <algorithm>
#include <utility>

namespace ringfold {

namespace {

/// The place of an exchange among the operations [begin, index) that stand between it and the exchange before it: after
/// the last that makes what it sends, and before the first that uses what the exchange before has brought. Where
/// nothing in between does, that one has been issued early already, and this one stays.
size_t early_place(const Program& program, const Lifetimes& lifetimes, size_t begin, size_t index) {
  size_t place = begin;
  for (const Send& send : std::get<Exchange>(program.operations[index]).sends) {
    const int32_t maker = lifetimes.made[static_cast<size_t>(send.view.block)];
    if (maker >= static_cast<int32_t>(place)) place = static_cast<size_t>(maker) + 1;
  }
  if (begin == 0) return place;
  for (size_t i = begin; i < index; ++i) {
    bool uses = false;
    visit_operands(
        program, program.operations[i],
        [&](const View& view) {
          uses = uses || lifetimes.made[static_cast<size_t>(view.block)] == static_cast<int32_t>(begin) - 1;
        },
        [](BlockId) {});
    if (uses) return std::max(place, i);
  }
  return index;
}

void issue_early(Program& program) {
  const Lifetimes lifetimes = lifetimes_of(program);
  auto& operations = program.operations;
  std::vector<size_t> order;
  order.reserve(operations.size());
  size_t begin = 0;  // just after the last exchange
  for (size_t i = 0; i < operations.size(); ++i) {
    if (!std::holds_alternative<Exchange>(operations[i])) continue;
    const size_t place = early_place(program, lifetimes, begin, i);
    for (size_t j = begin; j < place; ++j) order.push_back(j);
    order.push_back(i);
    for (size_t j = place; j < i; ++j) order.push_back(j);
    begin = i + 1;
  }
  for (size_t j = begin; j < operations.size(); ++j) order.push_back(j);
  std::vector<Operation> reordered;
  reordered.reserve(operations.size());
  for (const size_t i : order) reordered.push_back(std::move(operations[i]));
  operations = std::move(reordered);
}

}  // namespace

Schedule issue_early(Schedule schedule) {
  for (Program& program : schedule.ranks) {
    program.offsets.clear();
    program.arena_bytes = 0;
    issue_early(program);
  }
  return schedule;
}

}  // namespace ringfold
