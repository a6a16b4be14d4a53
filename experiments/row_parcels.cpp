#include "experiments/row_parcels.h"

#include "lib/dtype.h"
#include "lib/error.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace ringfold {
namespace {

constexpr int64_t kParcelBytes = 1 << 20;

/// Followed by O [head][token][dim] and LSE [head][token], where there. Processes are one build, so memory is as good
/// a format as any.
struct Header {
  TokenRange tokens;
  HeadRange heads;
  DType dtype;
  bool has_out;
  bool has_lse;
};
static_assert(std::is_trivially_copyable_v<Header>);

}  // namespace

RowParcels::RowParcels(std::vector<OutputRows> rows, int64_t dim) : rows_(std::move(rows)), dim_(dim) {}

std::string RowParcels::next() {
  while (at_ < rows_.size() && range_ == rows_[at_].tokens.ranges().size()) {
    ++at_;
    range_ = 0;
    row_ = 0;
  }
  if (at_ == rows_.size()) return "";
  const OutputRows& rows = rows_[at_];
  const TokenRange range = rows.tokens.ranges()[range_];
  const int64_t row_bytes = rows.heads.size() * (dim_ * bytes_of(rows.dtype) + int64_t{sizeof(float)});
  const int64_t begin = range.begin + token_;
  const int64_t count = std::min(range.end - begin, std::max<int64_t>(1, kParcelBytes / row_bytes));

  const Header header{
      {range.sequence, begin, begin + count}, rows.heads, rows.dtype, rows.out != nullptr, rows.lse != nullptr};
  std::string parcel(reinterpret_cast<const char*>(&header), sizeof header);
  const auto add = [&](const void* from, int64_t bytes) {
    parcel.append(static_cast<const char*>(from), static_cast<size_t>(bytes));
  };
  for (int64_t head = 0; header.has_out && head < rows.heads.size(); ++head) {
    for (int64_t row = row_; row < row_ + count; ++row) {
      const int64_t offset = head * rows.out_head_stride + row * rows.out_token_stride;
      add(static_cast<const std::byte*>(rows.out) + offset * bytes_of(rows.dtype), dim_ * bytes_of(rows.dtype));
    }
  }
  for (int64_t head = 0; header.has_lse && head < rows.heads.size(); ++head) {
    for (int64_t row = row_; row < row_ + count; ++row) {
      add(rows.lse + head * rows.lse_head_stride + row * rows.lse_token_stride, sizeof(float));
    }
  }

  row_ += count;
  token_ += count;
  if (begin + count == range.end) {
    ++range_;
    token_ = 0;
  }
  return parcel;
}

OutputRows rows_of_parcel(std::string_view parcel, int64_t dim) {
  Header header;
  RINGFOLD_INVARIANT(parcel.size() >= sizeof header, "a parcel of {} bytes", parcel.size());
  std::memcpy(&header, parcel.data(), sizeof header);
  const int64_t count = header.tokens.size();
  const int64_t out_bytes = header.has_out ? header.heads.size() * count * dim * bytes_of(header.dtype) : 0;
  const int64_t lse_bytes = header.has_lse ? header.heads.size() * count * int64_t{sizeof(float)} : 0;
  RINGFOLD_INVARIANT(static_cast<int64_t>(parcel.size() - sizeof header) == out_bytes + lse_bytes,
                     "a parcel of {} bytes for {} rows", parcel.size(), count);
  OutputRows rows;
  rows.tokens = TokenSet({header.tokens});
  rows.heads = header.heads;
  rows.dtype = header.dtype;
  const char* data = parcel.data() + sizeof header;
  if (header.has_out) {
    rows.out = reinterpret_cast<const std::byte*>(data);
    rows.out_head_stride = count * dim;
    rows.out_token_stride = dim;
  }
  if (header.has_lse) {
    rows.lse = reinterpret_cast<const float*>(data + out_bytes);
    rows.lse_head_stride = count;
    rows.lse_token_stride = 1;
  }
  return rows;
}

}  // namespace ringfold
