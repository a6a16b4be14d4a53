#include "lib/switched_transport.h"

#include "lib/checksummed_transport.h"
#include "lib/recording_transport.h"
#include "tests/catch.h"
#include "tests/ring_fixture.h"
#include "tests/toy_kernel.h"

#include <atomic>
#include <cstring>

namespace ringfold {
namespace {

TEST_CASE("a program runs with and without a wrapper, in turns, in the same memory") {
  const Schedule ring = hand_written_ring(3, 9, {2, 1, 4});
  const auto fabric = threads_fabric(3);
  std::atomic<int> wrong{0};
  run_ranks(*fabric, [&](RankContext& context) {
    RecordingTransport below(context.transport);
    ChecksummedTransport sealed(below, context.rank);
    SwitchedTransport switched(below, sealed);
    const auto kernel = make_toy_kernel();
    Executor executor(ring, context.rank, *kernel, switched, context.control);
    const Program& program = ring.ranks[static_cast<size_t>(context.rank)];
    for (const BlockId input : program.inputs) {
      const BoundBlock bound = executor.bound(input);
      std::memset(bound.data, 0, static_cast<size_t>(bytes_of(*bound.block, 4)));
    }
    int64_t plain_bytes = 0;
    for (const bool with_seals : {false, true, true, false}) {
      switched.use_second(with_seals);
      below.reset();
      executor.run();
      if (!with_seals) plain_bytes = below.sent_bytes();
      wrong += (below.sent_bytes() > plain_bytes) != with_seals;
      wrong += plain_bytes == 0;
    }
  });
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace ringfold
