// The control plane of processes, among threads: what lib/control.h and lib/world.h promise.
#include "transports/local_worlds.h"

#include "lib/error.h"
#include "lib/stop.h"
#include "tests/catch.h"
#include "tests/transports/worlds.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

namespace ringfold {
namespace {

using Catch::Matchers::ContainsSubstring;
using std::chrono::milliseconds;
using Texts = std::vector<std::string>;

constexpr milliseconds kLong{60000};

Texts silence(int ranks) { return Texts(static_cast<size_t>(ranks)); }

TEST_CASE("collectives bring to each rank what they promise, on 1 to 9 ranks") {
  for (int ranks = 1; ranks <= 9; ++ranks) {
    std::atomic<int> wrong{0};
    std::atomic<int> arrived{0};
    const Texts thrown = in_local_worlds(ranks, [&](World& world) {
      const auto control = world.open(kLong);
      if (control->rank() != world.rank() || control->size() != ranks) ++wrong;
      for (int round = 0; round < 20; ++round) {
        ++arrived;
        control->barrier();
        if (arrived < (round + 1) * ranks) ++wrong;
        const Texts all = control->gather(fmt::format("{}.{}", round, world.rank()));
        Texts expected;
        for (int rank = 0; rank < ranks && world.rank() == 0; ++rank) {
          expected.push_back(fmt::format("{}.{}", round, rank));
        }
        if (all != expected) ++wrong;
        const std::string told = control->broadcast(world.rank() == 0 ? fmt::format("said {}", round) : "not me");
        if (told != fmt::format("said {}", round)) ++wrong;
      }
      control->barrier();
    });
    CHECK(wrong == 0);
    CHECK(thrown == silence(ranks));
  }
}

TEST_CASE("strings may be empty, hold any byte, and be larger than any socket's buffer") {
  std::string large(10 << 20, '\0');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 + i / 251);
  std::atomic<int> wrong{0};
  const Texts thrown = in_local_worlds(3, [&](World& world) {
    const auto control = world.open(kLong);
    const Texts all = control->gather(world.rank() == 1 ? "" : large);
    if (world.rank() == 0 && all != Texts{large, "", large}) ++wrong;
    if (control->broadcast(large) != large) ++wrong;
  });
  CHECK(wrong == 0);
  CHECK(thrown == silence(3));
}

TEST_CASE("a string that is too long is refused on the rank that has it, and frees the others") {
  const std::string huge((64 << 20) + 1, 'x');
  const Texts thrown = in_local_worlds(2, [&](World& world) {
    const auto control = world.open(kLong);
    try {
      control->gather(world.rank() == 1 ? huge : "");
    } catch (const Error& error) {
      control->abort(error);
      throw;
    }
  });
  CHECK_THAT(thrown[1], ContainsSubstring("67108865 bytes in one gather, which takes 67108864"));
  CHECK_THAT(thrown[0], ContainsSubstring("freed, since rank 1 failed"));
}

TEST_CASE("an abort frees the ranks of its session with code and text, and leaves the other session alone") {
  Texts first_errors = silence(4);
  const Texts thrown = in_local_worlds(4, [&](World& world) {
    const auto doomed = world.open(kLong);
    const auto other = world.open(kLong);
    try {
      if (world.rank() == 2) {
        const Error error(ExitCode::numerics, "rank 2, operation 8 (merge): no good");
        doomed->abort(error);
        throw error;
      }
      doomed->barrier();
    } catch (const Error&) {
      other->barrier();
      const auto told = doomed->first_error();
      first_errors[static_cast<size_t>(world.rank())] = told ? told->what() : "its own";
      throw;
    }
  });
  const std::string no_good = "rank 2, operation 8 (merge): no good";
  CHECK(first_errors == Texts{no_good, no_good, "its own", no_good});
  CHECK(thrown[2] == "5: rank 2, operation 8 (merge): no good");
  for (const size_t freed : {0, 1, 3}) {
    CHECK(thrown[freed] == "5: freed, since rank 2 failed: rank 2, operation 8 (merge): no good");
  }
}

TEST_CASE("a rank that computes hears of the abort at its next operation, and by check()") {
  for (const bool by_check : {false, true}) {
    const Texts thrown = in_local_worlds(2, [&](World& world) {
      const auto control = world.open(kLong);
      if (world.rank() == 1) {
        control->abort({ExitCode::numerics, "no good"});
        return;
      }
      const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
      while (std::chrono::steady_clock::now() < patience) {
        std::this_thread::sleep_for(milliseconds(1));
        control->tick();
        by_check ? control->check() : control->enter(3, "attend");
      }
    });
    CHECK(thrown[0] == "5: freed, since rank 1 failed: no good");
  }
}

TEST_CASE("of two aborts one is first, for everybody") {
  const Texts thrown = in_local_worlds(3, [](World& world) {
    const auto control = world.open(kLong);
    if (world.rank() > 0) control->abort({ExitCode::numerics, fmt::format("rank {} says no", world.rank())});
    if (world.rank() > 0) std::this_thread::sleep_for(milliseconds(200));
    control->barrier();
  });
  const auto first_of = [](const std::string& text) { return text.substr(text.find("says no") - 7, 7); };
  CHECK_THAT(thrown[0], ContainsSubstring("says no"));
  CHECK(first_of(thrown[0]) == first_of(thrown[1]));
  CHECK(first_of(thrown[0]) == first_of(thrown[2]));
}

TEST_CASE("ranks in different collectives are an internal error that names both") {
  const Texts thrown = in_local_worlds(2, [](World& world) {
    const auto control = world.open(kLong);
    world.rank() == 0 ? control->barrier() : (void)control->gather("x");
  });
  CHECK_THAT(thrown[0], ContainsSubstring("1: ") && ContainsSubstring("barrier") && ContainsSubstring("gather"));
  CHECK_THAT(thrown[1], ContainsSubstring("1: ") && ContainsSubstring("barrier") && ContainsSubstring("gather"));
}

TEST_CASE("a rank that leaves a session frees those that wait for it, there and only there") {
  std::array<std::string, 3> freed;
  const Texts thrown = in_local_worlds(3, [&](World& world) {
    const auto other = world.open(kLong);
    {
      const auto control = world.open(kLong);
      try {
        if (world.rank() != 1) control->barrier();
      } catch (const Error& error) {
        freed[static_cast<size_t>(world.rank())] = fmt::format("{}: {}", static_cast<int>(error.code()), error.what());
      }
    }
    other->barrier();
  });
  for (const size_t rank : {0, 2}) {
    CHECK_THAT(freed[rank], ContainsSubstring("7: freed, since rank 1 failed: rank 1 has left; ") &&
                                ContainsSubstring("rank 0 waits for rank 1 in barrier"));
  }
  CHECK(thrown == silence(3));
}

TEST_CASE("a rank that leaves the world frees those that wait for it, in sessions to come too") {
  const Texts thrown = in_local_worlds(2, [](World& world) {
    if (world.rank() == 1) return;
    for (int i = 0; i < 2; ++i) {
      const auto control = world.open(kLong);
      if (i == 0) control->enter(0, "attend");
    }
  });
  CHECK(thrown == silence(2));
  auto worlds = make_local_worlds(2);
  worlds[1].reset();
  const auto control = worlds[0]->open(kLong);
  CHECK_THROWS_WITH(control->barrier(), ContainsSubstring("rank 1 has left; rank 0 waits for rank 1 in barrier"));
}

TEST_CASE("a stop request interrupts a rank that waits for one that lives") {
  const Texts thrown = in_local_worlds(2, [](World& world) {
    const auto control = world.open(kLong);
    if (world.rank() == 0) {
      control->barrier();
    } else {
      std::this_thread::sleep_for(milliseconds(5));
      request_stop();
      std::this_thread::sleep_for(milliseconds(200));
    }
  });
  clear_stop();
  CHECK(thrown[0] == "130: interrupted");
}

TEST_CASE("sessions used in turns, by threads of their own, do not disturb each other") {
  std::atomic<int> wrong{0};
  const Texts thrown = in_local_worlds(3, [&](World& world) {
    const std::array<std::unique_ptr<Control>, 2> controls = {world.open(kLong), world.open(kLong)};
    const auto use = [&](size_t which) {
      for (int round = 0; round < 15; ++round) {
        const std::string said = fmt::format("{} {}", which, round);
        if (controls[which]->broadcast(world.rank() == 0 ? said : "") != said) ++wrong;
      }
    };
    const std::jthread second([&] { use(1); });
    use(0);
  });
  CHECK(wrong == 0);
  CHECK(thrown == silence(3));
}

TEST_CASE("a rank that is silent while others wait is named, with what it does and what they wait for") {
  std::atomic<bool> over{false};
  std::atomic<int> told{0};
  const Texts thrown = in_local_worlds(3, [&](World& world) {
    const auto control = world.open(milliseconds(300));
    world.on_lost([&](const Error&) { ++told; });
    if (world.rank() == 2) {
      control->enter(3, "attend");
      while (!over) std::this_thread::sleep_for(milliseconds(1));
      for (int i = 0; i < 30000; ++i) {
        control->enter(4, "merge");
        std::this_thread::sleep_for(milliseconds(1));
      }
    }
    try {
      if (world.rank() == 0) return control->barrier();
      const Wanted wanted{2, "to send", 5, 7, 64};
      for (;;) {
        control->waits_for(std::span(&wanted, 1));
        for (int i = 0; i < 1000; ++i) {
          std::this_thread::sleep_for(milliseconds(10));
          control->check();
        }
      }
    } catch (...) {
      over = true;
      throw;
    }
  });
  for (const std::string& text : thrown) {
    CHECK_THAT(text, ContainsSubstring("6: rank 2 shows no progress in operation 3 (attend) for ") &&
                         ContainsSubstring("(deadline 300 ms)") &&
                         ContainsSubstring("rank 0 waits for rank 2 in barrier") &&
                         ContainsSubstring("rank 1, operation 5 (exchange) waits for rank 2 to send 64 bytes, tag 7"));
  }
  CHECK(told == 3);
}

TEST_CASE("a rank that is many deadlines late but ticks is never accused, nor are those that wait for it") {
  const Texts thrown = in_local_worlds(4, [](World& world) {
    const auto control = world.open(milliseconds(300));
    if (world.rank() == 3) {
      for (int i = 0; i < 150; ++i) {
        std::this_thread::sleep_for(milliseconds(10));
        control->tick();
      }
    }
    if (world.rank() == 1) {
      const Wanted wanted{3, "to send", 5, 7, 64};
      control->waits_for(std::span(&wanted, 1));
      std::this_thread::sleep_for(milliseconds(1400));
      control->check();
      control->waits_for({});
    }
    control->barrier();
    control->barrier();
  });
  CHECK(thrown == silence(4));
}

TEST_CASE("ranks that wait for each other, even in two sessions, are a deadline that shows the circle") {
  const Texts thrown = in_local_worlds(3, [](World& world) {
    const auto first = world.open(milliseconds(300));
    const auto second = world.open(milliseconds(300));
    (world.rank() == 1 ? second : first)->barrier();
  });
  CHECK_THAT(thrown[0], ContainsSubstring("wait for each other"));
  CHECK_THAT(thrown[1], ContainsSubstring("wait for each other"));
}

TEST_CASE("leaving gives all ranks rank 0's exit code, once rank 0 is there") {
  std::atomic<bool> written{false};
  std::atomic<int> wrong{0};
  in_local_worlds(4, [&](World& world) {
    if (world.rank() == 0) {
      std::this_thread::sleep_for(milliseconds(100));
      written = true;
    }
    if (world.leave(world.rank() == 0 ? 5 : 0) != 5 || !written) ++wrong;
  });
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace ringfold
