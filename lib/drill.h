#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ringfold {

/// A rehearsed failure: what goes wrong, on which rank, where. From the environment variable RINGFOLD_DRILL, such as
/// "rank=2 at=merge:3 do=SIGKILL": on rank 2, the third time that it comes to a merge.
struct Drill {
  enum class Does { kill, segv, stop, exit, loop };
  int rank = 0;
  std::string place;
  int time = 1;
  Does does = Does::kill;
};

/// Throws Error(usage) that names what is wrong with the text.
Drill parse_drill(std::string_view text);

/// Throws Error(usage) if RINGFOLD_DRILL cannot be read or names none of so many ranks: it would rehearse nothing.
void check_drill(int ranks);

/// Call where a failure is worth rehearsing. Does nothing unless RINGFOLD_DRILL, read once, names this rank and place.
/// Throws Error(usage) if that cannot be read.
void drill(int rank, std::string_view place);

/// At the end of a run: what is to be said of a drill whose rank is of this process and has not come to its place often
/// enough, and to where it came instead. A failure that was not rehearsed must not pass for one that was survived.
std::optional<std::string> missed_drill();

}  // namespace ringfold
