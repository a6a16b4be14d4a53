#pragma once

#include "experiments/result_reader.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace ringfold {

/// All rows of one case on one side of a comparison.
struct SideCase {
  std::string id;        ///< of the first row
  std::string identity;  ///< the first row's fields that say what ran, as compact JSON: {"id", "strategy", ..., "case"}
  int64_t runs = 0;      ///< rows that passed and have usable times
  std::vector<double> times_ms;     ///< the slowest rank's time of each repeat, of all runs
  std::vector<std::string> faults;  ///< of the other rows, each once: "failed: ...", "skipped: ..."
  std::set<int64_t> environments;   ///< numbers of those it ran in
};

/// One of the two sets of results that are compared.
struct Side {
  std::string source;              ///< as it was asked for
  std::vector<std::string> files;  ///< that were read
  ReadSummary summary;
  std::map<std::string, SideCase> cases;        ///< by content, see content_key()
  std::vector<std::string> order;               ///< keys, in the order of the rows
  std::map<std::string, int64_t> environments;  ///< distinct ones, as compact JSON, and their numbers
  std::set<std::string> revisions;
};

/// Equal for cases that do the same work: a digest of `case` without how often and how long it is measured, and without
/// the place of an input file whose digest it holds.
std::string content_key(const Row& row);

/// The results at `source`, a file or a folder; or, where there is none and it looks like one, of the git revision
/// `source` among those in `folder`. Error(configuration) if there is neither; a side may still have no case.
Side read_side(const std::string& source, const std::string& folder);

}  // namespace ringfold
