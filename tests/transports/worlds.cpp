#include "tests/transports/worlds.h"

#include "lib/error.h"
#include "transports/hub_client.h"
#include "transports/local_worlds.h"

#include <sys/wait.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <poll.h>
#include <signal.h>
#include <thread>
#include <unistd.h>

namespace ringfold {

namespace {

std::string name_of_process(int rank) { return fmt::format("rank {} (host here, pid {})", rank, 1000 + rank); }

/// What a rank's process does; never returns.
[[noreturn]] void be_rank(int rank, std::vector<FrameSocket> at_hub, FrameSocket to_hub, int output,
                          const std::function<int(World&, std::string&)>& body) {
  std::vector<std::string> names;
  for (int each = 0; each < static_cast<int>(at_hub.size()); ++each) names.push_back(name_of_process(each));
  int code = 0;
  std::string text;
  try {
    std::shared_ptr<Hub> hub;
    if (rank == 0) hub = std::make_shared<Hub>(std::move(at_hub), names);
    at_hub.clear();
    const auto world = make_hub_client(rank, names, std::move(to_hub), std::move(hub));
    try {
      code = body(*world, text);
    } catch (const Error& error) {
      code = static_cast<int>(error.code());
      text += error.what();
    }
    code = world->leave(code);
  } catch (const Error& error) {
    text += fmt::format("[outside: {}]", error.what());
  }
  [[maybe_unused]] const ssize_t written = write(output, text.data(), text.size());
  _exit(code);
}

/// Reads until its end, kills the process after a minute.
Ended wait_for(int pid, int output) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  Ended ended;
  std::array<char, 4096> chunk;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd ready{output, POLLIN, 0};
    if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) == 0) {
      kill(pid, SIGKILL);
      ended.text += "[killed by the test: hangs]";
      break;
    }
    const ssize_t got = read(output, chunk.data(), chunk.size());
    if (got <= 0) break;
    ended.text.append(chunk.data(), static_cast<size_t>(got));
  }
  close(output);
  int status = 0;
  waitpid(pid, &status, 0);
  ended.by_signal = WIFSIGNALED(status);
  ended.code = ended.by_signal ? WTERMSIG(status) : WEXITSTATUS(status);
  return ended;
}

}  // namespace

std::vector<std::string> in_local_worlds(int ranks, const std::function<void(World&)>& body) {
  auto worlds = make_local_worlds(ranks);
  std::vector<std::string> thrown(static_cast<size_t>(ranks));
  {
    std::vector<std::jthread> threads;
    for (size_t rank = 0; rank < worlds.size(); ++rank) {
      threads.emplace_back([&, rank] {
        try {
          body(*worlds[rank]);
        } catch (const Error& error) {
          thrown[rank] = fmt::format("{}: {}", static_cast<int>(error.code()), error.what());
        }
      });
    }
  }
  return thrown;
}

std::vector<Ended> in_forked_worlds(int ranks, const std::function<int(World&, std::string& text)>& body,
                                    const std::function<void(const std::vector<int>& pids)>& meanwhile) {
  std::vector<FrameSocket> at_hub;
  std::vector<FrameSocket> at_ranks;
  for (int rank = 0; rank < ranks; ++rank) {
    auto [hub_end, rank_end] = socket_pair();
    at_hub.push_back(std::move(hub_end));
    at_ranks.push_back(std::move(rank_end));
  }
  std::vector<int> pids;
  std::vector<int> outputs;
  for (int rank = 0; rank < ranks; ++rank) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    const int pid = fork();
    if (pid == 0) {
      alarm(60);
      FrameSocket mine = std::move(at_ranks[static_cast<size_t>(rank)]);
      at_ranks.clear();  // so that a death is seen
      be_rank(rank, std::move(at_hub), std::move(mine), ends[1], body);
    }
    close(ends[1]);
    pids.push_back(pid);
    outputs.push_back(ends[0]);
  }
  at_hub.clear();
  at_ranks.clear();
  if (meanwhile) meanwhile(pids);
  std::vector<Ended> ended;
  for (size_t rank = 0; rank < pids.size(); ++rank) ended.push_back(wait_for(pids[rank], outputs[rank]));
  return ended;
}

}  // namespace ringfold
