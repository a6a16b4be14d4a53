#include "kernels/cudnn_sdpa.h"

#include "lib/error.h"

// The library is opened when it is first needed: programs start without it, and fast where it is there.
#define NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING
#define CUDNN_FRONTEND_SKIP_JSON_LIB
#include <cudnn_frontend.h>

#include <dlfcn.h>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace cudnn_frontend {
void* cudnn_dlhandle = nullptr;
}  // namespace cudnn_frontend

namespace ringfold {
namespace {

namespace fe = cudnn_frontend;

enum Tensor : int64_t { kQ = 1, kK, kV, kO, kLse };

void check(fe::error_t error, const char* doing) {
  RINGFOLD_CHECK(error.is_good(), ExitCode::unavailable, "cuDNN cannot {}: {}", doing, error.get_message());
}

void check(cudnnStatus_t status, const char* doing) {
  RINGFOLD_CHECK(status == CUDNN_STATUS_SUCCESS, ExitCode::unavailable, "cuDNN cannot {}: {}", doing,
                 fe::detail::get_error_string(status));
}

/// Why cuDNN cannot be used, if it cannot.
std::optional<std::string> open_library() {
  static const std::string reason = []() -> std::string {
    fe::cudnn_dlhandle = dlopen("libcudnn.so.9", RTLD_NOW | RTLD_GLOBAL);
    if (fe::cudnn_dlhandle != nullptr) return "";
    const char* error = dlerror();
    return fmt::format("cuDNN 9 cannot be opened: {}", error == nullptr ? "no reason given" : error);
  }();
  if (reason.empty()) return std::nullopt;
  return reason;
}

fe::DataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::fp32: return fe::DataType_t::FLOAT;
    case DType::bf16: return fe::DataType_t::BFLOAT16;
    case DType::fp16: return fe::DataType_t::HALF;
  }
  RINGFOLD_INVARIANT(false, "dtype {}", static_cast<int>(dtype));
}

/// {batch, head, row, channel}
std::vector<int64_t> strides_of(const SdpaStrides& strides, int64_t heads) {
  return {heads * strides.head, strides.head, strides.row, 1};
}

fe::graph::Tensor_attributes input(const char* name, Tensor uid, int64_t heads, int64_t rows, int64_t dim,
                                   const SdpaStrides& strides) {
  return fe::graph::Tensor_attributes()
      .set_name(name)
      .set_uid(uid)
      .set_dim({1, heads, rows, dim})
      .set_stride(strides_of(strides, heads));
}

/// The diagonal as cuDNN knows it: from the bottom right corner where that is the same, else from the top left one,
/// from which the window counts too.
void set_mask(const SdpaShape& shape, fe::graph::SDPA_attributes& options) {
  const bool ends_together = shape.kv_rows == shape.q_rows + shape.offset;
  options.set_diagonal_alignment(ends_together ? fe::DiagonalAlignment_t::BOTTOM_RIGHT
                                               : fe::DiagonalAlignment_t::TOP_LEFT);
  options.set_diagonal_band_right_bound(ends_together ? 0 : static_cast<int>(shape.offset));
  if (shape.window > 0) {
    options.set_diagonal_band_left_bound(static_cast<int>(ends_together ? shape.window : shape.window - shape.offset));
  }
}

std::shared_ptr<fe::graph::Graph> graph_of(const SdpaShape& shape) {
  auto graph = std::make_shared<fe::graph::Graph>();
  graph->set_io_data_type(type_of(shape.dtype))
      .set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT);
  auto q = graph->tensor(input("Q", kQ, shape.query_heads, shape.q_rows, shape.dim, shape.q));
  auto k = graph->tensor(input("K", kK, shape.kv_heads, shape.kv_rows, shape.dim, shape.k));
  auto v = graph->tensor(input("V", kV, shape.kv_heads, shape.kv_rows, shape.dim, shape.v));
  auto options = fe::graph::SDPA_attributes().set_name("attend").set_generate_stats(true);
  options.set_attn_scale(static_cast<float>(shape.scale));
  // The unified operation of 9.19 knows neither a causal mask nor O in fp32.
  options.set_implementation(fe::AttentionImplementation_t::COMPOSITE);
  if (shape.is_masked) set_mask(shape, options);
  auto [o, lse] = graph->sdpa(q, k, v, options);
  o->set_output(true)
      .set_uid(kO)
      .set_data_type(type_of(shape.out))
      .set_dim({1, shape.query_heads, shape.q_rows, shape.dim})
      .set_stride(strides_of(shape.o, shape.query_heads));
  lse->set_output(true)
      .set_uid(kLse)
      .set_data_type(fe::DataType_t::FLOAT)
      .set_dim({1, shape.query_heads, shape.q_rows, 1})
      .set_stride(strides_of(shape.lse, shape.query_heads));
  return graph;
}

class Plan final : public SdpaPlan {
 public:
  Plan(cudnnHandle_t handle, const SdpaShape& shape) : handle_(handle), graph_(graph_of(shape)) {
    check(graph_->build(handle_, {fe::HeurMode_t::A}), "plan this attention");
    check(graph_->get_workspace_size(workspace_bytes_), "tell a plan's workspace");
  }
  int64_t workspace_bytes() const override { return workspace_bytes_; }
  void run(const SdpaMemory& memory, std::byte* workspace, void* stream) override {
    check(fe::detail::set_stream(handle_, static_cast<cudaStream_t>(stream)), "use a stream");
    std::unordered_map<int64_t, void*> pointers{{kQ, const_cast<std::byte*>(memory.q)},
                                                {kK, const_cast<std::byte*>(memory.k)},
                                                {kV, const_cast<std::byte*>(memory.v)},
                                                {kO, memory.o},
                                                {kLse, memory.lse}};
    check(graph_->execute(handle_, pointers, workspace), "attend");
  }

 private:
  cudnnHandle_t handle_;
  std::shared_ptr<fe::graph::Graph> graph_;
  int64_t workspace_bytes_ = 0;
};

}  // namespace

struct CudnnSdpa::Impl {
  cudnnHandle_t handle = nullptr;
  std::map<SdpaShape, std::unique_ptr<Plan>> plans;
};

std::optional<std::string> cudnn_missing() { return open_library(); }

CudnnSdpa::CudnnSdpa() : impl_(std::make_unique<Impl>()) {
  const auto reason = open_library();
  RINGFOLD_CHECK(!reason, ExitCode::unavailable, "{}", reason.value_or(""));
  check(fe::detail::create_handle(&impl_->handle), "start");
}

CudnnSdpa::~CudnnSdpa() {
  impl_->plans.clear();
  if (impl_->handle != nullptr) (void)fe::detail::destroy_handle(impl_->handle);
}

SdpaPlan& CudnnSdpa::plan(const SdpaShape& shape) {
  std::unique_ptr<Plan>& plan = impl_->plans[shape];
  if (plan == nullptr) {
    try {
      plan = std::make_unique<Plan>(impl_->handle, shape);
    } catch (...) {
      impl_->plans.erase(shape);
      throw;
    }
  }
  return *plan;
}

std::string cudnn_version_text() {
  if (open_library()) return "no cuDNN";
  const size_t version = fe::detail::get_backend_version();
  return fmt::format("cuDNN {}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

}  // namespace ringfold
