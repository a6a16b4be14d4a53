#pragma once

#include "experiments/case.h"
#include "lib/inputs.h"
#include "lib/judge.h"

#include <functional>
#include <memory>
#include <vector>

namespace ringfold {

/// Inputs and references of problems, made once for all cases that share them. Those of the last problem are kept.
class ProblemData {
 public:
  /// `doing` is told what takes its time, with the share done.
  using Doing = std::function<void(const std::string& what, double share)>;

  /// Reads or generates the inputs of the case's problem, unless they are there. Throws Error(configuration).
  const InputSource& inputs(const Case& item);
  /// With the references of all checked rows. Throws Error(interrupted).
  const Judge& judge(const Case& item, const Doing& doing);

 private:
  void drop_other_problems(const Case& item);

  std::string key_;
  std::unique_ptr<InputSource> source_;
  std::unique_ptr<InputSource> cached_;
  std::vector<std::pair<std::string, std::unique_ptr<Judge>>> judges_;
};

/// Host memory for inputs and references that cases of this problem need beside their ranks' own.
int64_t shared_bytes(const Case& item);

}  // namespace ringfold
