#include "lib/moves.h"

#include "lib/error.h"

#include <algorithm>

namespace ringfold {

namespace {

using Pieces = std::vector<std::vector<Piece>>;

/// Heads cut wherever a piece begins or ends; in between, all heads are alike.
std::vector<int64_t> cuts_of(const Pieces& held, const Pieces& wanted) {
  std::vector<int64_t> cuts;
  for (const Pieces* side : {&held, &wanted}) {
    for (const std::vector<Piece>& pieces : *side) {
      for (const Piece& piece : pieces) cuts.insert(cuts.end(), {piece.heads.begin, piece.heads.end});
    }
  }
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  return cuts;
}

/// A rank's tokens of one interval of heads.
struct Holding {
  int rank = 0;
  TokenSet tokens;
};

/// [interval][rank in ascending order, those with tokens only].
std::vector<std::vector<Holding>> holdings_of(const Pieces& pieces, const std::vector<int64_t>& cuts) {
  std::vector<std::vector<Holding>> holdings(cuts.size());
  for (size_t rank = 0; rank < pieces.size(); ++rank) {
    for (const Piece& piece : pieces[rank]) {
      if (piece.tokens.empty()) continue;
      const auto first = std::lower_bound(cuts.begin(), cuts.end(), piece.heads.begin);
      for (auto cut = first; cut != cuts.end() && *cut < piece.heads.end; ++cut) {
        std::vector<Holding>& holders = holdings[static_cast<size_t>(cut - cuts.begin())];
        if (holders.empty() || holders.back().rank != static_cast<int>(rank))
          holders.push_back({static_cast<int>(rank), {}});
        holders.back().tokens = unite(holders.back().tokens, piece.tokens);
      }
    }
  }
  return holdings;
}

const TokenSet* tokens_of(const std::vector<Holding>& holdings, int rank) {
  const auto found = std::lower_bound(holdings.begin(), holdings.end(), rank,
                                      [](const Holding& holding, int value) { return holding.rank < value; });
  return found != holdings.end() && found->rank == rank ? &found->tokens : nullptr;
}

/// Adds a move, or widens one of the same destination that ends at its first head.
void add(std::vector<Move>& moves, size_t first_of_destination, Move move) {
  for (size_t i = first_of_destination; i < moves.size(); ++i) {
    Move& earlier = moves[i];
    if (earlier.from == move.from && earlier.heads.end == move.heads.begin && earlier.tokens == move.tokens) {
      earlier.heads.end = move.heads.end;
      return;
    }
  }
  moves.push_back(std::move(move));
}

}  // namespace

std::vector<Move> plan_moves(const Pieces& held, const Pieces& wanted) {
  const std::vector<int64_t> cuts = cuts_of(held, wanted);
  const std::vector<std::vector<Holding>> holders = holdings_of(held, cuts);
  const std::vector<std::vector<Holding>> wishes = holdings_of(wanted, cuts);
  std::vector<std::vector<size_t>> wished(wanted.size());  // [rank]: intervals, ascending
  for (size_t k = 0; k < wishes.size(); ++k) {
    for (const Holding& wish : wishes[k]) wished[static_cast<size_t>(wish.rank)].push_back(k);
  }
  std::vector<Move> moves;
  std::vector<int64_t> sent(held.size());
  std::vector<const Holding*> sources;
  for (int to = 0; to < static_cast<int>(wanted.size()); ++to) {
    const size_t first = moves.size();
    for (const size_t k : wished[static_cast<size_t>(to)]) {
      TokenSet missing = *tokens_of(wishes[k], to);
      if (const TokenSet* own = tokens_of(holders[k], to)) missing = subtract(missing, *own);
      if (missing.empty()) continue;
      sources.clear();
      for (const Holding& holder : holders[k]) sources.push_back(&holder);
      std::stable_sort(sources.begin(), sources.end(), [&](const Holding* a, const Holding* b) {
        return sent[static_cast<size_t>(a->rank)] < sent[static_cast<size_t>(b->rank)];
      });
      const HeadRange heads{cuts[k], cuts[k + 1]};
      for (auto source = sources.begin(); source != sources.end() && !missing.empty(); ++source) {
        TokenSet tokens = intersect(missing, (*source)->tokens);
        if (tokens.empty()) continue;
        missing = subtract(missing, tokens);
        sent[static_cast<size_t>((*source)->rank)] += tokens.size() * heads.size();
        add(moves, first, {(*source)->rank, to, std::move(tokens), heads});
      }
      RINGFOLD_INVARIANT(missing.empty(), "tokens {} of heads {} are wanted by rank {} and held by none",
                         to_string(missing), to_string(heads), to);
    }
  }
  return moves;
}

}  // namespace ringfold
