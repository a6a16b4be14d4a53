#pragma once

#include "lib/schedule.h"

#include <functional>
#include <vector>

namespace ringfold {

/// Calls rename(BlockId&) for every block that the operation names.
template <typename Rename>
void rename_blocks(Operation& operation, Rename&& rename) {
  const auto views = [&](std::vector<View>& list) {
    for (View& view : list) rename(view.block);
  };
  if (auto* exchange = std::get_if<Exchange>(&operation)) {
    for (Send& send : exchange->sends) rename(send.view.block);
    for (Receive& receive : exchange->receives) rename(receive.block);
  } else if (auto* attend = std::get_if<Attend>(&operation)) {
    rename(attend->q.block);
    views(attend->kv);
    rename(attend->state_in);
    rename(attend->state);
  } else if (auto* merge = std::get_if<Merge>(&operation)) {
    views(merge->parts);
    rename(merge->state);
  } else if (auto* copy = std::get_if<Copy>(&operation)) {
    views(copy->parts);
    rename(copy->block);
  } else if (auto* rotate = std::get_if<Rotate>(&operation)) {
    rename(rotate->source.block);
    rename(rotate->block);
  } else if (auto* project = std::get_if<Project>(&operation)) {
    rename(project->source.block);
    rename(project->weights.block);
    rename(project->block);
  } else if (auto* finish = std::get_if<Finish>(&operation)) {
    rename(finish->state.block);
    rename(finish->out);
    rename(finish->lse);
  }
}

/// Drops the marked blocks, which nothing names any more, and renumbers the rest.
void drop_blocks(Program& program, const std::vector<bool>& dropped);

/// Drops what a program starts with but never reads, such as keys that no query sees; not what `stays`, if given.
void drop_unread_inputs(Program& program, const std::function<bool(const Block&)>& stays = {});

}  // namespace ringfold
