#include "lib/cost_minimum.h"

#include "lib/check_cover.h"

#include <algorithm>
#include <tuple>

namespace ringfold {

namespace {

struct Rectangle {
  TokenRange tokens;
  HeadRange heads;
  auto operator<=>(const Rectangle&) const = default;
};

/// What a rank starts with or projects and what it attends, of Q or of KV.
struct Rows {
  std::vector<Rectangle> held;
  std::vector<Rectangle> attended;
};

void append(std::vector<Rectangle>& list, const Rectangle& next) {
  if (!next.heads.empty() && (list.empty() || list.back() != next)) list.push_back(next);
}

void append(std::vector<Rectangle>& list, const TokenSet& tokens, const HeadRange& heads) {
  for (const TokenRange& range : tokens.ranges()) append(list, {range, heads});
}

/// The keys that some of the queries see.
void append_seen(std::vector<TokenRange>& list, const Problem& problem, const TokenSet& queries, const TokenSet& keys) {
  const auto all = keys.ranges();
  for (const TokenRange& query : queries.ranges()) {
    const TokenRange seen = visible_keys(problem, query);
    auto key = std::partition_point(all.begin(), all.end(), [&](const TokenRange& it) {
      return std::tie(it.sequence, it.end) <= std::tie(seen.sequence, seen.begin);
    });
    for (; key != all.end() && key->sequence == seen.sequence && key->begin < seen.end; ++key) {
      list.push_back({seen.sequence, std::max(key->begin, seen.begin), std::min(key->end, seen.end)});
    }
  }
}

/// What one rank attends of one block, so that views that add nothing are left out: strategies attend a block in many
/// small pieces.
struct Attended {
  HeadRange heads;
  TokenSet tokens;
};

void append_attended_keys(Rows& rows, std::vector<Attended>& by_block, const Problem& problem, const Attend& attend) {
  const HeadRange heads = kv_heads_of(problem, attend.q.heads);
  for (const View& kv : attend.kv) {
    Attended& known = by_block[static_cast<size_t>(kv.block)];
    if (known.heads == heads && known.tokens.contains(kv.tokens)) continue;
    std::vector<TokenRange> keys;
    append_seen(keys, problem, attend.q.tokens, kv.tokens);
    const TokenSet seen(std::move(keys));
    if (known.heads == heads && known.tokens.contains(seen)) continue;
    append(rows.attended, seen, heads);
    known = {heads, known.heads == heads ? unite(known.tokens, seen) : seen};
  }
}

Rows rows_of(const Schedule& schedule, const Program& program, BlockKind kind) {
  Rows rows;
  for (const BlockId id : own_blocks(program)) {
    const Block& block = program.blocks[static_cast<size_t>(id)];
    if (block.kind == kind) append(rows.held, block.tokens, block.heads);
  }
  std::vector<Attended> by_block(program.blocks.size());
  for (const Operation& operation : program.operations) {
    const auto* attend = std::get_if<Attend>(&operation);
    if (attend == nullptr) continue;
    if (kind == BlockKind::q) {
      Attended& known = by_block[static_cast<size_t>(attend->q.block)];
      if (known.heads == attend->q.heads && known.tokens.contains(attend->q.tokens)) continue;
      append(rows.attended, attend->q.tokens, attend->q.heads);
      known = {attend->q.heads,
               known.heads == attend->q.heads ? unite(known.tokens, attend->q.tokens) : attend->q.tokens};
    } else {
      append_attended_keys(rows, by_block, schedule.problem, *attend);
    }
  }
  return rows;
}

/// Heads between two neighbouring edges: within one band, all rectangles of the group are whole.
using Edges = std::vector<int64_t>;

void add_edges(Edges& edges, const std::vector<Rectangle>& list) {
  HeadRange last;
  for (const Rectangle& it : list) {
    if (it.heads == last) continue;
    last = it.heads;
    edges.push_back(last.begin);
    edges.push_back(last.end);
  }
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
}

/// The tokens of the rectangles, by band.
std::vector<TokenSet> by_band(const std::vector<Rectangle>& list, const Edges& edges) {
  std::vector<std::vector<TokenRange>> ranges(edges.empty() ? 0 : edges.size() - 1);
  for (const Rectangle& it : list) {
    auto band = static_cast<size_t>(std::lower_bound(edges.begin(), edges.end(), it.heads.begin) - edges.begin());
    for (; band < ranges.size() && edges[band] < it.heads.end; ++band) ranges[band].push_back(it.tokens);
  }
  std::vector<TokenSet> sets;
  for (auto& band : ranges) sets.push_back(TokenSet(std::move(band)));
  return sets;
}

struct Owned {
  TokenRange tokens;
  size_t rank = 0;
};

/// Cuts sorted ranges so that each token belongs to the first rank that holds it.
std::vector<Owned> first_owners(const std::vector<std::vector<TokenSet>>& held, size_t band) {
  std::vector<Owned> owners;
  std::vector<Owned> all;
  for (size_t rank = 0; rank < held.size(); ++rank) {
    for (const TokenRange& range : held[rank][band].ranges()) all.push_back({range, rank});
  }
  std::sort(all.begin(), all.end(),
            [](const Owned& a, const Owned& b) { return std::tie(a.tokens, a.rank) < std::tie(b.tokens, b.rank); });
  for (Owned next : all) {
    if (!owners.empty() && owners.back().tokens.sequence == next.tokens.sequence) {
      next.tokens.begin = std::max(next.tokens.begin, owners.back().tokens.end);
    }
    if (next.tokens.size() > 0) owners.push_back(next);
  }
  return owners;
}

/// Adds to each owner the tokens of `wanted` that it owns.
void credit(const TokenSet& wanted, const std::vector<Owned>& owners, int64_t row_bytes, std::vector<int64_t>& bytes) {
  auto owner = owners.begin();
  for (const TokenRange& range : wanted.ranges()) {
    while (owner != owners.end() &&
           std::tie(owner->tokens.sequence, owner->tokens.end) <= std::tie(range.sequence, range.begin)) {
      ++owner;
    }
    for (auto it = owner; it != owners.end() && it->tokens.sequence == range.sequence && it->tokens.begin < range.end;
         ++it) {
      const int64_t common = std::min(range.end, it->tokens.end) - std::max(range.begin, it->tokens.begin);
      bytes[it->rank] += common * row_bytes;
    }
  }
}

/// One group, ranks [first, first + size); adds to bytes[0 .. size).
void count_group(const Schedule& schedule, size_t first, BlockKind kind, std::vector<int64_t>& bytes) {
  const size_t size = bytes.size();
  Edges edges;
  std::vector<Rows> rows;
  for (size_t rank = 0; rank < size; ++rank) {
    rows.push_back(rows_of(schedule, schedule.ranks[first + rank], kind));
    add_edges(edges, rows.back().held);
    add_edges(edges, rows.back().attended);
  }
  std::vector<std::vector<TokenSet>> held;
  for (const Rows& it : rows) held.push_back(by_band(it.held, edges));
  const Problem& problem = schedule.problem;
  const int64_t row_bytes = row_elements(kind, problem.heads.dim) * bytes_of(problem.dtype);
  std::vector<std::vector<Owned>> owners;
  for (size_t band = 0; band + 1 < edges.size(); ++band) owners.push_back(first_owners(held, band));
  for (size_t rank = 0; rank < size; ++rank) {
    const std::vector<TokenSet> attended = by_band(rows[rank].attended, edges);
    for (size_t band = 0; band < owners.size(); ++band) {
      if (attended[band].empty()) continue;
      const TokenSet wanted = subtract(attended[band], held[rank][band]);
      credit(wanted, owners[band], row_bytes * (edges[band + 1] - edges[band]), bytes);
    }
  }
}

}  // namespace

std::vector<int64_t> minimum_sent_bytes(const Schedule& schedule) {
  const auto size = static_cast<size_t>(std::max(1, schedule.cluster.sp));
  std::vector<int64_t> all;
  for (size_t first = 0; first + size <= schedule.ranks.size(); first += size) {
    std::vector<int64_t> bytes(size, 0);
    count_group(schedule, first, BlockKind::q, bytes);
    count_group(schedule, first, BlockKind::kv, bytes);
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return all;
}

}  // namespace ringfold
