#include "kernels/flashinfer_path.h"

#include "lib/error.h"

#include <limits>

namespace ringfold {
namespace {

/// What TMA and asynchronous copies ask of addresses and strides.
constexpr int64_t kVector = 16;

bool is_aligned(const std::byte* data, const CallStrides& strides, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(data) % kVector == 0 && strides.row * bytes % kVector == 0 &&
         strides.head * bytes % kVector == 0;
}

/// The kernel for every device counts the elements of a plane's rows, head by head, in 32 bits.
bool counts_in_32_bits(int64_t rows, const CallStrides& strides) {
  return rows * strides.row <= std::numeric_limits<uint32_t>::max();
}

bool takes_sm80(const FlashinferCall& call, int64_t dim) {
  return call.o_is_fp32 && call.o_strides.row % dim == 0 && call.lse_strides.row == call.o_strides.row / dim &&
         counts_in_32_bits(call.q_rows, call.q_strides) && counts_in_32_bits(call.q_rows, call.o_strides);
}

}  // namespace

FlashinferCall flashinfer_call(const AttendRegion& region, const AttendCall& call, DType dtype, double scale,
                               double softcap) {
  RINGFOLD_INVARIANT(dtype != DType::fp32, "FlashInfer in fp32");
  constexpr int64_t kMostRows = std::numeric_limits<int32_t>::max() / 2;
  RINGFOLD_CHECK(call.q_rows <= kMostRows && call.kv_rows <= kMostRows, ExitCode::unavailable,
                 "flashinfer counts rows in 32 bits, not {} x {}", call.q_rows, call.kv_rows);
  FlashinferCall made;
  made.q = call.q;
  made.k = call.k;
  made.v = call.v;
  made.q_strides = call.q_strides;
  made.k_strides = call.k_strides;
  made.v_strides = call.v_strides;
  made.q_rows = call.q_rows;
  made.kv_rows = call.kv_rows;
  made.type = dtype == DType::bf16 ? HalfType::bf16 : HalfType::fp16;
  made.query_heads = region.query_heads.size();
  made.kv_heads = region.kv_heads;
  made.is_causal = call.is_masked && call.offset < call.kv_rows - 1;
  RINGFOLD_INVARIANT(!made.is_causal || call.kv_rows == call.q_rows + call.offset, "{} x {} keys, diagonal at {}",
                     call.q_rows, call.kv_rows, call.offset);
  if (call.window > 0) made.window_left = call.window - 1 - call.offset + call.kv_rows - call.q_rows;
  made.scale = static_cast<float>(scale);
  made.softcap = static_cast<float>(softcap);
  return made;
}

std::optional<FlashinferPath> flashinfer_path(const FlashinferCall& call, int64_t dim, bool is_hopper) {
  if (!is_aligned(call.q, call.q_strides, 2) || !is_aligned(call.k, call.k_strides, 2) ||
      !is_aligned(call.v, call.v_strides, 2)) {
    return std::nullopt;
  }
  if (is_hopper && call.window_left < 0 && call.softcap == 0 &&
      is_aligned(call.o, call.o_strides, call.o_is_fp32 ? 4 : 2)) {
    return FlashinferPath::sm90;
  }
  if (takes_sm80(call, dim)) return FlashinferPath::sm80;
  return std::nullopt;
}

}  // namespace ringfold
