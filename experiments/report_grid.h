#pragma once

#include "experiments/row.h"
#include "lib/schedule.h"

#include <cstdint>

namespace ringfold {

/// More ranks than this make a picture that nobody can read.
inline constexpr int kMostPictureRanks = 16;

/// Who attends what when, as a picture: rows are runs of query tokens, columns runs of key tokens, all sequences end to
/// end; a cell has the rank that attends it and the step (so many exchanges have ended) in which it does:
///   {"q": [row edges], "k": [column edges], "steps": n, "sampled": true if there are too many runs: equal ones then,
///    each with what holds in its middle,
///    "layers": [{"heads": "0-3", "rank": "00..", "step": "01.."}], "layers_cut": layers left out}
/// Query heads that are attended alike share a layer. Cells stand row by row, a character each: 0-9, A-Z, a-z count to
/// 61, ~ is more, . is a cell that nobody attends, since the mask hides it. Null if the picture would take more than
/// `most_bytes`, has more than kMostPictureRanks ranks, or hundreds of groups of heads.
Row grid_json(const Schedule& schedule, int64_t most_bytes);

}  // namespace ringfold
