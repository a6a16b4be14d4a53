#include "lib/executor.h"
#include "tests/lib/explorer.h"
#include "tests/lib/random_plan.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace ringfold {

namespace {

/// (sequence, position, head) -> times that each key of the sequence was attended.
using Row = std::tuple<int64_t, int64_t, int64_t>;
using Rows = std::map<Row, std::vector<int>>;

template <typename Visit>
void for_rows(const TokenSet& tokens, const HeadRange& heads, Visit&& visit) {
  for (const TokenRange& range : tokens.ranges()) {
    for (int64_t position = range.begin; position < range.end; ++position) {
      for (int64_t head = heads.begin; head < heads.end; ++head) visit(Row{range.sequence, position, head});
    }
  }
}

bool lets_through(const Mask& mask, int64_t query, int64_t key) {
  if (mask.kind == MaskKind::full) return true;
  return key <= query && (mask.kind == MaskKind::causal || key > query - mask.window);
}

std::string to_string(const Row& row) {
  const auto [sequence, position, head] = row;
  return "query " + std::to_string(sequence) + ":" + std::to_string(position) + " head " + std::to_string(head);
}

class Counter {
 public:
  Counter(const Schedule& schedule, uint64_t seed) : schedule_(schedule), dice_(seed), next_(schedule.ranks.size(), 0) {
    for (const Program& program : schedule.ranks) content_.emplace_back(program.blocks.size());
  }

  std::string run() {
    std::vector<size_t> running;
    for (size_t rank = 0; rank < next_.size(); ++rank) running.push_back(rank);
    while (!running.empty()) {
      dice_.shuffle(running);
      bool moved = false;
      for (const size_t rank : running) moved = step(rank) || moved;
      std::erase_if(running, [&](size_t rank) { return next_[rank] == schedule_.ranks[rank].operations.size(); });
      if (!moved && !running.empty()) return "no rank can go on";
    }
    const std::string out = judge(BlockKind::out);
    return out.empty() ? judge(BlockKind::lse) : out;
  }

 private:
  const Block& block(size_t rank, BlockId id) const { return schedule_.ranks[rank].blocks[static_cast<size_t>(id)]; }
  Rows& content(size_t rank, BlockId id) { return content_[rank][static_cast<size_t>(id)]; }

  bool step(size_t rank) {
    const auto& operations = schedule_.ranks[rank].operations;
    if (next_[rank] == operations.size()) return false;
    const Operation& operation = operations[next_[rank]];
    if (const auto* exchange = std::get_if<Exchange>(&operation)) {
      if (!receive(rank, *exchange)) return false;
    } else if (const auto* attend = std::get_if<Attend>(&operation)) {
      this->attend(rank, *attend);
    } else if (const auto* merge = std::get_if<Merge>(&operation)) {
      for (const View& part : merge->parts) add(content(rank, part.block), part, content(rank, merge->state));
    } else if (const auto* copy = std::get_if<Copy>(&operation)) {
      for (const View& part : copy->parts) add(content(rank, part.block), part, content(rank, copy->block));
    } else if (const auto* finish = std::get_if<Finish>(&operation)) {
      add(content(rank, finish->state.block), finish->state, content(rank, finish->out));
      add(content(rank, finish->state.block), finish->state, content(rank, finish->lse));
    }
    ++next_[rank];
    return true;
  }

  bool receive(size_t rank, const Exchange& exchange) {
    std::vector<std::pair<size_t, const Send*>> sends;
    for (const Receive& receive : exchange.receives) {
      const auto sender = static_cast<size_t>(receive.peer);
      for (size_t i = 0; i < next_[sender] + 1 && i < schedule_.ranks[sender].operations.size(); ++i) {
        const auto* theirs = std::get_if<Exchange>(&schedule_.ranks[sender].operations[i]);
        if (theirs == nullptr) continue;
        for (const Send& send : theirs->sends) {
          if (send.peer == static_cast<int>(rank) && send.tag == receive.tag) sends.emplace_back(sender, &send);
        }
      }
    }
    if (sends.size() != exchange.receives.size()) return false;
    for (size_t i = 0; i < sends.size(); ++i) {
      const auto& [sender, send] = sends[i];
      add(content(sender, send->view.block), send->view, content(rank, exchange.receives[i].block));
    }
    return true;
  }

  void attend(size_t rank, const Attend& attend) {
    Rows& rows = content(rank, attend.state);
    if (attend.state_in != kNoBlock) rows = content(rank, attend.state_in);
    for_rows(attend.q.tokens, attend.q.heads, [&](const Row& row) {
      const auto [sequence, position, head] = row;
      std::vector<int>& counts = rows[row];
      counts.resize(static_cast<size_t>(schedule_.problem.sequences[static_cast<size_t>(sequence)].length()), 0);
      for (const View& kv : attend.kv) {
        for (const TokenRange& keys : kv.tokens.ranges()) {
          if (keys.sequence != sequence) continue;
          for (int64_t key = keys.begin; key < keys.end; ++key) {
            counts[static_cast<size_t>(key)] += lets_through(attend.mask, position, key) ? 1 : 0;
          }
        }
      }
    });
  }

  static void add(const Rows& from, const View& view, Rows& to) {
    for_rows(view.tokens, view.heads, [&](const Row& row) {
      const auto found = from.find(row);
      if (found == from.end()) return;
      std::vector<int>& sum = to[row];
      sum.resize(found->second.size(), 0);
      for (size_t key = 0; key < sum.size(); ++key) sum[key] += found->second[key];
    });
  }

  std::string judge(BlockKind kind) {
    std::map<Row, int> ends;
    std::string wrong;
    for (size_t rank = 0; rank < next_.size(); ++rank) {
      for (const BlockId id : schedule_.ranks[rank].outputs) {
        if (block(rank, id).kind != kind) continue;
        for_rows(block(rank, id).tokens, block(rank, id).heads, [&](const Row& row) {
          ++ends[row];
          if (wrong.empty() && !complete(row, content(rank, id))) wrong = to_string(row) + " has wrong keys";
        });
      }
    }
    for_rows(query_set(schedule_.problem), {0, schedule_.problem.heads.query}, [&](const Row& row) {
      if (wrong.empty() && ends[row] != 1) wrong = to_string(row) + " ends " + std::to_string(ends[row]) + " times";
    });
    return wrong;
  }

  bool complete(const Row& row, const Rows& rows) const {
    const auto [sequence, position, head] = row;
    const auto found = rows.find(row);
    for (int64_t key = 0; key < schedule_.problem.sequences[static_cast<size_t>(sequence)].length(); ++key) {
      const int count = found == rows.end() ? 0 : found->second[static_cast<size_t>(key)];
      if (count != (lets_through(schedule_.problem.mask, position, key) ? 1 : 0)) return false;
    }
    return true;
  }

  const Schedule& schedule_;
  Dice dice_;
  std::vector<size_t> next_;
  std::vector<std::vector<Rows>> content_;  ///< [rank][block]
};

/// One rank's two queues over an arena in which every byte knows the block that was written there last.
class MemoryRun {
 public:
  MemoryRun(const Program& program, int64_t dim, Dice& dice)
      : program_(program),
        dim_(dim),
        dice_(dice),
        needs_(other_queue_dependencies(program, dim)),
        owner_(static_cast<size_t>(program.arena_bytes), kNoBlock) {
    for (size_t i = 0; i < program.operations.size(); ++i) {
      queues_[std::holds_alternative<Exchange>(program.operations[i]) ? 1 : 0].push_back(i);
    }
  }

  std::string run() {
    for (const BlockId id : program_.inputs) fill(id);
    std::vector<bool> ended(program_.operations.size(), false);
    size_t head[2] = {0, 0};
    bool started[2] = {false, false};
    while (head[0] < queues_[0].size() || head[1] < queues_[1].size()) {
      const auto queue = static_cast<size_t>(dice_.below(2));
      if (head[queue] == queues_[queue].size()) continue;
      const size_t operation = queues_[queue][head[queue]];
      const int need = needs_[operation];
      if (!started[queue] && need >= 0 && !ended[static_cast<size_t>(need)]) continue;
      if (!intact(operation, started[queue])) return "operation " + std::to_string(operation) + " lost an operand";
      if (!started[queue]) begin(operation);
      if (started[queue]) {
        ended[operation] = true;
        ++head[queue];
      }
      started[queue] = !started[queue];
    }
    for (const auto* kept : {&program_.inputs, &program_.outputs}) {
      for (const BlockId id : *kept) {
        if (!holds(id)) return "block " + std::to_string(id) + " did not last to the end";
      }
    }
    return "";
  }

 private:
  std::pair<size_t, size_t> bytes(BlockId id) const {
    const int64_t begin = program_.offsets[static_cast<size_t>(id)];
    return {static_cast<size_t>(begin),
            static_cast<size_t>(begin + bytes_of(program_.blocks[static_cast<size_t>(id)], dim_))};
  }
  void fill(BlockId id) {
    const auto [begin, end] = bytes(id);
    std::fill(owner_.begin() + static_cast<std::ptrdiff_t>(begin), owner_.begin() + static_cast<std::ptrdiff_t>(end),
              id);
  }
  bool holds(BlockId id) const {
    const auto [begin, end] = bytes(id);
    for (size_t i = begin; i < end; ++i) {
      if (owner_[i] != id) return false;
    }
    return true;
  }

  /// Operands must be there when an operation starts; when it ends, so must what it made and, but for a state folded in
  /// place, its operands.
  bool intact(size_t index, bool at_end) const {
    const Operation& operation = program_.operations[index];
    const auto* attend = std::get_if<Attend>(&operation);
    bool good = true;
    visit_operands(
        program_, operation,
        [&](const View& view) {
          const bool folds =
              attend != nullptr && view.block == attend->state_in && bytes(view.block) == bytes(attend->state);
          if (!(at_end && folds)) good = good && holds(view.block);
        },
        [&](BlockId id) { good = good && (!at_end || holds(id)); });
    return good;
  }

  void begin(size_t index) {
    visit_operands(program_, program_.operations[index], [](const View&) {}, [&](BlockId id) { fill(id); });
  }

  const Program& program_;
  int64_t dim_;
  Dice& dice_;
  std::vector<int> needs_;
  std::vector<BlockId> owner_;
  std::vector<size_t> queues_[2];
};

}  // namespace

std::string count_keys(const Schedule& schedule, uint64_t seed) { return Counter(schedule, seed).run(); }

std::string run_memory(const Schedule& schedule, uint64_t seed) {
  Dice dice(seed);
  for (const Program& program : schedule.ranks) {
    const std::string wrong = MemoryRun(program, schedule.problem.heads.dim, dice).run();
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace ringfold
