#include "lib/drop_blocks.h"
#include "lib/passes.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace ringfold {
namespace {

/// What lies in one piece afterwards: the ranges of one sequence apart; of several sequences, all of it.
std::vector<TokenSet> stretches(const TokenSet& tokens) {
  const auto ranges = tokens.ranges();
  if (tokens.empty() || ranges.front().sequence != ranges.back().sequence) return {tokens};
  std::vector<TokenSet> apart;
  for (const TokenRange& range : ranges) apart.push_back(TokenSet::range(range.sequence, range.begin, range.end));
  return apart;
}

/// Kv heads at which anything of K and V begins or ends, on any rank, and that no attend reads across: each of its
/// pieces has to hold all heads that it reads.
std::vector<int64_t> head_cuts(const Schedule& schedule) {
  std::set<int64_t> cuts;
  std::set<HeadRange> uncut;
  const auto cut = [&](const HeadRange& heads) { cuts.insert({heads.begin, heads.end}); };
  for (const Program& program : schedule.ranks) {
    for (const Block& block : program.blocks) {
      if (block.kind == BlockKind::kv) cut(block.heads);
    }
    for (const Operation& operation : program.operations) {
      visit_operands(
          program, operation,
          [&](const View& view) {
            if (program.blocks[static_cast<size_t>(view.block)].kind == BlockKind::kv) cut(view.heads);
          },
          [](BlockId) {});
      const auto* attend = std::get_if<Attend>(&operation);
      if (attend != nullptr) uncut.insert(kv_heads_of(schedule.problem, attend->q.heads));
    }
  }
  for (const HeadRange& heads : uncut) cuts.erase(cuts.upper_bound(heads.begin), cuts.lower_bound(heads.end));
  return {cuts.begin(), cuts.end()};
}

/// (sender, receiver, old tag) -> the first of the new tags: each pair's messages are counted.
using Tags = std::map<std::tuple<int, int, uint64_t>, uint64_t>;

/// Cuts the KV blocks of one program into pieces.
class Cutter {
 public:
  Cutter(const std::vector<int64_t>& cuts, Program& program) : cuts_(cuts), program_(program) {
    const size_t blocks = program_.blocks.size();
    pieces_.resize(blocks);
    for (size_t id = 0; id < blocks; ++id) {
      const Block block = program_.blocks[id];
      pieces_[id] = {static_cast<BlockId>(id)};
      if (block.kind != BlockKind::kv) continue;
      bool is_first = true;
      for (const auto& [tokens, heads] : parts(block.tokens, block.heads)) {
        const Block piece{block.kind, block.dtype, Layout::tokens_outer, tokens, heads};
        if (!is_first) {
          pieces_[id].push_back(static_cast<BlockId>(program_.blocks.size()));
          program_.blocks.push_back(piece);
        } else {
          program_.blocks[id] = piece;
        }
        is_first = false;
      }
    }
  }

  /// Tags of what it sends to each rank, in program order.
  void count_tags(int rank, Tags& tags) const {
    std::map<int, uint64_t> next;
    for (const Operation& operation : program_.operations) {
      const auto* exchange = std::get_if<Exchange>(&operation);
      if (exchange == nullptr) continue;
      for (const Send& send : exchange->sends) {
        tags[{rank, send.peer, send.tag}] = next[send.peer];
        next[send.peer] += count(send.view.tokens, send.view.heads, block(send.view.block).kind);
      }
    }
  }

  void cut(int rank, const Tags& tags) {
    std::vector<BlockId> inputs;
    for (const BlockId id : program_.inputs) append(inputs, pieces_[static_cast<size_t>(id)]);
    program_.inputs = std::move(inputs);
    std::vector<Operation> operations;
    for (Operation& operation : program_.operations) {
      if (auto* exchange = std::get_if<Exchange>(&operation)) cut(*exchange, rank, tags);
      if (auto* attend = std::get_if<Attend>(&operation)) attend->kv = cut(attend->kv);
      auto* copy = std::get_if<Copy>(&operation);
      if (copy == nullptr || block(copy->block).kind != BlockKind::kv) {
        operations.push_back(std::move(operation));
        continue;
      }
      const std::vector<View> sources = cut(copy->parts);
      for (const BlockId piece : pieces_[static_cast<size_t>(copy->block)]) {
        operations.emplace_back(Copy{within(sources, block(piece).tokens, block(piece).heads), piece});
      }
    }
    program_.operations = std::move(operations);
  }

 private:
  const Block& block(BlockId id) const { return program_.blocks[static_cast<size_t>(id)]; }

  std::vector<std::pair<TokenSet, HeadRange>> parts(const TokenSet& tokens, const HeadRange& heads) const {
    std::vector<std::pair<TokenSet, HeadRange>> all;
    for (const TokenSet& stretch : stretches(tokens)) {
      for (size_t i = 0; i + 1 < cuts_.size(); ++i) {
        const HeadRange range = intersect(heads, {cuts_[i], cuts_[i + 1]});
        if (!range.empty()) all.emplace_back(stretch, range);
      }
    }
    return all;
  }

  uint64_t count(const TokenSet& tokens, const HeadRange& heads, BlockKind kind) const {
    return kind == BlockKind::kv ? parts(tokens, heads).size() : 1;
  }

  static void append(std::vector<BlockId>& list, const std::vector<BlockId>& more) {
    list.insert(list.end(), more.begin(), more.end());
  }

  static std::vector<View> within(const std::vector<View>& views, const TokenSet& tokens, const HeadRange& heads) {
    std::vector<View> found;
    for (const View& view : views) {
      View part{view.block, intersect(view.tokens, tokens), intersect(view.heads, heads)};
      if (!part.tokens.empty() && !part.heads.empty()) found.push_back(std::move(part));
    }
    return found;
  }

  std::vector<View> cut(const std::vector<View>& views) const {
    std::vector<View> all;
    for (const View& view : views) {
      for (const BlockId piece : pieces_[static_cast<size_t>(view.block)]) {
        const Block& whole = block(piece);
        for (View& part : within({{piece, view.tokens, view.heads}}, whole.tokens, whole.heads)) {
          all.push_back(std::move(part));
        }
      }
    }
    return all;
  }

  void cut(Exchange& exchange, int rank, const Tags& tags) const {
    Exchange pieces;
    for (const Send& send : exchange.sends) {
      uint64_t tag = tags.at({rank, send.peer, send.tag});
      if (block(send.view.block).kind != BlockKind::kv) {
        pieces.sends.push_back({send.peer, tag, send.view});
        continue;
      }
      for (const auto& [tokens, heads] : parts(send.view.tokens, send.view.heads)) {
        for (View& part : cut(std::vector<View>{{send.view.block, tokens, heads}})) {
          pieces.sends.push_back({send.peer, tag, std::move(part)});
        }
        ++tag;
      }
    }
    for (const Receive& receive : exchange.receives) {
      uint64_t tag = tags.at({receive.peer, rank, receive.tag});
      for (const BlockId piece : pieces_[static_cast<size_t>(receive.block)]) {
        pieces.receives.push_back({receive.peer, tag++, piece});
      }
    }
    exchange = std::move(pieces);
  }

  const std::vector<int64_t>& cuts_;
  Program& program_;
  std::vector<std::vector<BlockId>> pieces_;  ///< of each old block, by stretch, then by heads; the first has its id
};

/// Pieces of what is copied that nobody reads, though others of them are read, are not copied.
void drop_unread_copies(Program& program) {
  std::vector<bool> reads(program.blocks.size(), false);
  std::vector<bool> dropped(program.blocks.size(), false);
  std::vector<Operation> operations;
  for (auto operation = program.operations.rbegin(); operation != program.operations.rend(); ++operation) {
    const auto* copy = std::get_if<Copy>(&*operation);
    const auto made = copy == nullptr ? size_t{0} : static_cast<size_t>(copy->block);
    if (copy != nullptr && program.blocks[made].kind == BlockKind::kv && !reads[made]) {
      dropped[made] = true;
      continue;
    }
    visit_operands(
        program, *operation, [&](const View& view) { reads[static_cast<size_t>(view.block)] = true; }, [](BlockId) {});
    operations.push_back(std::move(*operation));
  }
  std::reverse(operations.begin(), operations.end());
  program.operations = std::move(operations);
  drop_blocks(program, dropped);
}

bool sends_are_contiguous(const Schedule& schedule) {
  for (const Program& program : schedule.ranks) {
    for (const Operation& operation : program.operations) {
      const auto* exchange = std::get_if<Exchange>(&operation);
      if (exchange == nullptr) continue;
      for (const Send& send : exchange->sends) {
        if (!is_contiguous(program.blocks[static_cast<size_t>(send.view.block)], send.view)) return false;
      }
    }
  }
  return true;
}

}  // namespace

Schedule align_kv(Schedule schedule, const AssumedRates& rates) {
  // Blocks that are projected, rotated or lie in pages keep their shape.
  const Problem& problem = schedule.problem;
  if (!rates.is_device() || problem.rope || problem.page_size || problem.layer) return schedule;
  Schedule aligned = schedule;
  const std::vector<int64_t> cuts = head_cuts(schedule);
  std::vector<Cutter> cutters;
  Tags tags;
  for (Program& program : aligned.ranks) {
    program.offsets.clear();
    program.arena_bytes = 0;
    cutters.emplace_back(cuts, program);
    cutters.back().count_tags(static_cast<int>(cutters.size()) - 1, tags);
  }
  for (size_t rank = 0; rank < cutters.size(); ++rank) cutters[rank].cut(static_cast<int>(rank), tags);
  for (Program& program : aligned.ranks) drop_unread_copies(program);
  return sends_are_contiguous(aligned) ? aligned : schedule;
}

}  // namespace ringfold
