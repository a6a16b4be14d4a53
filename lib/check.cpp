#include "lib/check.h"

#include "lib/check_coverage.h"
#include "lib/check_deadlock.h"
#include "lib/check_findings.h"
#include "lib/check_matching.h"
#include "lib/check_memory.h"
#include "lib/check_placement.h"
#include "lib/check_structure.h"
#include "lib/error.h"
#include "lib/lifetimes.h"

namespace ringfold {

std::string_view to_string(Proof proof) {
  switch (proof) {
    case Proof::coverage: return "coverage";
    case Proof::data_flow: return "data flow";
    case Proof::matching: return "matching";
    case Proof::deadlock: return "deadlock";
    case Proof::memory: return "memory";
  }
  RINGFOLD_INVARIANT(false, "proof {}", static_cast<int>(proof));
}

std::string Verdict::summary() const { return findings.empty() ? "proved" : findings.front().text; }

Verdict check(const Schedule& schedule) {
  Findings findings(schedule);
  Verdict verdict;
  // Each proof relies on the ones before it, so the first that fails is the most basic; later ones would repeat it.
  if (check_structure(schedule, findings)) {
    const std::vector<RankExchanges> exchanges = check_matching(schedule, findings);
    if (!findings.any()) check_deadlock(schedule, exchanges, findings);
    if (!findings.any()) {
      check_coverage(schedule, exchanges, findings);
      check_placement(schedule, findings);
      check_uses(schedule, findings);
    }
    check_memory(schedule, findings);
    for (const Program& program : schedule.ranks) {
      verdict.peak_bytes.push_back(peak_bytes_of(program, schedule.problem.heads.dim));
    }
  }
  verdict.findings = findings.take();
  return verdict;
}

}  // namespace ringfold
