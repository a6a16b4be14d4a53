// A rank for tests/transports/launched_test.py: joins its world, meets the others, ends as the program does.
//   world_program ROUNDS [DEADLINE_MS]
#include "lib/error.h"
#include "lib/stop.h"
#include "transports/join.h"

#include <cstdio>
#include <cstdlib>
#include <signal.h>
#include <thread>
#include <unistd.h>

namespace ringfold {
namespace {

void say(const std::string& line) { std::fputs((line + "\n").c_str(), stderr); }

int work(World& world, int rounds, std::chrono::milliseconds deadline) {
  const auto control = world.open(deadline);
  for (int round = 0; round < rounds; ++round) {
    control->enter(round, "attend");
    const auto all = control->gather(fmt::format("{}", world.rank() * round));
    for (size_t rank = 0; rank < all.size(); ++rank) {
      RINGFOLD_INVARIANT(all[rank] == fmt::format("{}", static_cast<int>(rank) * round), "{}", all[rank]);
    }
    control->enter(round, "merge");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    control->barrier();
  }
  control->enter(-1, "");
  return 0;
}

int run(int rounds, std::chrono::milliseconds deadline) {
  const auto world = join_world({deadline});
  if (!world) {
    say("no launcher");
    return 0;
  }
  if (world->rank() == 0) say(fmt::format("world of {}", world->size()));
  world->on_lost([&](const Error& error) {
    say(fmt::format("{}: lost {}: {}", world->rank(), static_cast<int>(error.code()), error.what()));
  });
  int code = 0;
  try {
    code = work(*world, rounds, deadline);
  } catch (const Error& error) {
    const auto lost = world->lost_within(std::chrono::milliseconds(stop_requested() ? 500 : 0));
    code = static_cast<int>(lost ? lost->code() : error.code());
    say(fmt::format("{}: code {}: {}", world->rank(), code, lost ? lost->what() : error.what()));
  }
  if (world->rank() == 0) say("written");
  return world->leave(code);
}

}  // namespace
}  // namespace ringfold

int main(int argc, char** argv) {
  signal(SIGTERM, [](int) { ringfold::request_stop(); });
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 1;
  try {
    return ringfold::run(rounds, std::chrono::milliseconds(argc > 2 ? std::atoi(argv[2]) : 10000));
  } catch (const ringfold::Error& error) {
    ringfold::say(fmt::format("outside {}: {}", static_cast<int>(error.code()), error.what()));
    return static_cast<int>(error.code());
  }
}
