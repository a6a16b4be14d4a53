#pragma once

#include "lib/schedule.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ringfold {

/// Which of the five proofs failed.
enum class Proof { coverage, data_flow, matching, deadlock, memory };
std::string_view to_string(Proof proof);

/// One reason why a schedule is wrong. `text` is one line that names rank, operation, block and the missing or
/// doubled (token range x head range).
struct Finding {
  Proof proof = Proof::coverage;
  int rank = -1;
  int operation = -1;
  std::string text;
};

/// The outcome of all proofs. Proved iff there are no findings.
struct Verdict {
  std::vector<Finding> findings;    ///< at most a few of each kind; the first one is the most basic
  std::vector<int64_t> peak_bytes;  ///< per rank, buffers included
  bool proved() const { return findings.empty(); }
  /// The first finding's text, or "proved".
  std::string summary() const;
};

/// Proves, for every rank at once, before anything runs:
///   coverage   each visible (query token, key token, query head) is attended exactly once and reaches the O that
///              must hold it, and one LSE, exactly once
///   data flow  nothing is read before it is made or outside what it holds, nothing is computed and never used,
///              operations' shapes agree, sent memory is contiguous
///   matching   sends and receives pair one to one by (sender, receiver, tag), with equal content and bytes
///   deadlock   with rendezvous transfers, one exchange in flight a rank in program order, every program ends
///   memory     with buffers assigned: no two live blocks overlap, but a state folded in place
/// Accepts any schedule, however broken, without crashing. Time and memory grow with the number of operations.
Verdict check(const Schedule& schedule);

}  // namespace ringfold
