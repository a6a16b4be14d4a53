#pragma once

#include "lib/check_findings.h"

namespace ringfold {

/// One operation of one rank, with what is needed to speak about it.
struct Place {
  const Schedule& schedule;
  const Program& program;
  int rank = 0;
  int operation = 0;
  Findings& findings;
};

/// Part of check_structure(): do the operands of the operation fit each other in kind, dtype, tokens and heads, and
/// lies what is sent in one piece of memory? Requires that block ids are in range and views lie within their blocks.
bool check_agreement(const Place& place);

}  // namespace ringfold
