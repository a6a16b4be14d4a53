#include "lib/diagram_grid.h"

#include "lib/program_builder.h"
#include "lib/shards.h"

namespace ringfold {

namespace {

void insert(std::vector<int>& sorted, int value) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), value);
  if (at == sorted.end() || *at != value) sorted.insert(at, value);
}

bool holds(const std::vector<int>& sorted, int value) {
  return std::binary_search(sorted.begin(), sorted.end(), value);
}

/// The step in which each block is there, and in which each operation can run.
class Steps {
 public:
  explicit Steps(const Program& program) : of_block_(program.blocks.size()) {
    int exchanges = 0;
    for (const Operation& operation : program.operations) {
      int step = 0;
      visit_operands(
          program, operation, [&](const View& view) { step = std::max(step, of(view.block)); }, [](BlockId) {});
      if (std::holds_alternative<Exchange>(operation)) step = exchanges++;
      const int made_in = std::holds_alternative<Exchange>(operation) ? step + 1 : step;
      visit_operands(
          program, operation, [](const View&) {}, [&](BlockId id) { of_block_[static_cast<size_t>(id)] = made_in; });
      of_operation_.push_back(step);
    }
  }
  int of(BlockId id) const { return of_block_[static_cast<size_t>(id)]; }
  size_t of_operation(size_t index) const { return static_cast<size_t>(of_operation_[index]); }
  size_t count() const {
    int last = 0;
    for (const int step : of_operation_) last = std::max(last, step);
    return static_cast<size_t>(last) + 1;
  }

 private:
  std::vector<int> of_block_;
  std::vector<int> of_operation_;
};

/// Fills one rank's cells.
class RankCells {
 public:
  RankCells(const Schedule& schedule, int rank, const Steps& steps, std::vector<StepCell>& cells)
      : schedule_(schedule), program_(schedule.ranks[static_cast<size_t>(rank)]), steps_(steps), cells_(cells) {}

  void add_work() {
    each_attend([&](const Attend& attend, StepCell& cell, int) {
      for (const View& view : attend.kv) {
        const int64_t pairs = visible_pairs(attend.mask, attend.q.tokens, view.tokens);
        cell.work += static_cast<double>(pairs) * static_cast<double>(attend.q.heads.size());
      }
    });
  }

  void add_shards(const ShardMap& shards) {
    each_attend([&](const Attend& attend, StepCell& cell, int step) {
      for (const View& view : attend.kv) {
        shards.split(view.tokens, [&](int shard, const TokenSet& keys) {
          const int64_t pairs = visible_pairs(attend.mask, attend.q.tokens, keys);
          if (pairs == 0) return;
          insert(steps_.of(view.block) == step ? cell.arrived : cell.earlier, shard);
          if (pairs < visible_pairs({MaskKind::full, 0}, attend.q.tokens, keys)) cell.diagonal = true;
        });
      }
    });
    for (const Operation& operation : program_.operations) {
      const auto* exchange = std::get_if<Exchange>(&operation);
      if (exchange == nullptr) continue;
      for (const Receive& receive : exchange->receives) {
        const Block& block = program_.blocks[static_cast<size_t>(receive.block)];
        const auto step = static_cast<size_t>(steps_.of(receive.block));
        if (block.kind != BlockKind::kv || step >= cells_.size()) continue;
        shards.split(block.tokens, [&](int shard, const TokenSet&) { insert(cells_[step].passed, shard); });
      }
    }
    for (StepCell& cell : cells_) {
      std::erase_if(cell.earlier, [&](int shard) { return holds(cell.arrived, shard); });
      std::erase_if(cell.passed, [&](int shard) { return holds(cell.arrived, shard) || holds(cell.earlier, shard); });
    }
  }

 private:
  template <typename Visit>
  void each_attend(Visit visit) {
    for (size_t i = 0; i < program_.operations.size(); ++i) {
      const auto* attend = std::get_if<Attend>(&program_.operations[i]);
      if (attend == nullptr) continue;
      const size_t step = steps_.of_operation(i);
      visit(*attend, cells_[step], static_cast<int>(step));
    }
  }

  const Schedule& schedule_;
  const Program& program_;
  const Steps& steps_;
  std::vector<StepCell>& cells_;
};

void add_traffic(const Schedule& schedule, int rank, std::vector<StepTraffic>& traffic) {
  const Program& program = schedule.ranks[static_cast<size_t>(rank)];
  size_t step = 0;
  for (const Operation& operation : program.operations) {
    const auto* exchange = std::get_if<Exchange>(&operation);
    if (exchange == nullptr) continue;
    if (traffic.size() <= step) traffic.resize(step + 1);
    StepTraffic& here = traffic[step++];
    int64_t bytes = 0;
    std::vector<int> peers;
    for (const Send& send : exchange->sends) {
      const Block& block = program.blocks[static_cast<size_t>(send.view.block)];
      bytes += bytes_of(block, send.view.tokens.size(), send.view.heads.size(), schedule.problem.heads.dim);
      here.q |= block.kind == BlockKind::q;
      here.kv |= block.kind == BlockKind::kv;
      here.o |= block.kind == BlockKind::out;
      here.state |= block.kind == BlockKind::state || block.kind == BlockKind::lse;
      const int offset = (send.peer - rank + schedule.cluster.sp) % schedule.cluster.sp;
      here.offset = here.most_sends == 0 && peers.empty() ? offset : here.offset == offset ? offset : -1;
      insert(peers, send.peer);
    }
    here.most_sends = std::max(here.most_sends, static_cast<int>(peers.size()));
    here.most_sent_bytes = std::max(here.most_sent_bytes, bytes);
  }
}

}  // namespace

ShardMap::ShardMap(const Schedule& schedule) {
  const auto collect = [this](int shard, const TokenSet& tokens) {
    for (const TokenRange& range : tokens.ranges()) parts_.push_back({range, shard});
  };
  for (int rank = 0; rank < schedule.cluster.sp; ++rank) {
    const Program& program = schedule.ranks[static_cast<size_t>(rank)];
    TokenSet own;
    for (const BlockId id : own_blocks(program)) {
      const Block& block = program.blocks[static_cast<size_t>(id)];
      if (block.kind == BlockKind::kv) own = unite(own, block.tokens);
    }
    collect(rank, own);
  }
  const auto sort = [this] {
    std::sort(parts_.begin(), parts_.end(), [](const Part& a, const Part& b) { return a.range < b.range; });
  };
  sort();
  for (size_t i = 1; i < parts_.size(); ++i) {
    const TokenRange& before = parts_[i - 1].range;
    if (before.sequence != parts_[i].range.sequence || before.end <= parts_[i].range.begin) continue;
    parts_.clear();
    for (int shard = 0; shard < schedule.cluster.sp; ++shard) {
      collect(shard, kv_shard(schedule.problem, schedule.cluster.sp, shard));
    }
    sort();
    return;
  }
}

std::vector<int> operation_steps(const Program& program) {
  const Steps steps(program);
  std::vector<int> of_operation;
  for (size_t i = 0; i < program.operations.size(); ++i)
    of_operation.push_back(static_cast<int>(steps.of_operation(i)));
  return of_operation;
}

StepGrid step_grid(const Schedule& schedule, const std::vector<int>& shown) {
  const ShardMap shards(schedule);
  StepGrid grid;
  std::vector<Steps> steps;
  for (int rank = 0; rank < schedule.cluster.sp; ++rank) {
    steps.emplace_back(schedule.ranks[static_cast<size_t>(rank)]);
    grid.steps = std::max(grid.steps, steps.back().count());
    add_traffic(schedule, rank, grid.traffic);
  }
  grid.cells.assign(static_cast<size_t>(schedule.cluster.sp), std::vector<StepCell>(grid.steps));
  for (int rank = 0; rank < schedule.cluster.sp; ++rank) {
    RankCells cells(schedule, rank, steps[static_cast<size_t>(rank)], grid.cells[static_cast<size_t>(rank)]);
    cells.add_work();
    if (holds(shown, rank)) cells.add_shards(shards);
  }
  return grid;
}

std::vector<std::vector<int>> meeting_steps(const Schedule& schedule, int rank) {
  const int ranks = schedule.cluster.sp;
  const Program& program = schedule.ranks[static_cast<size_t>(rank)];
  const ShardMap shards(schedule);
  const Steps steps(program);
  const std::vector<TokenSet> queries = all_parts(query_chunk, schedule.problem, ranks);
  std::vector<std::vector<int>> meetings(queries.size(), std::vector<int>(queries.size(), -1));
  for (size_t i = 0; i < program.operations.size(); ++i) {
    const auto* attend = std::get_if<Attend>(&program.operations[i]);
    if (attend == nullptr) continue;
    for (size_t q = 0; q < queries.size(); ++q) {
      const TokenSet rows = intersect(queries[q], attend->q.tokens);
      for (const View& view : attend->kv) {
        shards.split(view.tokens, [&](int shard, const TokenSet& keys) {
          if (!sees(attend->mask, rows, keys)) return;
          meetings[q][static_cast<size_t>(shard)] = static_cast<int>(steps.of_operation(i));
        });
      }
    }
  }
  return meetings;
}

}  // namespace ringfold
