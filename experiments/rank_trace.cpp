#include "experiments/rank_trace.h"

#include "lib/error.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <type_traits>

namespace ringfold {
namespace {

using Clock = std::chrono::steady_clock;

int64_t ns_of(Clock::time_point time) { return time.time_since_epoch() / std::chrono::nanoseconds(1); }

bool is_exchange(const Operation& operation) { return std::holds_alternative<Exchange>(operation); }

double ms(int64_t ns) { return 1e-6 * static_cast<double>(ns); }

/// ns of [begin, end) that lie in one of the spans, which are disjoint and ascending. `first`: where to begin to look,
/// moved on for a later interval.
int64_t covered_ns(int64_t begin, int64_t end, const std::vector<OperationSpan>& spans, size_t& first) {
  while (first < spans.size() && spans[first].end_ns <= begin) ++first;
  int64_t covered = 0;
  for (size_t i = first; i < spans.size() && spans[i].start_ns < end; ++i) {
    covered += std::max<int64_t>(0, std::min(end, spans[i].end_ns) - std::max(begin, spans[i].start_ns));
  }
  return covered;
}

struct Head {
  int64_t begin_ns;
  int64_t end_ns;
  int64_t is_complete;
};
static_assert(std::is_trivially_copyable_v<Head> && std::is_trivially_copyable_v<OperationSpan>);

}  // namespace

// Processes are one build, so memory is as good a format as any.
std::string RankTrace::serialize() const {
  const Head head{begin_ns, end_ns, is_complete ? 1 : 0};
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
  bytes.append(reinterpret_cast<const char*>(operations.data()), operations.size() * sizeof(OperationSpan));
  return bytes;
}

RankTrace RankTrace::parse(std::string_view bytes) {
  Head head{};
  RINGFOLD_INVARIANT(bytes.size() >= sizeof head && (bytes.size() - sizeof head) % sizeof(OperationSpan) == 0,
                     "a trace of {} bytes", bytes.size());
  std::memcpy(&head, bytes.data(), sizeof head);
  RankTrace trace{head.begin_ns, head.end_ns, {}, head.is_complete != 0};
  bytes.remove_prefix(sizeof head);
  trace.operations.resize(bytes.size() / sizeof(OperationSpan));
  if (!bytes.empty()) std::memcpy(trace.operations.data(), bytes.data(), bytes.size());
  return trace;
}

RankTracer::RankTracer(const Program& program) { trace.operations.resize(program.operations.size()); }

void RankTracer::begin(int operation) {
  trace.operations[static_cast<size_t>(operation)].begin_ns = ns_of(Clock::now());
}

void RankTracer::start(int operation) {
  trace.operations[static_cast<size_t>(operation)].start_ns = ns_of(Clock::now());
}

void RankTracer::end(int operation) { trace.operations[static_cast<size_t>(operation)].end_ns = ns_of(Clock::now()); }

void RankTracer::computed(int operation, const ComputeSpan& span) {
  trace.operations[static_cast<size_t>(operation)] = {ns_of(span.begin), ns_of(span.start), ns_of(span.end)};
}

void RankTracer::exchanged(int operation, const ExchangeSpan& span) {
  OperationSpan& mine = trace.operations[static_cast<size_t>(operation)];
  if (span.end == Clock::time_point{}) {
    trace.is_complete = false;
    return;
  }
  mine = {ns_of(span.begin), ns_of(span.begin), ns_of(span.end)};
}

std::optional<Breakdown> breakdown_of(const Program& program, const RankTrace& trace) {
  RINGFOLD_INVARIANT(trace.operations.size() == program.operations.size(), "a trace of {} operations for {}",
                     trace.operations.size(), program.operations.size());
  if (!trace.is_complete) return std::nullopt;
  int64_t compute_ns = 0;
  int64_t merge_ns = 0;
  std::vector<OperationSpan> computing;
  for (size_t i = 0; i < program.operations.size(); ++i) {
    if (is_exchange(program.operations[i])) continue;
    const OperationSpan& span = trace.operations[i];
    const bool is_merge = std::holds_alternative<Merge>(program.operations[i]);
    (is_merge ? merge_ns : compute_ns) += span.end_ns - span.start_ns;
    computing.push_back(span);
  }
  // Queues are in order: spans of each are disjoint and ascend.
  int64_t communicate_ns = 0;
  int64_t hidden_ns = 0;
  size_t first = 0;
  for (size_t i = 0; i < program.operations.size(); ++i) {
    if (!is_exchange(program.operations[i])) continue;
    const OperationSpan& span = trace.operations[i];
    communicate_ns += span.end_ns - span.start_ns;
    hidden_ns += covered_ns(span.start_ns, span.end_ns, computing, first);
  }
  const int64_t total_ns = trace.end_ns - trace.begin_ns;
  const int64_t exposed_ns = communicate_ns - hidden_ns;
  return Breakdown{ms(compute_ns),
                   ms(merge_ns),
                   ms(communicate_ns),
                   ms(exposed_ns),
                   ms(total_ns - compute_ns - merge_ns - exposed_ns),
                   ms(total_ns)};
}

}  // namespace ringfold
