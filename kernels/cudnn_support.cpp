#include "kernels/cudnn_support.h"

#include "kernels/cuda_devices.h"
#include "kernels/cudnn_graph.h"
#include "lib/error.h"

#include <dlfcn.h>
#include <string_view>
#include <vector>

namespace ringfold {
namespace {

namespace fe = cudnn_frontend;

/// An H100 in the words of cuDNN's device properties: what CUDA tells of one.
constexpr std::string_view kH100 = R"({"deviceName": "NVIDIA H100 80GB HBM3", "cudaDeviceId": 0, "deviceVer": 900,
"driverVer": 13000, "multiProcessorCount": 132, "maxGridSize": [2147483647, 65535, 65535],
"maxBlockSize": [1024, 1024, 64], "regsPerBlock": 65536, "warpSize": 32, "maxSharedMemoryPerBlock": 49152,
"maxSharedMemoryPerBlockOptin": 232448, "reservedSharedMemoryPerBlock": 1024, "maxRegistersPerSM": 65536,
"maxCtasPerSM": 32, "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "pciDeviceId": 0, "isTccDriver": 0,
"supportCoopLaunch": 1, "totalGlobalMem": 85017493504, "smClockRateKHz": 1980000, "memClockRateKHz": 2619000,
"l2CacheSize": 52428800})";
constexpr const char* kH100Name = "NVIDIA H100 80GB HBM3 (described: no GPU is here)";
constexpr int kH100Version = 90;

constexpr int64_t kSquare = 128;

/// Even to answer questions cuDNN looks for the driver, and asks nothing of it then: the toolkit's stub will do.
bool open_some_driver() {
  // The runtime keeps what it finds first: a stub must not be that.
  (void)cuda_devices();
  if (dlopen("libcuda.so.1", RTLD_NOW) != nullptr) return true;
  return *driver_stub() != '\0' && dlopen(driver_stub(), RTLD_NOW) != nullptr;
}

SdpaShape shape_of(const Problem& problem, int64_t q_rows, int64_t kv_rows) {
  const Heads& heads = problem.heads;
  SdpaShape shape;
  shape.dtype = shape.out = problem.dtype;
  shape.query_heads = heads.group();
  shape.q_rows = q_rows;
  shape.kv_rows = kv_rows;
  shape.dim = heads.dim;
  shape.q = shape.o = {heads.dim, q_rows * heads.dim};
  shape.k = shape.v = {2 * heads.dim, 2 * heads.dim};
  shape.lse = {1, q_rows};
  shape.is_masked = problem.mask.kind != MaskKind::full;
  shape.offset = shape.is_masked ? kv_rows - q_rows : 0;
  shape.window = problem.mask.kind == MaskKind::window ? kSquare / 2 : 0;
  shape.scale = problem.softmax_scale();
  return shape;
}

Problem problem_of(DType dtype, int64_t dim) {
  Problem problem;
  problem.sequences = {{kSquare, 0}};
  problem.heads = {1, 1, dim};
  problem.dtype = dtype;
  return problem;
}

}  // namespace

struct SdpaSupport::Impl {
  std::shared_ptr<fe::DeviceProperties> properties = std::make_shared<fe::DeviceProperties>();
  std::string name = kH100Name;
  int version = kH100Version;
};

SdpaSupport::SdpaSupport(std::optional<int> ordinal) : impl_(std::make_unique<Impl>()) {
  const auto missing = cudnn_missing();
  RINGFOLD_CHECK(!missing, ExitCode::unavailable, "{}", missing.value_or(""));
  RINGFOLD_CHECK(open_some_driver(), ExitCode::unavailable,
                 "cuDNN answers no questions without a CUDA driver, or the toolkit's stub of one");
  if (!ordinal) {
    check_cudnn(impl_->properties->deserialize({kH100.begin(), kH100.end()}), "read the properties of an H100");
    return;
  }
  check_cudnn(impl_->properties->set_device_id(*ordinal).build(), "tell a device's properties");
  const CudaDeviceInfo info = cuda_device_info(*ordinal);
  impl_->name = info.name;
  impl_->version = info.major * 10 + info.minor;
}

SdpaSupport::~SdpaSupport() = default;

std::optional<std::string> SdpaSupport::refusal(const SdpaShape& shape) const {
  const auto graph = sdpa_graph(shape, impl_->version);
  graph->set_device_properties(impl_->properties);
  fe::error_t error = graph->validate();
  if (error.is_good()) error = graph->build_operation_graph();
  if (error.is_good()) error = graph->create_execution_plans({fe::HeurMode_t::A});
  if (error.is_good()) error = graph->check_support();
  if (error.is_good()) return std::nullopt;
  return words_of(error);
}

std::optional<std::string> SdpaSupport::refusal(const Problem& problem) const {
  if (problem.dtype == DType::fp32) return "problem.dtype: cudnn attends in bf16 and fp16, not in fp32";
  for (const SdpaShape& shape :
       {shape_of(problem, kSquare, kSquare), shape_of(problem, kSquare, 2 * kSquare), shape_of(problem, 1, kSquare)}) {
    if (const auto reason = refusal(shape)) {
      return fmt::format("problem.heads.dim: {} is not for {} on an {}: {}", problem.heads.dim, cudnn_version_text(),
                         impl_->name, *reason);
    }
  }
  return std::nullopt;
}

std::string SdpaSupport::summary() const {
  std::vector<int64_t> dims;
  for (const int64_t dim : {32, 64, 80, 96, 128, 192, 256, 512}) {
    if (!refusal(problem_of(DType::bf16, dim)) && !refusal(problem_of(DType::fp16, dim))) dims.push_back(dim);
  }
  return fmt::format("head dims {} on an {}", fmt::join(dims, ", "), impl_->name);
}

const SdpaSupport& sdpa_support() {
  static const SdpaSupport support(cuda_devices() > 0 ? std::optional<int>(0) : std::nullopt);
  return support;
}

}  // namespace ringfold
