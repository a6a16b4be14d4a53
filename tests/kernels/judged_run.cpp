#include "tests/kernels/judged_run.h"

#include "lib/pages.h"

#include <algorithm>
#include <deque>

namespace ringfold::testing {

namespace {

/// Planes [head][token][channels] and the tensors that name them.
class Planes {
 public:
  Tensor make(DType dtype, const TokenSet& tokens, const HeadRange& heads, int64_t channels) {
    const int64_t elements = tokens.size() * heads.size() * channels;
    memory_.emplace_back(static_cast<size_t>(elements * bytes_of(dtype)));
    Tensor tensor{memory_.back().data(), dtype, channels, tokens.size() * channels, heads, {}};
    int64_t row = 0;
    for (const TokenRange& range : tokens.ranges()) {
      tensor.segments.push_back({range.sequence, range.begin, range.end, row});
      row += range.size();
    }
    return tensor;
  }
  /// The same rows in pages, where the problem has them.
  Tensor in_pages(Kernel& kernel, Queue& queue, const Problem& problem, const TokenSet& tokens, const Tensor& given) {
    if (!problem.page_size) return given;
    const Block block{BlockKind::kv, given.dtype, Layout::heads_outer, tokens, given.heads, false, *problem.page_size};
    const int64_t rows = memory_rows(block);
    const int64_t dim = problem.heads.dim;
    memory_.emplace_back(static_cast<size_t>(rows * given.heads.size() * dim * bytes_of(given.dtype)),
                         std::byte{0xff});  // NaN
    const Tensor paged{memory_.back().data(),         given.dtype,       dim, rows * dim, given.heads,
                       paged_segments(block, tokens), *problem.page_size};
    kernel.copy(queue, {given, paged, dim});
    return paged;
  }
  Tensor filled(const InputSource& inputs, InputTensor which, const TokenSet& tokens, const HeadRange& heads) {
    const Tensor tensor = make(inputs.problem().dtype, tokens, heads, inputs.problem().heads.dim);
    write_rows(inputs, which, tokens, heads, tensor.data, {tensor.row_stride, tensor.head_stride});
    return tensor;
  }
  /// The same, turned by the kernel where the problem says so.
  Tensor attended(Kernel& kernel, Queue& queue, const InputSource& inputs, InputTensor which, const TokenSet& tokens,
                  const HeadRange& heads) {
    const Problem& problem = inputs.problem();
    const Tensor given = filled(inputs, which, tokens, heads);
    if (!problem.rope) return given;
    const Tensor rotated = make(problem.dtype, tokens, heads, problem.heads.dim);
    kernel.rotate(queue, {given, rotated, problem.heads.dim, *problem.rope});
    return rotated;
  }
  StateTensor state(const TokenSet& tokens, const HeadRange& heads, int64_t dim) {
    return {make(DType::fp32, tokens, heads, dim), make(DType::fp32, tokens, heads, 1)};
  }

 private:
  std::deque<std::vector<std::byte>> memory_;
};

TokenSet shard_of(const Problem& problem, int64_t shard, int64_t shards) {
  std::vector<TokenRange> ranges;
  for (size_t s = 0; s < problem.sequences.size(); ++s) {
    const int64_t length = problem.sequences[s].length();
    ranges.push_back({static_cast<int64_t>(s), length * shard / shards, length * (shard + 1) / shards});
  }
  return TokenSet(std::move(ranges));
}

int64_t longest(const TokenSet& tokens) {
  int64_t most = 0;
  for (const TokenRange& range : tokens.ranges()) most = std::max(most, range.size());
  return most;
}

}  // namespace

JudgedRun run_kernel(Kernel& kernel, const InputSource& inputs, int64_t shards, Folding folding) {
  const Problem& problem = inputs.problem();
  const int64_t dim = problem.heads.dim;
  const TokenSet tokens = query_set(problem);
  const HeadRange heads{0, problem.heads.query};
  const HeadRange kv_heads{0, problem.heads.kv};
  const auto queue = kernel.device().make_queue();
  Planes planes;
  JudgedRun run;
  run.how.partials = shards;
  run.how.approximate_tanh = problem.softcap && kernel.capabilities().approximates_tanh;
  const Tensor q = planes.attended(kernel, *queue, inputs, InputTensor::q, tokens, heads);
  StateTensor state = planes.state(tokens, heads, dim);
  std::vector<StateTensor> parts;
  for (int64_t shard = 0; shard < shards; ++shard) {
    const TokenSet keys = shard_of(problem, shard, shards);
    run.how.keys_per_call = std::max(run.how.keys_per_call, longest(keys));
    const Tensor k = planes.attended(kernel, *queue, inputs, InputTensor::k, keys, kv_heads);
    const Tensor v = planes.filled(inputs, InputTensor::v, keys, kv_heads);
    const KvPiece piece{planes.in_pages(kernel, *queue, problem, keys, k),
                        planes.in_pages(kernel, *queue, problem, keys, v)};
    const bool fold = folding == Folding::in_kernel && shard > 0;
    if (folding == Folding::merged) parts.push_back(planes.state(tokens, heads, dim));
    AttendTask task{q,
                    {piece},
                    folding == Folding::merged ? parts.back() : state,
                    fold,
                    problem.mask,
                    dim,
                    problem.heads.group(),
                    problem.softmax_scale()};
    task.softcap = problem.softcap.value_or(0);
    kernel.attend(*queue, task);
  }
  if (folding == Folding::merged) kernel.merge(*queue, {parts, state, dim});
  run.out.resize(static_cast<size_t>(tokens.size() * heads.size() * dim * bytes_of(problem.dtype)));
  run.lse.resize(static_cast<size_t>(tokens.size() * heads.size()));
  Tensor out = q;
  out.data = run.out.data();
  Tensor lse = state.lse;
  lse.data = reinterpret_cast<std::byte*>(run.lse.data());
  kernel.finish(*queue, {state, out, lse, dim});
  queue->synchronize();
  run.rows = {tokens,         heads,          problem.dtype,   run.out.data(), out.head_stride,
              out.row_stride, run.lse.data(), lse.head_stride, lse.row_stride};
  return run;
}

}  // namespace ringfold::testing
