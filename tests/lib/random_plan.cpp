#include "tests/lib/random_plan.h"

#include "tests/lib/hand_plans.h"

#include <map>
#include <utility>

namespace ringfold {

namespace {

/// Part of Q or KV, and the block that holds it on each rank that has it.
struct Item {
  TokenSet tokens;
  HeadRange heads;
  std::map<int, BlockId> on;
};

/// One pair of pieces to be attended on a rank.
struct Task {
  size_t q = 0;
  size_t kv = 0;
  int rank = 0;
};

/// A block to be sent, and where its number on the receiving side goes.
struct Wanted {
  int from = 0;
  int to = 0;
  BlockId block = kNoBlock;
  BlockId made = kNoBlock;
};

class PlanWriter {
 public:
  explicit PlanWriter(uint64_t seed) : dice_(seed), problem_(random_problem(dice_)) {
    ranks_ = static_cast<int>(dice_.between(1, 5));
    makers_.assign(static_cast<size_t>(ranks_), ProgramMaker(problem_));
  }

  Schedule write() {
    cut();
    std::vector<Task> tasks;
    for (size_t q = 0; q < q_.size(); ++q) {
      for (size_t kv = 0; kv < kv_.size(); ++kv) {
        const bool useless = visible_pairs(problem_.mask, q_[q].tokens, kv_[kv].tokens) == 0;
        if (!kv_[kv].heads.contains(kv_heads_of(problem_, q_[q].heads)) || (useless && !dice_.one_in(4))) continue;
        tasks.push_back({q, kv, any_rank()});
      }
    }
    dice_.shuffle(tasks);
    while (!tasks.empty()) round(tasks);
    for (size_t q = 0; q < q_.size(); ++q) bring_home(q);
    move_outputs();
    Schedule schedule{"random", problem_, {ranks_, 1}, {}};
    for (ProgramMaker& maker : makers_) schedule.ranks.push_back(std::move(maker.program));
    return schedule;
  }

 private:
  int any_rank() { return static_cast<int>(dice_.below(ranks_)); }
  ProgramMaker& on(int rank) { return makers_[static_cast<size_t>(rank)]; }
  const Block& block(int rank, BlockId id) { return on(rank).program.blocks[static_cast<size_t>(id)]; }

  /// Cuts heads into bands of whole kv heads, and each band's Q and KV into pieces.
  void cut() {
    for (int64_t kv = 0; kv < problem_.heads.kv;) {
      const int64_t end = dice_.between(kv + 1, problem_.heads.kv);
      const int64_t group = problem_.heads.group();
      for (const TokenSet& part : pieces(kv_set(problem_))) kv_.push_back({part, {kv, end}, {}});
      const int64_t middle = dice_.between(kv * group, end * group);
      for (const HeadRange heads : {HeadRange{kv * group, middle}, HeadRange{middle, end * group}}) {
        if (heads.empty()) continue;
        for (const TokenSet& part : pieces(query_set(problem_))) q_.push_back({part, heads, {}});
      }
      kv = end;
    }
    for (Item& it : q_) place(it, BlockKind::q);
    for (Item& it : kv_) place(it, BlockKind::kv);
  }

  void place(Item& item, BlockKind kind) {
    const int rank = any_rank();
    item.on[rank] = on(rank).input(kind, item.tokens, item.heads);
    if (dice_.one_in(3)) on(rank).program.blocks.back().layout = Layout::tokens_outer;
  }

  /// Up to 3 parts, each of several ranges, that make up the whole.
  std::vector<TokenSet> pieces(const TokenSet& whole) {
    std::vector<std::vector<TokenRange>> parts(static_cast<size_t>(dice_.between(1, 3)));
    for (const TokenRange& range : whole.ranges()) {
      for (int64_t at = range.begin; at < range.end;) {
        const int64_t end = dice_.between(at + 1, range.end);
        dice_.pick(parts).push_back({range.sequence, at, end});
        at = end;
      }
    }
    std::vector<TokenSet> sets;
    for (auto& part : parts) {
      if (!part.empty()) sets.push_back(TokenSet(std::move(part)));
    }
    return sets;
  }

  /// One round of transfers, then the attends that are possible.
  void round(std::vector<Task>& tasks) {
    std::vector<Wanted> wanted;
    std::map<std::pair<Item*, int>, size_t> arriving;
    for (const Task& task : tasks) {
      for (Item* item : {&q_[task.q], &kv_[task.kv]}) {
        if (item->on.contains(task.rank) || arriving.contains({item, task.rank}) || dice_.one_in(3)) continue;
        auto source = item->on.begin();
        std::advance(source, dice_.below(static_cast<int64_t>(item->on.size())));
        arriving[{item, task.rank}] = wanted.size();
        wanted.push_back({source->first, task.rank, source->second, kNoBlock});
      }
    }
    exchange(wanted);
    for (const auto& [where, index] : arriving) where.first->on[where.second] = wanted[index].made;
    std::erase_if(tasks, [&](const Task& task) {
      const bool there = q_[task.q].on.contains(task.rank) && kv_[task.kv].on.contains(task.rank);
      if (there) attend(task);
      return there;
    });
  }

  /// Makes the transfers, one exchange a rank, split over two rounds now and then.
  void exchange(std::vector<Wanted>& wanted) {
    std::map<int, Exchange> exchanges;
    for (size_t i = 0; i < wanted.size(); ++i) {
      Wanted& it = wanted[i];
      const Block from = block(it.from, it.block);
      const uint64_t tag = tags_[{it.from, it.to}]++;
      it.made = on(it.to).block(from.kind, from.tokens, from.heads);
      on(it.to).program.blocks.back().layout = from.layout;
      exchanges[it.from].sends.push_back({it.to, tag, on(it.from).whole(it.block)});
      exchanges[it.to].receives.push_back({it.from, tag, it.made});
      if (dice_.one_in(4)) flush(exchanges);
    }
    flush(exchanges);
  }

  void flush(std::map<int, Exchange>& exchanges) {
    for (auto& [rank, exchange] : exchanges) on(rank).add(std::move(exchange));
    exchanges.clear();
  }

  void attend(const Task& task) {
    ProgramMaker& maker = on(task.rank);
    const BlockId q = q_[task.q].on[task.rank];
    const BlockId kv = kv_[task.kv].on[task.rank];
    BlockId& state = states_[task.q][task.rank].emplace_back(kNoBlock);
    auto& mine = states_[task.q][task.rank];
    if (mine.size() > 1 && !dice_.one_in(3)) {  // fold
      mine.pop_back();
      mine.back() = maker.attend(maker.whole(q), {maker.whole(kv)}, mine.back());
    } else if (const TokenSet part = half(q_[task.q].tokens); !part.empty()) {  // the queries in two parts
      const TokenSet rest = subtract(q_[task.q].tokens, part);
      const BlockId first = maker.block(BlockKind::state, q_[task.q].tokens, q_[task.q].heads);
      maker.add(Attend{maker.part(q, part), {maker.whole(kv)}, problem_.mask, kNoBlock, first});
      state = maker.attend(maker.part(q, rest), {maker.whole(kv)}, first);
    } else {
      state = maker.attend(maker.whole(q), {maker.whole(kv)});
    }
    relax_mask(std::get<Attend>(maker.program.operations.back()));
  }

  TokenSet half(const TokenSet& tokens) {
    const TokenRange& first = tokens.ranges().front();
    if (first.size() < 2 || !dice_.one_in(3)) return {};
    return TokenSet::range(first.sequence, first.begin, dice_.between(first.begin + 1, first.end - 1));
  }

  /// Where everything is visible a full mask is as right.
  void relax_mask(Attend& attend) {
    const Mask full{MaskKind::full, 0};
    const TokenSet& keys = attend.kv[0].tokens;
    if (visible_pairs(full, attend.q.tokens, keys) == visible_pairs(problem_.mask, attend.q.tokens, keys))
      attend.mask = full;
  }

  /// Sends the states of a piece of Q to one rank, merges and finishes them there.
  void bring_home(size_t q) {
    const int home = any_rank();
    std::vector<Wanted> wanted;
    std::vector<BlockId> parts;
    for (auto& [rank, blocks] : states_[q]) {
      for (const BlockId id : blocks) {
        if (rank == home) parts.push_back(id);
        if (rank != home) wanted.push_back({rank, home, id, kNoBlock});
      }
    }
    exchange(wanted);
    for (const Wanted& it : wanted) parts.push_back(it.made);
    dice_.shuffle(parts);
    ProgramMaker& maker = on(home);
    if (parts.size() != 1 || dice_.one_in(3)) {
      std::vector<View> views;
      for (const BlockId id : parts) views.push_back(maker.whole(id));
      parts = {maker.merge(std::move(views), q_[q].tokens, q_[q].heads)};
    }
    maker.finish(parts.front());
  }

  /// Some O goes on to another rank.
  void move_outputs() {
    for (int rank = 0; rank < ranks_; ++rank) {
      std::vector<Wanted> wanted;
      std::erase_if(on(rank).program.outputs, [&](BlockId id) {
        const int to = any_rank();
        const bool moves = block(rank, id).kind == BlockKind::out && to > rank && dice_.one_in(2);
        if (moves) wanted.push_back({rank, to, id, kNoBlock});
        return moves;
      });
      exchange(wanted);
      for (const Wanted& it : wanted) on(it.to).program.outputs.push_back(it.made);
    }
  }

  Dice dice_;
  Problem problem_;
  int ranks_ = 1;
  std::vector<ProgramMaker> makers_;
  std::vector<Item> q_;
  std::vector<Item> kv_;
  std::map<size_t, std::map<int, std::vector<BlockId>>> states_;  ///< by piece of Q, by rank
  std::map<std::pair<int, int>, uint64_t> tags_;
};

}  // namespace

Problem random_problem(Dice& dice) {
  Problem problem;
  for (int64_t i = dice.between(1, 3); i > 0; --i) {
    problem.sequences.push_back({dice.between(0, 9), dice.one_in(2) ? 0 : dice.between(0, 7)});
  }
  problem.heads.kv = dice.between(1, 3);
  problem.heads.query = problem.heads.kv * dice.between(1, 3);
  problem.heads.dim = 4;
  problem.mask.kind = static_cast<MaskKind>(dice.below(3));
  if (problem.mask.kind == MaskKind::window) problem.mask.window = dice.between(1, 6);
  problem.dtype = static_cast<DType>(dice.below(3));
  return problem;
}

Schedule random_plan(uint64_t seed) { return PlanWriter(seed).write(); }

}  // namespace ringfold
