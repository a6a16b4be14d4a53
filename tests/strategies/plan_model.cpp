#include "tests/strategies/plan_model.h"

#include "lib/placement.h"
#include "lib/program_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace ringfold {

namespace {

using Row = std::tuple<int64_t, int64_t, int64_t>;  // sequence, position, head
using Keys = std::map<int64_t, int>;                // key position -> how often attended
using State = std::map<Row, Keys>;

template <typename Visit>
void each(const TokenSet& tokens, const HeadRange& heads, Visit visit) {
  for (int64_t head = heads.begin; head < heads.end; ++head) {
    for (const TokenRange& range : tokens.ranges()) {
      for (int64_t position = range.begin; position < range.end; ++position) visit(Row{range.sequence, position, head});
    }
  }
}

/// Runs one rank's computation on sets of keys.
class RankModel {
 public:
  RankModel(const Schedule& schedule, size_t rank) : problem_(schedule.problem), program_(schedule.ranks[rank]) {
    for (const BlockId id : program_.inputs) made_[id] = true;
    for (const Operation& operation : program_.operations) {
      visit_operands(program_, operation, [&](const View& view) { check_read(view); }, [](BlockId) {});
      if (const auto* attend = std::get_if<Attend>(&operation)) run(*attend);
      if (const auto* merge = std::get_if<Merge>(&operation)) run(*merge);
      if (const auto* copy = std::get_if<Copy>(&operation)) run(*copy);
      if (const auto* finish = std::get_if<Finish>(&operation)) outputs_[finish->out] = part(finish->state);
      visit_operands(program_, operation, [](const View&) {}, [&](BlockId id) { made_[id] = true; });
    }
  }
  const std::map<BlockId, State>& outputs() const { return outputs_; }
  const std::string& fault() const { return fault_; }

 private:
  const Block& block(BlockId id) const { return program_.blocks[static_cast<size_t>(id)]; }
  void check_read(const View& view) {
    if (view.block < 0 || !made_[view.block]) {
      fault_ = fmt::format("block {} is read before it is made", view.block);
    } else if (!block(view.block).tokens.contains(view.tokens) || !block(view.block).heads.contains(view.heads)) {
      fault_ = fmt::format("block {} does not hold what is read", view.block);
    }
  }
  State part(const View& view) {
    State rows;
    each(view.tokens, view.heads, [&](const Row& row) { rows[row] = states_[view.block][row]; });
    return rows;
  }
  void run(const Attend& attend) {
    State state;
    const Block& made = block(attend.state);
    each(made.tokens, made.heads, [&](const Row& row) { state[row]; });
    if (attend.state_in != kNoBlock) state = states_[attend.state_in];
    each(attend.q.tokens, attend.q.heads, [&](const Row& row) {
      const auto [sequence, position, head] = row;
      const int64_t kv_head = head / problem_.heads.group();
      const TokenRange visible = visible_keys(problem_, sequence, position);
      for (const View& view : attend.kv) {
        each(view.tokens, intersect(view.heads, {kv_head, kv_head + 1}), [&](const Row& key) {
          const int64_t at = std::get<1>(key);
          if (std::get<0>(key) == sequence && visible.begin <= at && at < visible.end) ++state.at(row)[at];
        });
      }
    });
    states_[attend.state] = std::move(state);
  }
  void run(const Copy& copy) {
    const Block& made = block(copy.block);
    std::map<Row, int> wanted, got;
    each(made.tokens, made.heads, [&](const Row& row) { wanted[row] = 1; });
    for (const View& view : copy.parts) {
      each(view.tokens, view.heads, [&](const Row& row) { ++got[row]; });
      if (block(view.block).kind != made.kind) fault_ = "a copy mixes kinds";
    }
    if (got != wanted) fault_ = fmt::format("the parts of block {} do not tile it", copy.block);
  }
  void run(const Merge& merge) {
    State state;
    each(block(merge.state).tokens, block(merge.state).heads, [&](const Row& row) { state[row]; });
    for (const View& view : merge.parts) {
      for (const auto& [row, keys] : part(view)) {
        for (const auto& [key, times] : keys) state.at(row)[key] += times;
      }
    }
    states_[merge.state] = std::move(state);
  }

  const Problem& problem_;
  const Program& program_;
  std::map<BlockId, bool> made_;
  std::map<BlockId, State> states_;
  std::map<BlockId, State> outputs_;
  std::string fault_;
};

/// Do sends and receives pair one to one, with the same content?
std::string transfer_fault(const Schedule& schedule) {
  struct Content {
    BlockKind kind;
    TokenSet tokens;
    HeadRange heads;
    bool operator==(const Content&) const = default;
  };
  std::map<std::tuple<int, int, uint64_t>, std::vector<Content>> sent;
  std::map<std::tuple<int, int, uint64_t>, std::vector<Content>> received;
  for (size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    const Program& program = schedule.ranks[rank];
    const int me = static_cast<int>(rank);
    for (const Operation& operation : program.operations) {
      const auto* exchange = std::get_if<Exchange>(&operation);
      if (exchange == nullptr) continue;
      for (const Send& send : exchange->sends) {
        const Block& block = program.blocks[static_cast<size_t>(send.view.block)];
        if (send.peer == me || !is_contiguous(block, send.view)) return fmt::format("bad send on rank {}", me);
        sent[{me, send.peer, send.tag}].push_back({block.kind, send.view.tokens, send.view.heads});
      }
      for (const Receive& receive : exchange->receives) {
        const Block& block = program.blocks[static_cast<size_t>(receive.block)];
        received[{receive.peer, me, receive.tag}].push_back({block.kind, block.tokens, block.heads});
      }
    }
  }
  return sent == received ? "" : "sends and receives do not pair";
}

}  // namespace

Schedule plan_with(std::string_view strategy, const Options& options, const Problem& problem, const Cluster& cluster) {
  return plan_with(*find_strategy(strategy), options, problem, cluster);
}

Schedule plan_with(const StrategyInfo& strategy, const Options& options, const Problem& problem,
                   const Cluster& cluster) {
  Options all = options;
  for (const OptionSpec& option : strategy.options()) all.try_emplace(option.name, option.values.front());
  return plan_cluster(*strategy.make(all), strategy.id, problem, cluster);
}

std::string first_fault(const Schedule& schedule) {
  if (std::string fault = transfer_fault(schedule); !fault.empty()) return fault;
  std::map<Row, int> rows;
  for (size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    const RankModel model(schedule, rank);
    if (!model.fault().empty()) return fmt::format("rank {}: {}", rank, model.fault());
    for (const auto& [id, state] : model.outputs()) {
      for (const auto& [row, keys] : state) {
        const auto [sequence, position, head] = row;
        ++rows[row];
        const TokenRange visible = visible_keys(schedule.problem, sequence, position);
        const bool once = std::all_of(keys.begin(), keys.end(), [](const auto& key) { return key.second == 1; });
        if (once && std::ssize(keys) == visible.size()) continue;
        return fmt::format("rank {}: sequence {} position {} head {} sees {} of {} keys", rank, sequence, position,
                           head, keys.size(), visible.size());
      }
    }
  }
  std::map<Row, int> wanted;
  each(query_set(schedule.problem), {0, schedule.problem.heads.query}, [&](const Row& row) { wanted[row] = 1; });
  return rows == wanted ? "" : fmt::format("{} rows of O instead of {}", rows.size(), wanted.size());
}

std::vector<int64_t> sent_bytes(const Schedule& schedule) {
  std::vector<int64_t> bytes;
  for (const Program& program : schedule.ranks) {
    int64_t sum = 0;
    for (const Operation& operation : program.operations) {
      const auto* exchange = std::get_if<Exchange>(&operation);
      if (exchange == nullptr) continue;
      for (const Send& send : exchange->sends) {
        const Block& block = program.blocks[static_cast<size_t>(send.view.block)];
        sum += bytes_of(block, send.view.tokens.size(), send.view.heads.size(), schedule.problem.heads.dim);
      }
    }
    bytes.push_back(sum);
  }
  return bytes;
}

int64_t attends_of(const Program& program) {
  return std::count_if(program.operations.begin(), program.operations.end(),
                       [](const Operation& operation) { return std::holds_alternative<Attend>(operation); });
}

int64_t work_of(const Attend& attend) {
  int64_t pairs = 0;
  for (const View& view : attend.kv) pairs += visible_pairs(attend.mask, attend.q.tokens, view.tokens);
  return pairs * attend.q.heads.size();
}

std::vector<Problem> ugly_problems() {
  const std::vector<std::vector<Sequence>> batches = {{{0, 0}},
                                                      {{1, 0}},
                                                      {{7, 0}},
                                                      {{16, 0}},
                                                      {{1, 9}},
                                                      {{0, 5}},
                                                      {{5, 3}},
                                                      {{11, 17}},
                                                      {{1, 0}, {1, 0}, {1, 0}},
                                                      {{3, 0}, {0, 4}, {13, 2}, {0, 0}, {1, 1}}};
  const std::vector<Heads> heads = {{1, 1, 8}, {4, 4, 8}, {6, 1, 8}, {8, 2, 8}, {28, 7, 8}};
  const std::vector<Mask> masks = {{MaskKind::causal, 0}, {MaskKind::full, 0}, {MaskKind::window, 4}};
  std::vector<Problem> problems;
  for (const auto& sequences : batches) {
    for (const Heads& head : heads) {
      for (const Mask& mask : masks) {
        Problem problem;
        problem.sequences = sequences;
        problem.heads = head;
        problem.mask = mask;
        problems.push_back(problem);
      }
    }
  }
  return problems;
}

std::string describe(const Problem& problem, const Cluster& cluster) {
  std::string text = fmt::format("sp {} tp {}, heads {}:{}, {}, sequences", cluster.sp, cluster.tp, problem.heads.query,
                                 problem.heads.kv, to_string(problem.mask));
  for (const Sequence& sequence : problem.sequences) text += fmt::format(" {}+{}", sequence.cached, sequence.query);
  return text;
}

}  // namespace ringfold
