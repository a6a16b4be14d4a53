// The rendezvous of processes, among threads, with a launcher that the test plays.
#include "transports/join.h"

#include "lib/error.h"
#include "lib/stop.h"
#include "tests/catch.h"
#include "transports/rendezvous.h"
#include "transports/search.h"
#include "transports/tcp.h"

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <unistd.h>

namespace ringfold {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using std::chrono::milliseconds;

/// What the ranks of one test have published.
struct Board {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::pair<int, std::string>, std::string> texts;
  std::optional<std::string> wait_for(int rank, const std::string& key, milliseconds within) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, within, [&] { return texts.contains({rank, key}); });
    return texts.contains({rank, key}) ? std::optional(texts[{rank, key}]) : std::nullopt;
  }
};

class FakeLaunch final : public Launch {
 public:
  FakeLaunch(Board& board, int rank, int size) : board_(board), rank_(rank), size_(size) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string host_of(int rank) override { return fmt::format("node{}", rank); }
  void publish(const std::string& key, const std::string& text) override {
    const std::lock_guard lock(board_.mutex);
    board_.texts[{rank_, key}] = text;
    board_.changed.notify_all();
  }
  std::optional<std::string> published_by(int rank, const std::string& key, milliseconds within) override {
    const auto text = board_.wait_for(rank, key, within);
    return text ? std::optional(heard_.emplace(std::pair(rank, key), *text).first->second) : std::nullopt;
  }
  void forget_others() override { heard_.clear(); }

 private:
  Board& board_;
  int rank_;
  int size_;
  std::map<std::pair<int, std::string>, std::string> heard_;  // as PMIx does, it gives the same again
};

/// Each of `ranks` joins a world of `size`; what each threw, as "CODE: text".
std::map<int, std::string> join(Board& board, const std::vector<int>& ranks, int size, milliseconds deadline,
                                const std::function<void(World&)>& body = {}) {
  std::map<int, std::string> thrown;
  for (const int rank : ranks) thrown[rank] = "";
  {
    std::vector<std::jthread> threads;
    for (const int rank : ranks) {
      threads.emplace_back([&, rank, text = &thrown[rank]] {
        try {
          const auto world = join_world(std::make_unique<FakeLaunch>(board, rank, size), {deadline});
          if (body) body(*world);
          world->leave(0);
        } catch (const Error& error) {
          const bool is_shared = dynamic_cast<const SharedError*>(&error) != nullptr;
          *text = fmt::format("{}: {}{}", static_cast<int>(error.code()), error.what(), is_shared ? " (shared)" : "");
        }
      });
    }
  }
  return thrown;
}

TEST_CASE("ranks find each other, know each other's names and can talk, on 1 to 5 ranks") {
  for (int size = 1; size <= 5; ++size) {
    Board board;
    std::vector<int> ranks;
    for (int rank = 0; rank < size; ++rank) ranks.push_back(rank);
    const auto thrown = join(board, ranks, size, milliseconds(30000), [&](World& world) {
      const auto control = world.open(milliseconds(30000));
      const auto all = control->gather(fmt::format("{}", world.rank()));
      const std::string name = fmt::format("rank {} (host {}, pid {})", size - 1, host_name(), getpid());
      RINGFOLD_INVARIANT(world.name_of(size - 1) == name, "{}", world.name_of(size - 1));
      RINGFOLD_INVARIANT(world.rank() > 0 || all.size() == static_cast<size_t>(size), "{}", all.size());
      control->barrier();
    });
    for (const auto& [rank, text] : thrown) CHECK(text == "");
  }
}

TEST_CASE("a rank that never comes is named by all that have come") {
  Board board;
  const auto thrown = join(board, {0, 1, 3}, 4, milliseconds(600));
  for (const auto& [rank, text] : thrown) {
    CHECK(text == "6: rank 2 (host node2) has not come to the rendezvous (deadline 600 ms)");
  }
}

TEST_CASE("rank 0 that never comes is named") {
  Board board;
  const auto thrown = join(board, {1, 2}, 3, milliseconds(300));
  for (const auto& [rank, text] : thrown) {
    CHECK(text == "6: rank 0 (host node0) has not come to the rendezvous (deadline 300 ms)");
  }
}

TEST_CASE(
    "a rank that does something else is named with its reason, on others than rank 0 only if rank 0 says nothing") {
  const std::string own = fmt::format("(host {}, pid {})", host_name(), getpid());
  Board board;
  FakeLaunch launch(board, 1, 2);
  hand_in_card(launch, "no such option", ExitCode::usage);
  CHECK(join(board, {0}, 2, milliseconds(30000)).at(0) == fmt::format("2: rank 1 {}: no such option", own));
  for (const ExitCode code : {ExitCode::usage, ExitCode::ok}) {
    Board other;
    FakeLaunch first(other, 0, 2);
    hand_in_card(first, "it only lists", code);
    CHECK(join(other, {1}, 2, milliseconds(30000)).at(1) ==
          fmt::format("2: rank 0 {}: it only lists{}", own, code == ExitCode::ok ? "" : " (shared)"));
  }
}

TEST_CASE("stopped at the rendezvous, ranks tell one that lives from one that may have died") {
  request_stop();
  Board board;
  CHECK_THAT(join(board, {0}, 3, milliseconds(30000)).at(0),
             StartsWith("7: rank 1 (host node1, pid unknown: it has not told), rank 2 (host node2, pid unknown"));
  FakeLaunch launch(board, 1, 2);
  hand_in_card(launch);
  CHECK(join(board, {0}, 2, milliseconds(30000)).at(0) ==
        fmt::format("130: interrupted at the rendezvous: {} has not come", name_of_process(1)));
  clear_stop();
}

TEST_CASE("where an earlier rank 0 of a script listened misleads nobody") {
  Board board;
  CHECK(join(board, {0, 1}, 2, milliseconds(30000)) == std::map<int, std::string>{{0, ""}, {1, ""}});
  std::map<int, std::string> rank_0;
  {
    const std::jthread late([&] {
      std::this_thread::sleep_for(milliseconds(500));
      rank_0 = join(board, {0}, 2, milliseconds(30000));
    });
    CHECK(join(board, {1}, 2, milliseconds(30000)).at(1) == "");
  }
  CHECK(rank_0.at(0) == "");
}

TEST_CASE("a host that cannot be reached is an error that says what was tried") {
  Board board;
  Meetpoint point{"secret", listen_tcp().port, "elsewhere", "rank 0 (host elsewhere, pid 7)", {"127.0.0.1"}};
  board.texts[{0, kMeetpointKey}] = as_text(point);  // nobody listens there any more
  const auto thrown = join(board, {1}, 2, milliseconds(5000));
  CHECK_THAT(thrown.at(1), ContainsSubstring("4: rank 1 (host ") &&
                               ContainsSubstring(fmt::format(
                                   "cannot reach rank 0 (host elsewhere, pid 7) at port {} of 127.0.0.1", point.port)));
}

/// Knocks at rank 0 and says something; then the rest comes.
std::map<int, std::string> with_stranger(const std::function<void(FrameSocket&, const Meetpoint&)>& say,
                                         bool let_rank_1_come) {
  Board board;
  std::map<int, std::string> rank_1;
  const std::jthread stranger([&] {
    const auto text = board.wait_for(0, kMeetpointKey, milliseconds(30000));
    const Meetpoint point = as_meetpoint(*text);
    Socket socket = start_connecting("127.0.0.1", point.port);
    std::this_thread::sleep_for(milliseconds(100));
    RINGFOLD_INVARIANT(connect_error(socket.fd()) == 0, "{}", connect_error(socket.fd()));
    FrameSocket frames(std::move(socket));
    say(frames, point);
    if (let_rank_1_come) rank_1 = join(board, {1}, 2, milliseconds(30000));
  });
  return join(board, {0}, let_rank_1_come ? 2 : 3, milliseconds(10000));
}

TEST_CASE("strangers at rank 0's door are not let in and disturb nobody") {
  CHECK(
      with_stranger([](FrameSocket& socket, const Meetpoint&) { socket.send({Says::bye, {}, 1, 0, 0, 0, "x"}); }, true)
          .at(0) == "");
  CHECK(with_stranger(
            [](FrameSocket& socket, const Meetpoint&) {
              Frame hello{Says::hello, {}, 1, 0, 0, 0, {}};
              TextWriter writer(hello.text);
              writer.put("not the secret");
              socket.send(hello);
            },
            true)
            .at(0) == "");
  CHECK(with_stranger(
            [](FrameSocket& socket, const Meetpoint&) {
              const std::string noise(100000, '\xee');
              [[maybe_unused]] const ssize_t written = write(socket.fd(), noise.data(), noise.size());
            },
            true)
            .at(0) == "");
}

TEST_CASE("a rank that dies at the rendezvous is named") {
  const auto thrown = with_stranger(
      [](FrameSocket& socket, const Meetpoint& point) {
        Frame hello{Says::hello, {}, 1, 0, 0, 0, {}};
        TextWriter writer(hello.text);
        writer.put(point.secret);
        writer.put("rank 1 (host node1, pid 99)");
        socket.send(hello);
        std::this_thread::sleep_for(milliseconds(100));
      },
      false);
  CHECK_THAT(thrown.at(0), ContainsSubstring("7: rank 1 (host node1, pid 99) has died"));
}

}  // namespace
}  // namespace ringfold
