#pragma once

#include "experiments/case.h"
#include "lib/inputs.h"
#include "lib/judge.h"
#include "lib/schedule.h"

#include <functional>
#include <memory>
#include <vector>

namespace ringfold {

/// Inputs and references of problems, made once for all cases that share them. Those of the last problem are kept.
class ProblemData {
 public:
  /// `doing` is told what takes its time, with the share done.
  using Doing = std::function<void(const std::string& what, double share)>;

  /// `processes_here`: those of this host that keep inputs and references of their own.
  explicit ProblemData(int processes_here = 1) : processes_here_(processes_here) {}

  /// Reads or generates the inputs of the case's problem, unless they are there. Throws Error(configuration).
  const InputSource& inputs(const Case& item);
  /// With the references of all checked rows, or of those among the blocks that one rank ends up with. Throws
  /// Error(interrupted).
  const Judge& judge(const Case& item, const Doing& doing, const Program* rank = nullptr);

 private:
  void drop_other_problems(const Case& item);
  /// With no references yet if it is new (true).
  std::pair<Judge*, bool> find_judge(const Case& item);

  int processes_here_;

  std::string key_;
  std::unique_ptr<InputSource> source_;
  std::unique_ptr<InputSource> cached_;
  std::vector<std::pair<std::string, std::unique_ptr<Judge>>> judges_;
};

/// Host memory for inputs and references that cases of this problem need beside their ranks' own.
int64_t shared_bytes(const Case& item);

}  // namespace ringfold
