#pragma once

#include "lib/check.h"

#include <string>
#include <vector>

namespace ringfold {

/// A schedule defect that a project shipped or nearly did; docs/gallery.md tells its story under `title`.
struct Exhibit {
  std::string title;
  std::string source;  ///< where it was found
  /// As it was, or as it should be.
  Schedule (*make)(bool defective);
  Proof proof;
  std::string text;  ///< what check() says, word for word
};

/// Tokens that are replicated, sharded and rounded wrongly.
std::vector<Exhibit> placement_exhibits();
/// Masks that are dropped or taken locally.
std::vector<Exhibit> mask_exhibits();
/// Messages that go astray, wait for each other or land in memory that is in use.
std::vector<Exhibit> exchange_exhibits();

}  // namespace ringfold
