#pragma once

#include "lib/problem.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace ringfold {

/// to [rows, channels] = x [rows, hidden] w [hidden, channels] for each of `heads`, all with the same x. Elements of a
/// row stand side by side; strides are in elements. Sums in fp32, rounded once.
struct LtShape {
  DType dtype = DType::bf16;
  int64_t rows = 0;
  int64_t hidden = 0;
  int64_t channels = 0;
  int64_t heads = 1;
  int64_t x_row_stride = 0;
  int64_t w_row_stride = 0;
  int64_t w_head_stride = 0;
  int64_t to_row_stride = 0;
  int64_t to_head_stride = 0;
};

/// Device memory of one product.
struct LtMemory {
  const std::byte* x = nullptr;
  const std::byte* w = nullptr;
  std::byte* to = nullptr;
};

/// A product that cuBLASLt has chosen an algorithm for: the same bits whenever it runs.
class LtProduct {
 public:
  virtual ~LtProduct() = default;
  /// Enqueues it on `stream` (a cudaStream_t).
  virtual void run(std::byte* workspace, void* stream) const = 0;
};

/// cuBLASLt on one device, in one thread, whose current device it is. Outlives its products.
class CublasLt {
 public:
  /// Throws Error(unavailable) with the reason of cublas_lt_missing().
  CublasLt();
  ~CublasLt();
  /// Bytes that every product may use of its workspace.
  static constexpr int64_t kWorkspaceBytes = int64_t{32} << 20;
  std::unique_ptr<LtProduct> product(const LtShape& shape, const LtMemory& memory);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Why the library cannot be used, if it cannot.
std::optional<std::string> cublas_lt_missing();

}  // namespace ringfold
