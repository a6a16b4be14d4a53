#include "lib/estimate.h"

#include "lib/cost.h"
#include "lib/lifetimes.h"

#include <algorithm>
#include <vector>

namespace ringfold {
namespace {

class Estimate {
 public:
  Estimate(const Program& program, const Problem& problem, const AssumedRates& rates)
      : program_(program), problem_(problem), rates_(rates), lifetimes_(lifetimes_of(program)) {}

  double seconds() const {
    double queue[2] = {0, 0};  // compute, exchange
    std::vector<double> there(program_.blocks.size(), 0);
    for (int32_t i = 0; i < static_cast<int32_t>(program_.operations.size()); ++i) {
      const Operation& operation = program_.operations[static_cast<size_t>(i)];
      double& now = queue[std::holds_alternative<Exchange>(operation) ? 1 : 0];
      visit_operands(
          program_, operation, [&](const View& view) { now = std::max(now, there[static_cast<size_t>(view.block)]); },
          [](BlockId) {});
      // Such a finish is done by the attend before it.
      if (i == 0 || !is_finished_at_once(program_, lifetimes_, i - 1)) now += seconds_of(operation);
      visit_operands(
          program_, operation, [](const View&) {}, [&](BlockId made) { there[static_cast<size_t>(made)] = now; });
    }
    return std::max(queue[0], queue[1]);
  }

 private:
  int64_t bytes(const View& view) const {
    return bytes_of(program_.blocks[static_cast<size_t>(view.block)], view.tokens.size(), view.heads.size(),
                    problem_.heads.dim);
  }

  double seconds_of(const Operation& operation) const {
    if (const auto* exchange = std::get_if<Exchange>(&operation)) {
      int64_t sent = 0;
      int64_t received = 0;
      for (const Send& send : exchange->sends) sent += bytes(send.view);
      for (const Receive& receive : exchange->receives) {
        received += bytes_of(program_.blocks[static_cast<size_t>(receive.block)], problem_.heads.dim);
      }
      return rates_.exchange_seconds + static_cast<double>(std::max(sent, received)) / rates_.link_bytes_per_second;
    }
    double moved = 0;
    double flops = 0;
    visit_operands(
        program_, operation, [&](const View& view) { moved += static_cast<double>(bytes(view)); },
        [&](BlockId made) {
          moved += static_cast<double>(bytes_of(program_.blocks[static_cast<size_t>(made)], problem_.heads.dim));
        });
    if (const auto* attend = std::get_if<Attend>(&operation)) {
      for (const View& kv : attend->kv) {
        const int64_t query_heads = std::min(attend->q.heads.size(), kv.heads.size() * problem_.heads.group());
        flops += 4.0 * static_cast<double>(visible_pairs(attend->mask, attend->q.tokens, kv.tokens)) *
                 static_cast<double>(query_heads * problem_.heads.dim);
      }
    }
    if (const auto* project = std::get_if<Project>(&operation)) {
      flops += projection_flops(problem_, program_, *project);
    }
    return rates_.launch_seconds + flops / rates_.flops_per_second + moved / rates_.memory_bytes_per_second;
  }

  const Program& program_;
  const Problem& problem_;
  const AssumedRates& rates_;
  Lifetimes lifetimes_;
};

}  // namespace

double estimate_seconds(const Program& program, const Problem& problem, const AssumedRates& rates) {
  return Estimate(program, problem, rates).seconds();
}

}  // namespace ringfold
