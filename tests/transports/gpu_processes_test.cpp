// Ranks that are processes with a GPU each. This process must not wake the driver: a forked one could not use it then.
#include "lib/error.h"
#include "tests/catch.h"
#include "tests/skip.h"
#include "tests/transports/gpu_program.h"
#include "tests/transports/worlds.h"
#include "transports/gpus.h"

#include <algorithm>
#include <chrono>
#include <signal.h>
#include <thread>

namespace ringfold {
namespace {

using Catch::Matchers::ContainsSubstring;
using std::chrono::milliseconds;

/// As if each were on the only host there is: forked worlds say "host here".
std::vector<GpuMessage> both_ways() {
  return {{0, 1, 4, (3 << 20) + 5, 0, 0}, {0, 1, 2, 100, 0, 0}, {1, 0, 4, (2 << 20) + 1, 0, 0}, {1, 0, 9, 0, 1, 1}};
}

bool were_skipped(const std::string& transport, const std::vector<Ended>& ended) {
  if (!std::all_of(ended.begin(), ended.end(), [](const Ended& each) { return each.code == kSkipped; })) return false;
  WARN(transport << " between processes is skipped: " << ended.front().text);
  if (transport != "ucx") skip_test(ended.front().text);  // which needs more than GPUs: a UCX that knows CUDA
  return true;
}

TEST_CASE("GPU memory moves between processes") {
  for (const std::string transport : {"nccl", "peer_copy", "ucx"}) {
    const auto ended = in_forked_worlds(2, [&](World& world, std::string& text) {
      const TransportInfo* info = find_transport(transport);
      text = missing_for_gpus(*info, 2);
      if (!text.empty()) return kSkipped;
      const auto fabric = info->make(2, {milliseconds(20000), &world});
      run_ranks(*fabric, [&](RankContext& context) {
        if (context.local_rank != context.rank) text += "[another local rank]";
        GpuProgram program(context, both_ways(), 2);
        for (int run = 0; run < 3; ++run) {
          program.fill(run);
          program.run();
          text += program.wrong(run);
        }
        if (context.transport.is_stream_ordered()) program.record();
        for (int run = 3; run < 23; ++run) {
          program.fill(run);
          if (context.transport.is_stream_ordered()) {
            program.start_recorded();
            program.watch();
          } else {
            program.run();
          }
          text += program.wrong(run);
        }
        context.control.barrier();
      });
      return text.empty() ? 0 : 5;
    });
    if (were_skipped(transport, ended)) continue;
    for (const Ended& each : ended) {
      INFO(transport << ": " << each.text);
      CHECK((each.code == 0 && !each.by_signal));
    }
  }
}

TEST_CASE("a process that is killed while another one's GPU waits for it is named") {
  for (const std::string transport : {"nccl", "peer_copy", "ucx"}) {
    const auto body = [&](World& world, std::string& text) {
      const TransportInfo* info = find_transport(transport);
      text = missing_for_gpus(*info, 2);
      if (!text.empty()) return kSkipped;
      const auto fabric = info->make(2, {milliseconds(20000), &world});
      run_ranks(*fabric, [&](RankContext& context) {
        GpuProgram program(context, both_ways(), 2);
        program.fill(0);
        program.run();
        context.control.barrier();
        if (context.rank == 1) raise(SIGKILL);
        program.run();
      });
      return 0;
    };
    const auto ended = in_forked_worlds(2, body);
    if (were_skipped(transport, ended)) continue;
    INFO(transport << ": " << ended[0].text);
    CHECK((ended[0].code == 7 && !ended[0].by_signal));
    CHECK_THAT(ended[0].text, ContainsSubstring("rank 1 (host here, pid 1001) has died"));
  }
}

}  // namespace
}  // namespace ringfold
