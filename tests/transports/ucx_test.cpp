// What is UCX's own: see exchanges_test.cpp and failures_test.cpp for what it shares with other transports.
#include "lib/ranks.h"
#include "tests/catch.h"
#include "tests/ring_fixture.h"

namespace ringfold {
namespace {

TEST_CASE("ucx is described") {
  const TransportInfo* info = find_transport("ucx");
  REQUIRE(info != nullptr);
  if (!info->unavailable()) WARN(info->describe());
}

}  // namespace
}  // namespace ringfold
