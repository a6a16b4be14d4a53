#include "kernels/decode_plan.h"

#include "kernels/decode_split.h"
#include "kernels/round_up.h"
#include "kernels/rows.h"
#include "lib/visible_keys.h"

#include <algorithm>
#include <limits>

namespace ringfold {
namespace {

struct Token {
  int64_t position = 0;
  int64_t q_row = 0;
  int64_t state_row = 0;
};

/// What a piece has of a sequence.
struct KeyList {
  int32_t piece = 0;
  std::span<const Segment> segments;
  std::vector<int64_t> before;  ///< keys of the segments before each, and of all
  int64_t begin = 0;            ///< keys that some query sees: [begin, end)
  int64_t end = 0;

  KeyList(int32_t number, std::span<const Segment> list) : piece(number), segments(list), before{0} {
    for (const Segment& segment : segments) before.push_back(before.back() + segment.end - segment.begin);
  }
  /// Keys at positions below this one.
  int64_t count_below(int64_t position) const {
    const auto next = std::ranges::upper_bound(segments, position, {}, &Segment::begin);
    if (next == segments.begin()) return 0;
    const auto last = std::prev(next);
    return before[static_cast<size_t>(last - segments.begin())] + std::min(position, last->end) - last->begin;
  }
  bool is_in_one_run() const {
    for (size_t i = 1; i < segments.size(); ++i) {
      if (segments[i].row != segments[0].row + before[i]) return false;
    }
    return true;
  }
};

/// One sequence's queries and what they see.
struct SequenceWork {
  std::vector<Token> tokens;
  std::vector<KeyList> lists;
};

class DecodePlanner {
 public:
  DecodePlanner(const AttendTask& task, const AttendHeads& heads, int64_t multiprocessors)
      : task_(task), heads_(heads), group_(heads.query_heads.size() / heads.kv_heads.size()) {
    for (const KvPiece& piece : task.kv) add_piece(piece);
    gather_tokens();
    std::vector<int64_t> lengths[std::size(kDecodeRows)];
    for (SequenceWork& work : work_) {
      find_keys(work);
      for (const KeyList& list : work.lists) lengths[size_of(work)].push_back(list.end - list.begin);
    }
    for (size_t i = 0; i < std::size(kDecodeRows); ++i) {
      most_keys_[i] = keys_of_decode_parts(lengths[i], heads.kv_heads.size(), kDecodeBlocks[i] * multiprocessors);
    }
  }

  DecodeTables plan() {
    for (const SequenceWork& work : work_) add_items(work);
    return std::move(tables_);
  }

 private:
  void add_piece(const KvPiece& piece) {
    DecodePiece made;
    if (heads_.reads(piece)) {
      const int64_t bytes = bytes_of(piece.k.dtype);
      made = {row_of(piece.k, heads_.kv_heads.begin, 0),
              row_of(piece.v, heads_.kv_heads.begin, 0),
              piece.k.row_stride * bytes,
              piece.k.head_stride * bytes,
              piece.v.row_stride * bytes,
              piece.v.head_stride * bytes};
    }
    tables_.pieces.push_back(made);
  }

  void gather_tokens() {
    int64_t sequence = -1;
    for_common_rows(task_.q.segments, task_.state.o.segments, [&](const CommonRows& run) {
      if (run.tokens.sequence != sequence) {
        work_.emplace_back();
        sequence = run.tokens.sequence;
        sequences_.push_back(sequence);
      }
      for (int64_t i = 0; i < run.tokens.size(); ++i) {
        work_.back().tokens.push_back({run.tokens.begin + i, run.a_row + i, run.b_row + i});
      }
    });
  }

  void find_keys(SequenceWork& work) {
    const int64_t sequence = sequences_[static_cast<size_t>(&work - work_.data())];
    for (size_t i = 0; i < task_.kv.size(); ++i) {
      if (!heads_.reads(task_.kv[i])) continue;
      const auto segments = segments_of(task_.kv[i].k.segments, sequence);
      if (rows_in(segments) == 0) continue;
      KeyList list(static_cast<int32_t>(i), segments);
      list.begin = seen(list, work.tokens.front()).first;
      list.end = seen(list, work.tokens.back()).second;
      if (list.begin < list.end) work.lists.push_back(std::move(list));
    }
    // Whatever the order of the pieces.
    std::ranges::sort(work.lists, {}, [](const KeyList& list) { return list.segments.front().begin; });
  }

  std::pair<int64_t, int64_t> seen(const KeyList& list, const Token& token) const {
    const TokenRange keys = visible_keys(task_.mask, 0, std::numeric_limits<int64_t>::max(), token.position);
    return {list.count_below(keys.begin), list.count_below(keys.end)};
  }

  /// The kind of block that it takes: an index of kDecodeRows.
  size_t size_of(const SequenceWork& work) const { return std::ssize(work.tokens) * group_ <= kDecodeRows[0] ? 0 : 1; }
  int64_t items_of(const SequenceWork& work, const KeyList& list) const {
    const int64_t keys = most_keys_[size_of(work)];
    return (list.end - list.begin + keys - 1) / keys;
  }

  void add_items(const SequenceWork& work) {
    int64_t items = 0;
    for (const KeyList& list : work.lists) items += items_of(work, list);
    const bool is_direct = !task_.fold && items == 1;
    // Folding nothing changes no bit; but what is finished must be written.
    if (!is_direct && (items > 0 || !task_.fold || task_.finish)) add_merged(work);
    for (const KeyList& list : work.lists) add_list(work, list, is_direct);
  }

  void add_merged(const SequenceWork& work) {
    for_runs(work, [&](int64_t first, int64_t count) {
      tables_.merged.push_back({work.tokens[static_cast<size_t>(first)].state_row, count});
    });
  }

  /// Calls visit(first token, count) for tokens in consecutive rows of the state.
  template <typename Visit>
  static void for_runs(const SequenceWork& work, Visit&& visit) {
    const auto& tokens = work.tokens;
    for (size_t first = 0; first < tokens.size();) {
      size_t end = first + 1;
      while (end < tokens.size() && tokens[end].state_row == tokens[end - 1].state_row + 1) ++end;
      visit(static_cast<int64_t>(first), static_cast<int64_t>(end - first));
      first = end;
    }
  }

  void add_list(const SequenceWork& work, const KeyList& list, bool is_direct) {
    DecodeItem item;
    item.piece = list.piece;
    item.output = is_direct ? 0 : 1;
    item.queries = static_cast<int32_t>(work.tokens.size());
    item.first_row = list.segments.front().row;
    if (!list.is_in_one_run()) item.table = add_table(list);
    const int64_t parts = items_of(work, list);
    const int64_t keys = round_up((list.end - list.begin + parts - 1) / parts, kDecodeKeys);
    for (int64_t begin = list.begin; begin < list.end; begin += keys) {
      item.begin = static_cast<int32_t>(begin);
      item.end = static_cast<int32_t>(std::min(begin + keys, list.end));
      add_item(work, list, item);
    }
  }

  int64_t add_table(const KeyList& list) {
    const auto table = std::ssize(tables_.rows_of_keys);
    for (const Segment& segment : list.segments) {
      for (int64_t i = 0; i < segment.end - segment.begin; ++i) {
        tables_.rows_of_keys.push_back(static_cast<int32_t>(segment.row + i));
      }
    }
    return table;
  }

  void add_item(const SequenceWork& work, const KeyList& list, DecodeItem item) {
    item.query = static_cast<int32_t>(tables_.queries.size());
    item.open_begin = item.begin;
    item.open_end = item.end;
    for (size_t i = 0; i < work.tokens.size(); ++i) {
      const auto [begin, end] = seen(list, work.tokens[i]);
      const int64_t row = item.output == 0 ? work.tokens[i].state_row : tables_.scratch_rows + static_cast<int64_t>(i);
      tables_.queries.push_back({work.tokens[i].q_row, row, static_cast<int32_t>(begin), static_cast<int32_t>(end)});
      item.open_begin = std::max(item.open_begin, static_cast<int32_t>(begin));
      item.open_end = std::min(item.open_end, static_cast<int32_t>(end));
    }
    if (item.output == 1) {
      for_runs(work, [&](int64_t first, int64_t count) {
        tables_.parts.push_back(
            {tables_.scratch_rows + first, work.tokens[static_cast<size_t>(first)].state_row, count});
      });
      tables_.scratch_rows += std::ssize(work.tokens);
    }
    tables_.items[size_of(work)].push_back(item);
  }

  const AttendTask& task_;
  const AttendHeads& heads_;
  int64_t group_;
  int64_t most_keys_[std::size(kDecodeRows)] = {};
  std::vector<SequenceWork> work_;
  std::vector<int64_t> sequences_;  // of work_
  DecodeTables tables_;
};

}  // namespace

DecodeTables plan_decode(const AttendTask& task, const AttendHeads& heads, int64_t multiprocessors) {
  return DecodePlanner(task, heads, multiprocessors).plan();
}

}  // namespace ringfold
