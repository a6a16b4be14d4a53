#include "tests/lib/defects_find.h"

namespace ringfold::defects {

namespace {

int64_t pairs(const Schedule& schedule, const TokenSet& queries, const TokenSet& keys) {
  return visible_pairs(schedule.problem.mask, queries, keys);
}

int64_t pairs(const Schedule& schedule, const Attend& attend) {
  int64_t sum = 0;
  for (const View& kv : attend.kv) sum += pairs(schedule, attend.q.tokens, kv.tokens);
  return sum;
}

Result merge_part_missing(Schedule schedule, Dice& dice) {
  const auto found =
      find<Merge>(schedule, dice, [](const Program&, const Merge& merge) { return merge.parts.size() > 1; });
  if (found.program == nullptr) return std::nullopt;
  erase_at(found.operation->parts, 0);
  return schedule;
}

Result merge_part_doubled(Schedule schedule, Dice& dice) {
  const auto found =
      find<Merge>(schedule, dice, [](const Program&, const Merge& merge) { return !merge.parts.empty(); });
  if (found.program == nullptr) return std::nullopt;
  found.operation->parts.push_back(View(dice.pick(found.operation->parts)));
  return schedule;
}

Result attend_doubled(Schedule schedule, Dice& dice) {
  const auto found =
      find<Attend>(schedule, dice, [&](const Program&, const Attend& it) { return pairs(schedule, it) > 0; });
  if (found.program == nullptr) return std::nullopt;
  found.operation->kv.push_back(View(found.operation->kv.front()));
  if (pairs(schedule, found.operation->q.tokens, found.operation->kv.front().tokens) == 0) return std::nullopt;
  return schedule;
}

Result attend_dropped(Schedule schedule, Dice& dice) {
  const auto found =
      find<Attend>(schedule, dice, [&](const Program&, const Attend& it) { return pairs(schedule, it) > 0; });
  if (found.program == nullptr) return std::nullopt;
  found.operation->kv.clear();
  return schedule;
}

/// Shard boundary off by one: the attend leaves out its block's last key.
Result key_lost(Schedule schedule, Dice& dice) {
  const auto found =
      find<Attend>(schedule, dice, [&](const Program&, const Attend& it) { return pairs(schedule, it) > 0; });
  if (found.program == nullptr) return std::nullopt;
  TokenSet& keys = found.operation->kv.front().tokens;
  const TokenRange last = keys.ranges().back();
  const TokenSet lost = TokenSet::range(last.sequence, last.end - 1, last.end);
  if (pairs(schedule, found.operation->q.tokens, lost) == 0) return std::nullopt;
  keys = subtract(keys, lost);
  return schedule;
}

Result query_lost(Schedule schedule, Dice& dice) {
  const auto found =
      find<Attend>(schedule, dice, [&](const Program&, const Attend& it) { return pairs(schedule, it) > 0; });
  if (found.program == nullptr) return std::nullopt;
  TokenSet& queries = found.operation->q.tokens;
  const TokenRange first = queries.ranges().front();
  const TokenSet lost = TokenSet::range(first.sequence, first.begin, first.begin + 1);
  int64_t seen = 0;
  for (const View& kv : found.operation->kv) seen += pairs(schedule, lost, kv.tokens);
  if (seen == 0) return std::nullopt;
  queries = subtract(queries, lost);
  return schedule;
}

Result mask_full(Schedule schedule, Dice& dice) {
  const Mask full{MaskKind::full, 0};
  const auto found = find<Attend>(schedule, dice, [&](const Program&, const Attend& it) {
    return visible_pairs(full, it.q.tokens, it.kv.front().tokens) > pairs(schedule, it.q.tokens, it.kv.front().tokens);
  });
  if (found.program == nullptr) return std::nullopt;
  found.operation->mask = full;
  return schedule;
}

Result mask_narrow(Schedule schedule, Dice& dice) {
  const Mask narrow{MaskKind::window, 1};
  const auto found = find<Attend>(schedule, dice, [&](const Program&, const Attend& it) {
    return visible_pairs(narrow, it.q.tokens, it.kv.front().tokens) <
           pairs(schedule, it.q.tokens, it.kv.front().tokens);
  });
  if (found.program == nullptr) return std::nullopt;
  found.operation->mask = narrow;
  return schedule;
}

/// A fold begins anew and so forgets what was there.
Result fold_lost(Schedule schedule, Dice& dice) {
  const auto found =
      find<Attend>(schedule, dice, [](const Program&, const Attend& it) { return it.state_in != kNoBlock; });
  if (found.program == nullptr) return std::nullopt;
  const BlockId before = found.operation->state_in;
  for (const Operation& operation : found.program->operations) {
    const auto* attend = std::get_if<Attend>(&operation);
    if (attend != nullptr && attend->state == before && pairs(schedule, *attend) == 0) return std::nullopt;
  }
  found.operation->state_in = kNoBlock;
  return schedule;
}

}  // namespace

std::vector<Defect> of_attends() {
  return {
      {"part of a merge missing", Proof::coverage, merge_part_missing},
      {"part of a merge doubled", Proof::coverage, merge_part_doubled},
      {"keys attended twice", Proof::coverage, attend_doubled},
      {"keys not attended", Proof::coverage, attend_dropped},
      {"last key of a shard lost", Proof::coverage, key_lost},
      {"first query of a shard lost", Proof::coverage, query_lost},
      {"mask too wide", Proof::coverage, mask_full},
      {"mask too narrow", Proof::coverage, mask_narrow},
      {"fold begins anew", Proof::coverage, fold_lost},
  };
}

}  // namespace ringfold::defects
