#include "lib/checking_kernel.h"

#include "lib/dtype.h"
#include "lib/error.h"
#include "lib/reference_row.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

namespace ringfold {

namespace {

std::byte* row_data(const Tensor& tensor, int64_t head, int64_t row) {
  const int64_t element = (head - tensor.heads.begin) * tensor.head_stride + row * tensor.row_stride;
  return tensor.data + element * bytes_of(tensor.dtype);
}

/// Calls visit(head, sequence, position, row) for every row of the segments, in their order.
template <typename Visit>
void for_each_row(const Tensor& tensor, Visit&& visit) {
  for (int64_t head = tensor.heads.begin; head < tensor.heads.end; ++head) {
    for (const Segment& part : tensor.segments) {
      for (int64_t p = part.begin; p < part.end; ++p) visit(head, part.sequence, p, part.row + p - part.begin);
    }
  }
}

/// Calls visit(where, row, row of `compact`) for every row of a tensor and of a compact copy's.
template <typename Visit>
void for_each_pair(const Tensor& tensor, const Tensor& compact, int64_t channels, Visit&& visit) {
  const std::byte* other = compact.data;
  for_each_row(tensor, [&](int64_t head, int64_t sequence, int64_t position, int64_t row) {
    visit(QueryRow{sequence, position, head}, row_data(tensor, head, row), other);
    other += channels * bytes_of(tensor.dtype);
  });
}

float float_at(const std::byte* row, int64_t channel) {
  float number = 0;
  std::memcpy(&number, row + channel * static_cast<int64_t>(sizeof number), sizeof number);
  return number;
}

/// A compact copy of a tensor's rows.
class Shadow {
 public:
  Shadow(const Tensor& original, int64_t channels) : tensor_(original), channels_(channels) {
    int64_t rows = 0;
    for (Segment& part : tensor_.segments) {
      part.row = rows;
      rows += part.end - part.begin;
    }
    tensor_.row_stride = channels;
    tensor_.head_stride = rows * channels;
    memory_.resize(static_cast<size_t>(rows * channels * original.heads.size() * bytes_of(original.dtype)));
    tensor_.data = memory_.data();
    std::byte* to = memory_.data();
    const auto bytes = static_cast<size_t>(channels * bytes_of(original.dtype));
    for_each_row(original, [&](int64_t head, int64_t, int64_t, int64_t row) {
      std::memcpy(to, row_data(original, head, row), bytes);
      to += bytes;
    });
  }
  Shadow(const Shadow&) = delete;
  Shadow& operator=(const Shadow&) = delete;

  const Tensor& tensor() const { return tensor_; }

 private:
  Tensor tensor_;
  int64_t channels_;
  std::vector<std::byte> memory_;
};

/// |row|_2 of the longest row.
double longest_row(const Tensor& tensor, int64_t channels) {
  double longest = 0;
  std::vector<float> values(static_cast<size_t>(channels));
  for_each_row(tensor, [&](int64_t head, int64_t, int64_t, int64_t row) {
    load_floats(tensor.dtype, row_data(tensor, head, row), channels, values.data());
    double square = 0;
    for (const float value : values) square += static_cast<double>(value) * value;
    longest = std::max(longest, std::sqrt(square));
  });
  return longest;
}

/// The largest |LSE| of rows that are not empty.
double largest_lse(const Tensor& lse) {
  double largest = 0;
  for_each_row(lse, [&](int64_t head, int64_t, int64_t, int64_t row) {
    const float value = float_at(row_data(lse, head, row), 0);
    if (std::isfinite(value)) largest = std::max(largest, std::abs(static_cast<double>(value)));
  });
  return largest;
}

}  // namespace

CheckingKernel::CheckingKernel(Kernel& judged, Kernel& judge, double tolerance)
    : judged_(judged), judge_(judge), tolerance_(tolerance) {
  RINGFOLD_CHECK(judged.device().memory_kind() == MemoryKind::host && judge.device().memory_kind() == MemoryKind::host,
                 ExitCode::unavailable, "only kernels of host memory can be compared while they run");
}

Capabilities CheckingKernel::capabilities() const {
  Capabilities both = judged_.capabilities();
  const Capabilities judge = judge_.capabilities();
  both.folds = both.folds && judge.folds;
  both.many_kv_pieces = both.many_kv_pieces && judge.many_kv_pieces;
  both.softcaps = both.softcaps && judge.softcaps;
  both.rotates = both.rotates && judge.rotates;
  both.pages = both.pages && judge.pages;
  both.projects = both.projects && judge.projects;
  both.refuses = [mine = both.refuses, other = judge.refuses](const Problem& problem) -> std::optional<std::string> {
    if (mine) {
      if (auto reason = mine(problem)) return reason;
    }
    return other ? other(problem) : std::nullopt;
  };
  return both;
}

void CheckingKernel::attend(Queue& queue, const AttendTask& task) {
  const Shadow o(task.state.o, task.dim);
  const Shadow lse(task.state.lse, 1);
  double k = 0;
  double v = task.fold ? longest_row(task.state.o, task.dim) : 0;
  for (const KvPiece& piece : task.kv) {
    k = std::max(k, longest_row(piece.k, task.dim));
    v = std::max(v, longest_row(piece.v, task.dim));
  }
  const double spread =
      1 + std::abs(task.scale) * longest_row(task.q, task.dim) * k + (task.fold ? largest_lse(task.state.lse) : 0);
  AttendTask again = task;
  again.state = {o.tensor(), lse.tensor()};
  judged_.attend(queue, task);
  judge_.attend(queue, again);
  queue.synchronize();
  compare_states("attend", task.state, again.state, task.dim, tolerance_ * spread * v, tolerance_ * spread);
}

void CheckingKernel::merge(Queue& queue, const MergeTask& task) {
  const Shadow o(task.state.o, task.dim);
  const Shadow lse(task.state.lse, 1);
  double v = 0;
  double spread = 1;
  for (const StateTensor& part : task.parts) {
    v = std::max(v, longest_row(part.o, task.dim));
    spread = std::max(spread, 1 + largest_lse(part.lse));
  }
  MergeTask again = task;
  again.state = {o.tensor(), lse.tensor()};
  judged_.merge(queue, task);
  judge_.merge(queue, again);
  queue.synchronize();
  compare_states("merge", task.state, again.state, task.dim, tolerance_ * spread * v, tolerance_ * spread);
}

void CheckingKernel::finish(Queue& queue, const FinishTask& task) {
  const Shadow out(task.out, task.dim);
  const Shadow lse(task.lse, 1);
  FinishTask again = task;
  again.out = out.tensor();
  again.lse = lse.tensor();
  judged_.finish(queue, task);
  judge_.finish(queue, again);
  queue.synchronize();
  compare_bits("finish, O", task.out, again.out, task.dim);
  compare_bits("finish, LSE", task.lse, again.lse, 1);
}

/// The judge works on a copy of `to`; compare(that copy).
template <typename Task, typename Compare>
void CheckingKernel::do_both(Queue& queue, const Task& task, int64_t channels,
                             void (Kernel::*call)(Queue&, const Task&), Compare&& compare) {
  const Shadow to(task.to, channels);
  Task again = task;
  again.to = to.tensor();
  again.prepared = nullptr;
  (judged_.*call)(queue, task);
  (judge_.*call)(queue, again);
  queue.synchronize();
  compare(again.to);
}

void CheckingKernel::copy(Queue& queue, const CopyTask& task) {
  do_both(queue, task, task.channels, &Kernel::copy,
          [&](const Tensor& other) { compare_bits("copy", task.to, other, task.channels); });
}

void CheckingKernel::rotate(Queue& queue, const RotateTask& task) {
  do_both(queue, task, task.dim, &Kernel::rotate,
          [&](const Tensor& other) { compare_bits("rotate", task.to, other, task.dim); });
}

void CheckingKernel::project(Queue& queue, const ProjectTask& task) {
  do_both(queue, task, task.dim, &Kernel::project, [&](const Tensor& other) { compare_projected(task, other); });
}

void CheckingKernel::compare_projected(const ProjectTask& task, const Tensor& wanted) {
  // Sums of other orders may round to the neighbouring number.
  const double x = longest_row(task.x, task.hidden);
  const double allowed = 2 * unit_roundoff(task.to.dtype) * longest_row(task.to, task.dim) +
                         tolerance_ * x * std::sqrt(static_cast<double>(task.hidden)) * longest_row(task.w, task.dim);
  const auto dim = static_cast<size_t>(task.dim);
  std::vector<float> row(dim), other(dim);
  for_each_pair(task.to, wanted, task.dim, [&](const QueryRow& at, const std::byte* mine, const std::byte* its) {
    load_floats(task.to.dtype, mine, task.dim, row.data());
    load_floats(task.to.dtype, its, task.dim, other.data());
    double square = 0;
    for (size_t c = 0; c < dim; ++c) square += (double{row[c]} - other[c]) * (double{row[c]} - other[c]);
    ++rows_;
    RINGFOLD_CHECK(std::sqrt(square) <= allowed, ExitCode::numerics,
                   "project: the kernels differ for sequence {}, position {}, head {} by {:.3g} (allowed {:.3g})",
                   at.sequence, at.position, at.head, std::sqrt(square), allowed);
  });
}

void CheckingKernel::compare_states(std::string_view what, const StateTensor& got, const StateTensor& wanted,
                                    int64_t dim, double o_allowed, double lse_allowed) {
  std::vector<std::pair<double, double>> lse;
  for_each_pair(got.lse, wanted.lse, 1, [&](const QueryRow&, const std::byte* row, const std::byte* other) {
    lse.emplace_back(float_at(row, 0), float_at(other, 0));
  });
  size_t index = 0;
  for_each_pair(got.o, wanted.o, dim, [&](const QueryRow& at, const std::byte* row, const std::byte* other) {
    double square = 0;
    for (int64_t c = 0; c < dim; ++c) {
      const double difference = float_at(row, c) - static_cast<double>(float_at(other, c));
      square += difference * difference;
    }
    const auto [l, wanted_l] = lse[index++];
    const double lse_error = l == wanted_l ? 0 : std::abs(l - wanted_l);
    ++rows_;
    // Written so that NaN is refused.
    RINGFOLD_CHECK(std::sqrt(square) <= o_allowed && lse_error <= lse_allowed, ExitCode::numerics,
                   "{}: the kernels differ for sequence {}, position {}, head {}: O by {:.3g} (allowed {:.3g}), LSE {} "
                   "and {} (allowed {:.3g})",
                   what, at.sequence, at.position, at.head, std::sqrt(square), o_allowed, l, wanted_l, lse_allowed);
  });
}

void CheckingKernel::compare_bits(std::string_view what, const Tensor& got, const Tensor& wanted, int64_t channels) {
  const auto bytes = static_cast<size_t>(channels * bytes_of(got.dtype));
  for_each_pair(got, wanted, channels, [&](const QueryRow& at, const std::byte* row, const std::byte* other) {
    ++rows_;
    RINGFOLD_CHECK(std::memcmp(row, other, bytes) == 0, ExitCode::numerics,
                   "{}: the kernels differ in bits for sequence {}, position {}, head {}", what, at.sequence,
                   at.position, at.head);
  });
}

}  // namespace ringfold
