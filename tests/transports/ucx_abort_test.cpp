// A rank whose UCX finds itself broken: what it reports when nobody knows of a lost peer.
#include "lib/error.h"
#include "tests/catch.h"
#include "tests/ring_fixture.h"
#include "tests/transports/worlds.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <iterator>
#include <thread>

namespace {

std::atomic<bool> is_to_break{false};

template <typename Function>
Function function_of(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

}  // namespace

/// In the place of UCX's own, which it calls, unless UCX is to find that an assertion of its own does not hold.
extern "C" unsigned ucp_worker_progress(void* worker) {
  static const auto real = function_of<unsigned (*)(void*)>(RTLD_NEXT, "ucp_worker_progress");
  if (is_to_break) {
    using Fatal = void (*)(const char*, unsigned, const char*, char*);
    char message[] = "a test breaks this";
    function_of<Fatal>(RTLD_DEFAULT, "ucs_fatal_error_message")("test", 1, "ucp_worker_progress", message);
  }
  return real(worker);
}

namespace ringfold {
namespace {

using std::chrono::milliseconds;

TEST_CASE("a rank whose UCX breaks names the peers that it waits for") {
  const std::filesystem::directory_iterator threads("/proc/self/task");
  if (find_transport("ucx")->unavailable() || std::distance(begin(threads), end(threads)) > 1) return;
  const auto ended = in_forked_worlds(3, [](World& world, std::string&) {
    setenv("UCX_TLS", "tcp,self", 1);
    const auto fabric = find_transport("ucx")->make(3, {milliseconds(60000), &world});
    run_ranks(*fabric, [&](RankContext& context) {
      std::vector<std::byte> memory(64);
      const BoundExchange exchange{3, {}, {{1, 0, memory.data(), 32}, {2, 0, memory.data() + 32, 32}}};
      context.control.barrier();
      if (context.rank != 0) return context.control.barrier();
      const auto done = context.transport.make_fence();
      try {
        context.transport.enqueue(exchange, nullptr, *done);
        is_to_break = true;
        done->wait();
      } catch (const Error&) {
        context.transport.cancel();  // before the memory goes
        throw;
      }
    });
    return 0;
  });
  const std::string broken =
      "rank 0: UCX failed and gave up, as it may when a peer is lost; it waits for ranks 1, 2 in "
      "operation 3 (exchange)";
  for (const Ended& each : ended) {
    CHECK((each.code == 7 && !each.by_signal));
    CHECK(each.text == broken);
  }
}

}  // namespace
}  // namespace ringfold
