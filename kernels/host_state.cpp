#include "kernels/host_state.h"

#include "kernels/rows.h"
#include "lib/dtype.h"
#include "lib/error.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace ringfold {

namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();

// Consecutive rows of a merged state, and where each part holds them: its row of the first, or -1.
struct MergeRun {
  int64_t row = 0;
  int64_t count = 0;
  std::vector<int64_t> part_rows;
};

// The run from `position` to the next place where a part begins or ends. `cursors` [parts] only move forward.
void next_run(const MergeTask& task, const Segment& segment, int64_t position, std::vector<size_t>& cursors,
              MergeRun& run) {
  int64_t end = segment.end;
  for (size_t part = 0; part < task.parts.size(); ++part) {
    const std::vector<Segment>& segments = task.parts[part].o.segments;
    size_t& at = cursors[part];
    while (at < segments.size() && (segments[at].sequence != segment.sequence ? segments[at].sequence < segment.sequence
                                                                              : segments[at].end <= position)) {
      ++at;
    }
    run.part_rows[part] = -1;
    if (at == segments.size() || segments[at].sequence != segment.sequence) continue;
    if (segments[at].begin > position) {
      end = std::min(end, segments[at].begin);
    } else {
      end = std::min(end, segments[at].end);
      run.part_rows[part] = segments[at].row + position - segments[at].begin;
    }
  }
  run.row = segment.row + position - segment.begin;
  run.count = end - position;
}

void merge_run(const MergeTask& task, const MergeRun& run, std::vector<StateRow>& rows, std::vector<double>& sums) {
  for (int64_t head = task.state.o.heads.begin; head < task.state.o.heads.end; ++head) {
    for (int64_t i = 0; i < run.count; ++i) {
      rows.clear();
      for (size_t part = 0; part < task.parts.size(); ++part) {
        const StateTensor& from = task.parts[part];
        const int64_t row = run.part_rows[part] + i;
        if (run.part_rows[part] < 0 || head < from.o.heads.begin || head >= from.o.heads.end) continue;
        rows.push_back({float_row(from.o, head, row), *float_row(from.lse, head, row)});
      }
      *float_row(task.state.lse, head, run.row + i) =
          merge_rows(rows, task.dim, sums.data(), float_row(task.state.o, head, run.row + i));
    }
  }
}

}  // namespace

float merge_rows(std::span<const StateRow> rows, int64_t dim, double* sums, float* o) {
  double largest = kNothing;
  int64_t weighing = 0;
  const StateRow* last = nullptr;
  for (const StateRow& row : rows) {
    if (row.lse == kNothing) continue;
    // A NaN is kept: whatever made it must not be hidden.
    largest = row.lse > largest || std::isnan(row.lse) ? static_cast<double>(row.lse) : largest;
    last = &row;
    ++weighing;
  }
  if (weighing <= 1) {
    const float lse = last ? last->lse : kNothing;
    if (last && last->o != o) std::memcpy(o, last->o, static_cast<size_t>(dim) * sizeof(float));
    if (!last) std::fill_n(o, dim, 0.0f);
    return lse;
  }
  double total = 0.0;
  std::fill_n(sums, dim, 0.0);
  for (const StateRow& row : rows) {
    if (row.lse == kNothing) continue;
    const double weight = std::exp(static_cast<double>(row.lse) - largest);
    total += weight;
    // Not only faster: an infinite O must not spoil a row that outweighs it wholly.
    if (weight == 0.0) continue;
    for (int64_t c = 0; c < dim; ++c) sums[c] += weight * static_cast<double>(row.o[c]);
  }
  for (int64_t c = 0; c < dim; ++c) o[c] = static_cast<float>(sums[c] / total);
  return static_cast<float>(largest + std::log(total));
}

void merge_on_host(const MergeTask& task) {
  std::vector<size_t> cursors(task.parts.size(), 0);
  std::vector<StateRow> rows;
  std::vector<double> sums(static_cast<size_t>(task.dim));
  MergeRun run;
  run.part_rows.resize(task.parts.size());
  for (const Segment& segment : task.state.o.segments) {
    for (int64_t position = segment.begin; position < segment.end; position += run.count) {
      next_run(task, segment, position, cursors, run);
      merge_run(task, run, rows, sums);
    }
  }
}

void finish_on_host(const FinishTask& task) {
  int64_t rows = 0;
  for_common_rows(task.state.o.segments, task.out.segments, [&](const CommonRows& run) {
    rows += run.tokens.size();
    for (int64_t head = task.out.heads.begin; head < task.out.heads.end; ++head) {
      for (int64_t i = 0; i < run.tokens.size(); ++i) {
        store_floats(task.out.dtype, float_row(task.state.o, head, run.a_row + i), task.dim,
                     row_of(task.out, head, run.b_row + i));
      }
    }
  });
  RINGFOLD_INVARIANT(rows == rows_in(task.out.segments), "a state of fewer rows than its O is finished");
  for_common_rows(task.state.lse.segments, task.lse.segments, [&](const CommonRows& run) {
    for (int64_t head = task.lse.heads.begin; head < task.lse.heads.end; ++head) {
      for (int64_t i = 0; i < run.tokens.size(); ++i) {
        *float_row(task.lse, head, run.b_row + i) = *float_row(task.state.lse, head, run.a_row + i);
      }
    }
  });
}

void copy_on_host(const CopyTask& task) {
  RINGFOLD_INVARIANT(task.from.dtype == task.to.dtype, "a copy from {} to {}", to_string(task.from.dtype),
                     to_string(task.to.dtype));
  const int64_t row_bytes = task.channels * bytes_of(task.from.dtype);
  const bool dense = task.from.row_stride == task.channels && task.to.row_stride == task.channels;
  const HeadRange heads = intersect(task.from.heads, task.to.heads);
  for_common_rows(task.from.segments, task.to.segments, [&](const CommonRows& run) {
    const int64_t step = dense ? run.tokens.size() : 1;
    for (int64_t head = heads.begin; head < heads.end; ++head) {
      for (int64_t i = 0; i < run.tokens.size(); i += step) {
        std::memcpy(row_of(task.to, head, run.b_row + i), row_of(task.from, head, run.a_row + i),
                    static_cast<size_t>(step * row_bytes));
      }
    }
  });
}

}  // namespace ringfold
