// What is said of GPUs' clocks, of looks at GPUs that are not there.
#include "experiments/gpu_watch.h"

#include "tests/catch.h"

namespace ringfold::testing {
namespace {

GpuClocks gpu(int64_t mhz, double power_ms, double heat_ms, double time_ms) {
  return {mhz, 1980, 700, int64_t{50} << 20, power_ms, heat_ms, time_ms};
}

TEST_CASE("clocks are those of the slowest GPU") {
  CHECK(clocks_text({gpu(1980, 0, 0, 0), gpu(1755, 0, 0, 0)}) ==
        "SM clock 1755 of 1980 MHz, power limit 700 W, L2 50.0 MiB");
  CHECK(clocks_text({}).empty());
}

TEST_CASE("clocks that were held down are noted, if for over 5 % of the time between the looks") {
  const std::vector<GpuClocks> before{gpu(1980, 500, 10, 1000), gpu(1980, 0, 0, 1000)};
  CHECK(slowdown_notes(before, before).empty());
  CHECK(slowdown_notes(before, {gpu(1980, 549, 10, 2000), gpu(1980, 0, 49, 2000)}).empty());
  const auto power = slowdown_notes(before, {gpu(1980, 600, 10, 2000), gpu(1755, 400, 0, 2000)});
  REQUIRE(power.size() == 1);
  CHECK(power[0].starts_with("the power limit of 700 W held GPU 1's clocks down for 40 %"));
  const auto heat = slowdown_notes(before, {gpu(1500, 500, 260, 2000), gpu(1980, 0, 0, 2000)});
  REQUIRE(heat.size() == 1);
  CHECK(heat[0].starts_with("GPU 0 was too hot for its clocks for 25 %"));
  CHECK(slowdown_notes({}, before).empty());
}

TEST_CASE("where no GPU is used nothing is said") {
  GpuWatch watch(0);
  watch.end();
  CHECK(watch.text().empty());
  CHECK(watch.notes().empty());
}

}  // namespace
}  // namespace ringfold::testing
