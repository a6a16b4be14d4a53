// Ranks that are processes die, stop and come back: what the others report. Deadlines are short; times are only checked
// against generous limits.
#include "lib/error.h"
#include "tests/catch.h"
#include "tests/transports/worlds.h"

#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <signal.h>
#include <thread>
#include <unistd.h>

namespace ringfold {
namespace {

using Catch::Matchers::ContainsSubstring;
using std::chrono::milliseconds;

enum class Way { kill, segv, exit, stop };

void go(Way way) {
  switch (way) {
    case Way::kill: raise(SIGKILL); return;
    case Way::segv:
      signal(SIGSEGV, SIG_DFL);
      raise(SIGSEGV);
      return;
    case Way::exit: _exit(0);
    case Way::stop: raise(SIGSTOP); return;
  }
}

/// Kills a stopped process once the others have ended.
void kill_last(const std::vector<int>& pids, int victim) {
  const int pid = pids[static_cast<size_t>(victim)];
  for (const int other : pids) {
    siginfo_t info;
    if (other != pid) waitid(P_PID, static_cast<id_t>(other), &info, WEXITED | WNOWAIT);
  }
  kill(pid, SIGKILL);
}

/// Rank `victim` goes in operation 4; the others are in a barrier, but for the last one that computes.
std::vector<Ended> lose(int ranks, int victim, Way way, const Deadlines& deadlines) {
  const auto body = [&](World& world, std::string&) {
    const auto control = world.open(deadlines);
    control->barrier();
    const int busy = victim == ranks - 1 ? ranks - 2 : ranks - 1;
    if (world.rank() == victim) {
      control->enter(4, "merge");
      std::this_thread::sleep_for(milliseconds(150));  // so that beats say so
      go(way);
    }
    // A stopped hub is noticed by those that wait.
    const int operations = way == Way::stop ? 2500 : 60000;
    for (int i = 0; world.rank() == busy && ranks > 2 && i < operations; ++i) {
      std::this_thread::sleep_for(milliseconds(1));
      control->enter(i, "attend");
    }
    control->barrier();
    return 0;
  };
  return in_forked_worlds(ranks, body, [&](const std::vector<int>& pids) {
    if (way != Way::stop) return;
    kill_last(pids, victim);
  });
}

TEST_CASE("a rank that dies is named by all survivors, with what each was doing") {
  for (const int ranks : {2, 4, 8}) {
    for (const Way way : {Way::kill, Way::segv, Way::exit}) {
      for (const int victim : {0, ranks - 1}) {
        const auto start = std::chrono::steady_clock::now();
        const auto ended = lose(ranks, victim, way, milliseconds(60000));
        CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));  // far below the deadline
        for (int rank = 0; rank < ranks; ++rank) {
          if (rank == victim) continue;
          const Ended& survivor = ended[static_cast<size_t>(rank)];
          INFO("rank " << rank << " of " << ranks << ", victim " << victim << ": " << survivor.text);
          CHECK((survivor.code == 7 && !survivor.by_signal));
          CHECK_THAT(survivor.text,
                     ContainsSubstring(fmt::format("rank {} (host here, pid {}) has died", victim, 1000 + victim)));
          const bool is_busy = ranks > 2 && rank == (victim == ranks - 1 ? ranks - 2 : ranks - 1);
          CHECK_THAT(survivor.text,
                     ContainsSubstring(is_busy ? fmt::format("rank {} is in operation ", rank)
                                               : fmt::format("rank {} waits for rank {} in barrier", rank, victim)));
          if (victim != 0) CHECK_THAT(survivor.text, ContainsSubstring("in operation 4 (merge)"));
        }
      }
    }
  }
}

TEST_CASE("survivors have a moment to say what they wait for before a death is told") {
  const auto ended = in_forked_worlds(3, [](World& world, std::string&) {
    const auto control = world.open(milliseconds(60000));
    control->barrier();
    if (world.rank() == 1) raise(SIGKILL);
    std::this_thread::sleep_for(milliseconds(60));  // longer than it takes to notice
    control->broadcast("");
    return 0;
  });
  for (const size_t rank : {0, 2}) {
    CHECK_THAT(ended[rank].text, ContainsSubstring("rank 0 waits for rank 1 in broadcast") &&
                                     ContainsSubstring("rank 2 waits for rank 1 in broadcast"));
  }
}

TEST_CASE("a rank whose process is stopped is named by its own deadline, however long the one for progress") {
  for (const int victim : {0, 2}) {
    const auto ended = lose(4, victim, Way::stop, {milliseconds(600000), milliseconds(1500)});
    for (int rank = 0; rank < 4; ++rank) {
      if (rank == victim) continue;
      const Ended& survivor = ended[static_cast<size_t>(rank)];
      INFO("rank " << rank << ", victim " << victim << ": " << survivor.text);
      CHECK(survivor.code == 6);
      CHECK_THAT(survivor.text, ContainsSubstring(fmt::format("rank {} (host here, pid {}) gives no sign of life",
                                                              victim, 1000 + victim)));
      if (rank == 3 && victim != 0) CHECK_THAT(survivor.text, ContainsSubstring("rank 3 is in operation "));
      if (rank == 3 && victim != 0) continue;
      CHECK_THAT(survivor.text, ContainsSubstring(fmt::format("rank {} waits for rank {} in barrier", rank, victim)));
    }
  }
}

TEST_CASE("a rank that lives and shows no progress has the deadline for progress") {
  const auto body = [](World& world, std::string&) {
    const auto control = world.open({milliseconds(2500), milliseconds(1000)});
    control->barrier();
    for (const int seconds : {2, 60}) {
      if (world.rank() == 1) std::this_thread::sleep_for(std::chrono::seconds(seconds));
      control->barrier();
      control->enter(0, seconds == 2 ? "merge" : "attend");
    }
    return 0;
  };
  const auto ended = in_forked_worlds(2, body, [](const std::vector<int>& pids) { kill_last(pids, 1); });
  CHECK(ended[0].code == 6);
  CHECK_THAT(ended[0].text,
             ContainsSubstring("rank 1 (host here, pid 1001) shows no progress in operation 0 (merge)") &&
                 ContainsSubstring("(deadline 2500 ms)"));
}

TEST_CASE("a rank that was stopped while it waited is not excused by what it waited for") {
  const auto ended = in_forked_worlds(
      3,
      [](World& world, std::string&) {
        const auto control = world.open(milliseconds(1500));
        if (world.rank() == 2) {  // works, and then waits for rank 1
          for (int i = 0; i < 600; ++i) {
            std::this_thread::sleep_for(milliseconds(1));
            control->tick();
          }
        }
        control->barrier();
        control->barrier();
        return 0;
      },
      [](const std::vector<int>& pids) {
        std::this_thread::sleep_for(milliseconds(300));
        kill(pids[1], SIGSTOP);
        kill_last(pids, 1);
      });
  CHECK(ended[0].code == 6);
  CHECK_THAT(ended[0].text, ContainsSubstring("rank 1 (host here, pid 1001) gives no sign of life"));
  CHECK(ended[0].text == ended[2].text);
}

TEST_CASE("a process that was stopped, and all of them, go on as if nothing had been") {
  for (const int stopped : {0, 1, -1}) {
    const auto ended = in_forked_worlds(
        3,
        [](World& world, std::string&) {
          const auto control = world.open(milliseconds(2500));
          for (int round = 0; round < 60; ++round) {
            std::this_thread::sleep_for(milliseconds(10));
            control->barrier();
          }
          return 0;
        },
        [&](const std::vector<int>& pids) {
          std::this_thread::sleep_for(milliseconds(200));
          for (size_t rank = 0; rank < pids.size(); ++rank) {
            if (stopped < 0 || static_cast<int>(rank) == stopped) kill(pids[rank], SIGSTOP);
          }
          std::this_thread::sleep_for(milliseconds(stopped < 0 ? 4000 : 700));
          for (const int pid : pids) kill(pid, SIGCONT);
        });
    for (const Ended& each : ended) {
      INFO("stopped " << stopped << ": " << each.text);
      CHECK((each.code == 0 && each.text.empty()));
    }
  }
}

TEST_CASE("a loss is reported once, before leave() returns, and not afterwards") {
  for (const int victim : {0, 1}) {
    const auto ended = in_forked_worlds(2, [victim](World& world, std::string& text) {
      int reports = 0;
      world.on_lost([&](const Error&) { ++reports; });
      const auto control = world.open(milliseconds(60000));
      try {
        // The victim may die before the other has been let out of the first barrier.
        control->barrier();
        if (world.rank() == victim) raise(SIGKILL);
        control->barrier();
      } catch (const Error&) {
        world.leave(7);
      }
      text = fmt::format("{} reports", reports);
      return 7;
    });
    CHECK(ended[static_cast<size_t>(1 - victim)].text == "1 reports");
  }
}

TEST_CASE("a survivor that computes reports the loss at once, and lost_within() waits for it") {
  const auto ended = in_forked_worlds(3, [](World& world, std::string& text) {
    static std::atomic<bool> told{false};
    static std::string report;
    world.on_lost([](const Error& error) {
      report = error.what();
      told = true;
    });
    const auto control = world.open(milliseconds(60000));
    control->barrier();
    if (world.rank() == 1) raise(SIGKILL);
    if (world.rank() == 2) {
      const auto lost = world.lost_within(milliseconds(30000));
      text = lost ? lost->what() : "no loss";
      return 3;
    }
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!told && std::chrono::steady_clock::now() < patience) control->tick();
    text = told ? report : "not told";
    return 3;
  });
  for (const size_t rank : {0, 2}) {
    CHECK(ended[rank].code == 3);
    CHECK_THAT(ended[rank].text, ContainsSubstring("rank 1 (host here, pid 1001) has died"));
  }
}

}  // namespace
}  // namespace ringfold
