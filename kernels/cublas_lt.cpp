// Matrix products by cuBLASLt. The library is opened when it is first needed, so that the program starts without it.
#include "kernels/cublas_lt.h"

#include "lib/error.h"

#include <algorithm>
#include <cublasLt.h>
#include <dlfcn.h>

namespace ringfold {

namespace {

/// The functions of the library that are called here.
struct Library {
  std::string missing;
#define RINGFOLD_LT_FUNCTION(name) decltype(&::cublasLt##name) name = nullptr
  RINGFOLD_LT_FUNCTION(Create);
  RINGFOLD_LT_FUNCTION(Destroy);
  RINGFOLD_LT_FUNCTION(Matmul);
  RINGFOLD_LT_FUNCTION(MatmulDescCreate);
  RINGFOLD_LT_FUNCTION(MatmulDescDestroy);
  RINGFOLD_LT_FUNCTION(MatrixLayoutCreate);
  RINGFOLD_LT_FUNCTION(MatrixLayoutDestroy);
  RINGFOLD_LT_FUNCTION(MatrixLayoutSetAttribute);
  RINGFOLD_LT_FUNCTION(MatmulPreferenceCreate);
  RINGFOLD_LT_FUNCTION(MatmulPreferenceDestroy);
  RINGFOLD_LT_FUNCTION(MatmulPreferenceSetAttribute);
  RINGFOLD_LT_FUNCTION(MatmulAlgoGetHeuristic);
#undef RINGFOLD_LT_FUNCTION

  Library() {
    const std::string name = fmt::format("libcublasLt.so.{}", CUBLAS_VER_MAJOR);
    void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);  // for good
    if (handle == nullptr) {
      missing = fmt::format("{} cannot be opened: {}", name, dlerror());
      return;
    }
    const auto find = [&](auto& function, const char* symbol) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, symbol));
      if (function == nullptr) missing = fmt::format("{} has no {}", name, symbol);
    };
    find(Create, "cublasLtCreate");
    find(Destroy, "cublasLtDestroy");
    find(Matmul, "cublasLtMatmul");
    find(MatmulDescCreate, "cublasLtMatmulDescCreate");
    find(MatmulDescDestroy, "cublasLtMatmulDescDestroy");
    find(MatrixLayoutCreate, "cublasLtMatrixLayoutCreate");
    find(MatrixLayoutDestroy, "cublasLtMatrixLayoutDestroy");
    find(MatrixLayoutSetAttribute, "cublasLtMatrixLayoutSetAttribute");
    find(MatmulPreferenceCreate, "cublasLtMatmulPreferenceCreate");
    find(MatmulPreferenceDestroy, "cublasLtMatmulPreferenceDestroy");
    find(MatmulPreferenceSetAttribute, "cublasLtMatmulPreferenceSetAttribute");
    find(MatmulAlgoGetHeuristic, "cublasLtMatmulAlgoGetHeuristic");
  }
};

const Library& library() {
  static const Library library;
  return library;
}

void check_lt(cublasStatus_t status, const char* call) {
  RINGFOLD_CHECK(status == CUBLAS_STATUS_SUCCESS, ExitCode::internal, "cuBLASLt: {} failed with status {}", call,
                 static_cast<int>(status));
}

cudaDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::fp32: return CUDA_R_32F;
    case DType::bf16: return CUDA_R_16BF;
    case DType::fp16: return CUDA_R_16F;
  }
  RINGFOLD_INVARIANT(false, "dtype {}", static_cast<int>(dtype));
}

/// A column-major matrix, once for each head.
struct LtMatrix {
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t column_stride = 0;
  int64_t head_stride = 0;
};

/// An object of the library.
template <typename Handle, auto kDestroy>
class Owned {
 public:
  Owned() = default;
  ~Owned() {
    if (handle_ != nullptr) (library().*kDestroy)(handle_);
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Handle* address() { return &handle_; }
  Handle get() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};

class Layout {
 public:
  Layout(DType dtype, const LtMatrix& matrix, int64_t heads) {
    check_lt(library().MatrixLayoutCreate(layout_.address(), data_type(dtype), static_cast<uint64_t>(matrix.rows),
                                          static_cast<uint64_t>(matrix.columns), matrix.column_stride),
             "MatrixLayoutCreate");
    const auto count = static_cast<int32_t>(heads);
    set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, count);
    set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, matrix.head_stride);
  }
  cublasLtMatrixLayout_t get() const { return layout_.get(); }

 private:
  template <typename Value>
  void set(cublasLtMatrixLayoutAttribute_t attribute, const Value& value) {
    check_lt(library().MatrixLayoutSetAttribute(get(), attribute, &value, sizeof value), "MatrixLayoutSetAttribute");
  }
  Owned<cublasLtMatrixLayout_t, &Library::MatrixLayoutDestroy> layout_;
};

/// What an algorithm may do.
class Preference {
 public:
  Preference(const LtShape& shape, const LtMemory& memory) {
    const auto step = [&](int64_t stride) { return shape.heads == 1 ? 0 : stride * bytes_of(shape.dtype); };
    check_lt(library().MatmulPreferenceCreate(preference_.address()), "MatmulPreferenceCreate");
    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<uint64_t>(CublasLt::kWorkspaceBytes));
    // Partial sums may not be rounded to 16 bits before they are added up.
    set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
        static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(memory.w, step(shape.w_head_stride)));
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(memory.x, 0));
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(memory.to, step(shape.to_head_stride)));
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(memory.to, step(shape.to_head_stride)));
  }
  cublasLtMatmulPreference_t get() const { return preference_.get(); }

 private:
  /// Of all heads' matrices, so many bytes apart.
  static uint32_t alignment(const std::byte* data, int64_t step) {
    const auto bits = reinterpret_cast<uintptr_t>(data) | static_cast<uintptr_t>(step);
    return static_cast<uint32_t>(std::min<uintptr_t>(256, bits & (~bits + 1)));
  }
  template <typename Value>
  void set(cublasLtMatmulPreferenceAttributes_t attribute, const Value& value) {
    check_lt(library().MatmulPreferenceSetAttribute(get(), attribute, &value, sizeof value),
             "MatmulPreferenceSetAttribute");
  }
  Owned<cublasLtMatmulPreference_t, &Library::MatmulPreferenceDestroy> preference_;
};

/// A row of x, w and `to` is a column of what the library multiplies: to = w x.
class Product final : public LtProduct {
 public:
  Product(cublasLtHandle_t handle, const LtShape& shape, const LtMemory& memory)
      : handle_(handle),
        memory_(memory),
        w_(shape.dtype, {shape.channels, shape.hidden, shape.w_row_stride, shape.w_head_stride}, shape.heads),
        x_(shape.dtype, {shape.hidden, shape.rows, shape.x_row_stride, 0}, shape.heads),
        to_(shape.dtype, {shape.channels, shape.rows, shape.to_row_stride, shape.to_head_stride}, shape.heads) {
    check_lt(library().MatmulDescCreate(product_.address(), CUBLAS_COMPUTE_32F, CUDA_R_32F), "MatmulDescCreate");
    const Preference preference(shape, memory);
    cublasLtMatmulHeuristicResult_t best{};
    int found = 0;
    const cublasStatus_t status = library().MatmulAlgoGetHeuristic(
        handle_, product_.get(), w_.get(), x_.get(), to_.get(), to_.get(), preference.get(), 1, &best, &found);
    algorithm_ = best.algo;
    const bool has_one = status == CUBLAS_STATUS_SUCCESS && found > 0 && best.state == CUBLAS_STATUS_SUCCESS;
    RINGFOLD_CHECK(has_one, ExitCode::unavailable,
                   "cuBLASLt has no algorithm for hidden states [{}, {}] and weights of {} heads of {} channels in {} "
                   "(status {})",
                   shape.rows, shape.hidden, shape.heads, shape.channels, to_string(shape.dtype),
                   static_cast<int>(found > 0 ? best.state : status));
  }

  void run(std::byte* workspace, void* stream) const override {
    const float one = 1.0f;
    const float zero = 0.0f;
    check_lt(library().Matmul(handle_, product_.get(), &one, memory_.w, w_.get(), memory_.x, x_.get(), &zero,
                              memory_.to, to_.get(), memory_.to, to_.get(), &algorithm_, workspace,
                              static_cast<size_t>(CublasLt::kWorkspaceBytes), static_cast<cudaStream_t>(stream)),
             "Matmul");
  }

 private:
  cublasLtHandle_t handle_;
  LtMemory memory_;
  Layout w_, x_, to_;
  Owned<cublasLtMatmulDesc_t, &Library::MatmulDescDestroy> product_;
  cublasLtMatmulAlgo_t algorithm_{};
};

}  // namespace

struct CublasLt::Impl {
  Impl() { check_lt(library().Create(&handle), "Create"); }
  ~Impl() { library().Destroy(handle); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  cublasLtHandle_t handle = nullptr;
};

CublasLt::CublasLt() {
  const std::optional<std::string> missing = cublas_lt_missing();
  RINGFOLD_CHECK(!missing, ExitCode::unavailable, "{}", missing.value_or(""));
  impl_ = std::make_unique<Impl>();
}

CublasLt::~CublasLt() = default;

std::unique_ptr<LtProduct> CublasLt::product(const LtShape& shape, const LtMemory& memory) {
  return std::make_unique<Product>(impl_->handle, shape, memory);
}

std::optional<std::string> cublas_lt_missing() {
  if (library().missing.empty()) return std::nullopt;
  return library().missing;
}

}  // namespace ringfold
