// A machine without GPU or driver: asking does no harm. Where there is one, there is nothing to see.
#include "kernels/cuda_device.h"
#include "kernels/cuda_devices.h"
#include "lib/error.h"
#include "tests/catch.h"
#include "tests/skip.h"

using namespace ringfold;

TEST_CASE("a missing device is told and not an error") {
  if (cuda_devices() > 0) return skip_test("there is a CUDA device");
  const std::string reason = cuda_unavailable().value();
  CHECK(reason.starts_with("no CUDA device"));
  CHECK(describe_cuda_devices() == reason);
  try {
    CudaDevice device(0);
    FAIL("made a device");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::unavailable);
    CHECK(std::string(error.what()) == "CUDA device 0 of 0");
  }
}
