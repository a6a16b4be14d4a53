#include "kernels/copy_tables.h"

#include "kernels/rows.h"
#include "lib/error.h"

#include <bit>

namespace ringfold {

namespace {

/// The largest power of two up to 16 that divides whatever has been seen.
class Alignment {
 public:
  void see(int64_t value) { bits_ |= static_cast<uint64_t>(value); }
  void see(const void* address) { bits_ |= static_cast<uint64_t>(reinterpret_cast<uintptr_t>(address)); }
  int unit() const { return 1 << std::countr_zero(bits_ | 16u); }

 private:
  uint64_t bits_ = 0;
};

int unit_of(const CopyTables& tables) {
  Alignment alignment;
  alignment.see(tables.from);
  alignment.see(tables.to);
  for (const int64_t bytes : {tables.row_bytes, tables.from_stride, tables.to_stride}) alignment.see(bytes);
  if (tables.heads > 1) {
    alignment.see(tables.from_head_stride);
    alignment.see(tables.to_head_stride);
  }
  for (const CopyRun& run : tables.runs) {
    for (const int64_t bytes : {run.from, run.to, run.last_bytes}) alignment.see(bytes);
  }
  return alignment.unit();
}

}  // namespace

CopyTables plan_copy(const CopyTask& task) {
  const Tensor& from = task.from;
  const Tensor& to = task.to;
  RINGFOLD_INVARIANT(from.dtype == to.dtype, "a copy from {} to {}", to_string(from.dtype), to_string(to.dtype));
  const int64_t width = bytes_of(from.dtype);
  const HeadRange heads = intersect(from.heads, to.heads);
  CopyTables tables;
  if (heads.empty()) return tables;
  tables.from = row_of(from, heads.begin, 0);
  tables.to = row_of(to, heads.begin, 0);
  tables.heads = heads.size();
  tables.from_head_stride = from.head_stride * width;
  tables.to_head_stride = to.head_stride * width;
  int64_t channels = task.channels;
  if (from.head_stride == channels && to.head_stride == channels) {  // the heads of a row are one
    channels *= tables.heads;
    tables.heads = 1;
  }
  const bool dense = from.row_stride == channels && to.row_stride == channels;
  tables.row_bytes = dense ? kDenseRowBytes : channels * width;
  tables.from_stride = dense ? kDenseRowBytes : from.row_stride * width;
  tables.to_stride = dense ? kDenseRowBytes : to.row_stride * width;
  for_common_rows(from.segments, to.segments, [&](const CommonRows& common) {
    const int64_t count = common.tokens.size();
    CopyRun run{tables.rows, common.a_row * from.row_stride * width, common.b_row * to.row_stride * width, count,
                tables.row_bytes};
    if (dense) {
      const int64_t bytes = count * channels * width;
      run.rows = (bytes + kDenseRowBytes - 1) / kDenseRowBytes;
      run.last_bytes = bytes - (run.rows - 1) * kDenseRowBytes;
    }
    if (run.rows == 0 || run.last_bytes == 0) return;
    tables.rows += run.rows;
    tables.runs.push_back(run);
  });
  tables.unit = unit_of(tables);
  return tables;
}

}  // namespace ringfold
