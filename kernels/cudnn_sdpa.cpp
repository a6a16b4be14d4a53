#include "kernels/cudnn_sdpa.h"

#include "kernels/cudnn_graph.h"
#include "lib/error.h"

#include <dlfcn.h>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

namespace cudnn_frontend {
void* cudnn_dlhandle = nullptr;
}  // namespace cudnn_frontend

namespace ringfold {
namespace {

namespace fe = cudnn_frontend;

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

class Plan final : public SdpaPlan {
 public:
  Plan(cudnnHandle_t handle, const SdpaShape& shape) : handle_(handle), graph_(sdpa_graph(shape)) {
    check_cudnn(graph_->build(handle_, {fe::HeurMode_t::A}), "plan this attention");
    check_cudnn(graph_->get_workspace_size(workspace_bytes_), "tell a plan's workspace");
  }
  int64_t workspace_bytes() const override { return workspace_bytes_; }
  void run(const SdpaMemory& memory, std::byte* workspace, void* stream) override {
    check_cudnn(fe::detail::set_stream(handle_, static_cast<cudaStream_t>(stream)), "use a stream");
    std::unordered_map<int64_t, void*> pointers{{kQ, const_cast<std::byte*>(memory.q)},
                                                {kK, const_cast<std::byte*>(memory.k)},
                                                {kV, const_cast<std::byte*>(memory.v)},
                                                {kO, memory.o},
                                                {kLse, memory.lse}};
    check_cudnn(graph_->execute(handle_, pointers, workspace), "attend");
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
  check_cudnn(fe::detail::create_handle(&impl_->handle), "start");
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
