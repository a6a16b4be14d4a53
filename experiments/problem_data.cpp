#include "experiments/problem_data.h"

#include "experiments/cached_inputs.h"
#include "experiments/memory.h"
#include "experiments/rounds.h"
#include "experiments/safetensors.h"
#include "lib/error.h"
#include "lib/kernel.h"
#include "lib/projected_inputs.h"
#include "lib/shards.h"
#include "lib/stop.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ringfold {
namespace {

InputKind kind_of(const std::string& name) {
  for (InputKind kind : {InputKind::gauss, InputKind::peaked, InputKind::count, InputKind::needle}) {
    if (to_string(kind) == name) return kind;
  }
  RINGFOLD_INVARIANT(false, "no inputs are called '{}'", name);
}

/// What is given: Q, K and V, or hidden states and weights.
std::unique_ptr<InputSource> make_given(const Case& item, const Problem& problem) {
  if (!item.inputs.generate.empty()) {
    return std::make_unique<GeneratedInputs>(problem, kind_of(item.inputs.generate),
                                             static_cast<uint64_t>(item.inputs.seed));
  }
  check_input_file(item.inputs.file, problem);
  const SafetensorsReader reader(item.inputs.file);
  std::vector<std::vector<float>> tensors;
  for (const InputTensor tensor : given_tensors(problem)) {
    const InputShape shape = input_shape(problem, tensor);
    tensors.emplace_back(static_cast<size_t>(shape.elements()));
    reader.read_rows(std::string(to_string(tensor)), 0, shape.rows.size(), tensors.back());
  }
  return std::make_unique<StoredInputs>(problem, std::move(tensors));
}

/// Of one round's problem, where there are rounds.
std::unique_ptr<InputSource> make_source(const Case& item) {
  std::unique_ptr<InputSource> whole = make_given(item, whole_problem(item));
  if (item.problem.layer) whole = std::make_unique<ProjectedInputs>(std::move(whole));
  if (!item.round) return whole;
  return std::make_unique<RoundInputs>(item.problem, std::move(whole));
}

/// What decides about the values of inputs and outputs: not where they lie.
std::string key_of(const Case& item) {
  Problem problem = item.problem;
  if (problem.layer) problem.layer->source = KvSource::exchange;
  std::string key =
      fmt::format("{} {} {} {} {} {} {}", to_string(problem.mask), to_string(problem.dtype), problem.softmax_scale(),
                  problem.heads.query, problem.heads.kv, problem.heads.dim,
                  item.inputs.generate.empty() ? item.inputs.digest + item.inputs.file : item.inputs.generate);
  key += fmt::format(" {}{}", item.inputs.seed, variants_text(problem));
  for (const Sequence& sequence : problem.sequences) key += fmt::format(" {}+{}", sequence.cached, sequence.query);
  if (item.round) {
    for (const Sequence& sequence : whole_problem(item).sequences) key += fmt::format(" of {}", sequence.query);
  }
  return key;
}

/// First and last tokens of all blocks that strategies cut new tokens into.
TokenSet edges_of(const Case& item) {
  std::vector<TokenRange> edges;
  const int64_t chunks = 2 * int64_t{item.cluster.sp};
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const TokenSet tokens = query_chunk(item.problem, chunks, chunk);
    for (const TokenRange& range : tokens.ranges()) {
      edges.push_back({range.sequence, range.begin, range.begin + 1});
      edges.push_back({range.sequence, range.end - 1, range.end});
    }
  }
  return TokenSet(std::move(edges));
}

/// Head by head, so that an interruption is heard.
void prepare(Judge& judge, const Problem& problem, const TokenSet& rows, const HeadRange& heads,
             const ProblemData::Doing& doing) {
  const int64_t group = problem.heads.group();
  const auto sequences = static_cast<int64_t>(problem.sequences.size());
  const int64_t parts = sequences * heads.size();
  int64_t done = 0;
  for (int64_t sequence = 0; sequence < sequences; ++sequence) {
    const Sequence& lengths = problem.sequences[static_cast<size_t>(sequence)];
    const TokenSet tokens = intersect(rows, TokenSet::range(sequence, lengths.cached, lengths.length()));
    for (int64_t begin = heads.begin; begin < heads.end;) {
      RINGFOLD_CHECK(!stop_requested(), ExitCode::interrupted, "interrupted");
      const int64_t end = std::min(heads.end, (begin / group + 1) * group);
      doing("reference", static_cast<double>(done) / static_cast<double>(parts));
      judge.prepare(tokens, {begin, end});
      done += end - begin;
      begin = end;
    }
  }
}

/// Of what is kept in memory: Q, K and V, or the weights.
int64_t input_elements(const Problem& problem) {
  int64_t elements = 0;
  for (const InputTensor tensor : given_tensors(problem)) {
    if (tensor != InputTensor::x) elements += input_shape(problem, tensor).elements();
  }
  return elements;
}

}  // namespace

void ProblemData::drop_other_problems(const Case& item) {
  const std::string key = key_of(item);
  if (key == key_) return;
  judges_.clear();
  cached_.reset();
  source_.reset();
  key_ = key;
}

const InputSource& ProblemData::inputs(const Case& item) {
  drop_other_problems(item);
  if (source_ == nullptr) source_ = make_source(item);
  const bool is_generated = !item.inputs.generate.empty();
  // Elements cost less to read than to make; where memory is short, they are made again for each case.
  // A device makes its own.
  const KernelInfo* kernel = find_kernel(item.kernel);
  const bool is_for_host = kernel == nullptr || kernel->devices == nullptr;
  if (is_generated && is_for_host && !item.problem.layer && cached_ == nullptr &&
      processes_here_ * shared_bytes(item) < available_memory_bytes() / 4) {
    cached_ = std::make_unique<CachedInputs>(*source_);
  }
  return cached_ != nullptr ? *cached_ : *source_;
}

std::pair<Judge*, bool> ProblemData::find_judge(const Case& item) {
  auto judge = std::make_unique<Judge>(inputs(item), item.measure.reference_seconds, edges_of(item));
  // A sample depends on where blocks end; all rows do not.
  const bool is_whole = judge->checked() == query_set(item.problem);
  const std::string key = is_whole ? "all" : fmt::format("{} {}", item.measure.reference_seconds, item.cluster.sp);
  for (const auto& [known, old] : judges_) {
    if (known == key) return {old.get(), false};
  }
  judges_.emplace_back(key, std::move(judge));
  return {judges_.back().second.get(), true};
}

const Judge& ProblemData::judge(const Case& item, const Doing& doing, const Program* rank) {
  const auto [judge, is_new] = find_judge(item);
  if (rank == nullptr) {
    if (is_new) prepare(*judge, item.problem, query_set(item.problem), {0, item.problem.heads.query}, doing);
    return *judge;
  }
  // Other cases may have left this rank with other rows.
  for (const BlockId id : rank->outputs) {
    const Block& block = rank->blocks[static_cast<size_t>(id)];
    prepare(*judge, item.problem, block.tokens, block.heads, doing);
  }
  return *judge;
}

int64_t shared_bytes(const Case& item) { return input_elements(item.problem) * static_cast<int64_t>(sizeof(float)); }

}  // namespace ringfold
