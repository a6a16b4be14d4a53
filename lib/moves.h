#pragma once

#include "lib/placement.h"

#include <vector>

namespace ringfold {

/// Rank `from` sends tokens x heads to rank `to`, both numbered within the group.
struct Move {
  int from = 0;
  int to = 0;
  TokenSet tokens;
  HeadRange heads;
};

/// What has to move so that each rank has what it wants, from [rank][piece] to [rank][piece]: nothing that the rank
/// holds already, nothing twice. Of several holders, the one that has sent least so far sends (the lowest rank among
/// equals). In ascending order of `to`; neighbouring heads with the same tokens and sender are one move.
/// Throws Error(internal) where a wanted token x head is held by nobody.
std::vector<Move> plan_moves(const std::vector<std::vector<Piece>>& held,
                             const std::vector<std::vector<Piece>>& wanted);

}  // namespace ringfold
