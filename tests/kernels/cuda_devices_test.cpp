// What is known of a machine's GPUs; where there are none, or no driver, asking does no harm.
#include "kernels/cuda_devices.h"

#include "kernels/cuda_device.h"
#include "lib/error.h"
#include "tests/catch.h"

using namespace ringfold;

TEST_CASE("devices are told in a line") {
  if (cuda_devices() == 0) {
    CHECK(describe_cuda_devices() == cuda_unavailable());
    return;
  }
  const std::string text = describe_cuda_devices();
  INFO(text);
  CHECK(text.starts_with(fmt::format("{} x ", cuda_devices())));
  CHECK(text.find("sm_") != std::string::npos);
  CHECK(cuda_unavailable(99).value().find("99.0 is needed") != std::string::npos);
}

TEST_CASE("a missing device is unavailable, and no internal error") {
  const int devices = cuda_devices();
  if (devices == 0) CHECK(cuda_unavailable().value().starts_with("no CUDA device"));
  try {
    CudaDevice device(devices);
    FAIL("made a device");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::unavailable);
    CHECK(std::string(error.what()) == fmt::format("CUDA device {} of {}", devices, devices));
  }
}
