#pragma once

#include "tests/lib/defects.h"

#include <utility>

namespace ringfold::defects {

using Result = std::optional<Schedule>;

/// An operation of type T, somewhere.
template <typename T>
struct Found {
  Program* program = nullptr;
  size_t index = 0;
  T* operation = nullptr;
};

template <typename T, typename Wanted>
Found<T> find(Schedule& schedule, Dice& dice, Wanted&& wanted) {
  std::vector<Found<T>> all;
  for (Program& program : schedule.ranks) {
    for (size_t i = 0; i < program.operations.size(); ++i) {
      T* it = std::get_if<T>(&program.operations[i]);
      if (it != nullptr && wanted(program, *it)) all.push_back({&program, i, it});
    }
  }
  return all.empty() ? Found<T>{} : dice.pick(all);
}

inline Block& block(Program& program, BlockId id) { return program.blocks[static_cast<size_t>(id)]; }

template <typename T>
void erase_at(std::vector<T>& list, size_t index) {
  list.erase(list.begin() + static_cast<std::ptrdiff_t>(index));
}

/// The defects of attends and merges.
std::vector<Defect> of_attends();

}  // namespace ringfold::defects
