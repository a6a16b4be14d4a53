#include "transports/liveness.h"

#include "lib/error.h"

#include <algorithm>

namespace ringfold {

namespace {

int64_t milliseconds(Liveness::Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

std::string describe(int rank, const Wanted& wanted) {
  if (wanted.operation < 0) return fmt::format("rank {} waits for rank {} in {}", rank, wanted.peer, wanted.what);
  return fmt::format("rank {}, operation {} (exchange) waits for rank {} {} {} bytes, tag {}", rank, wanted.operation,
                     wanted.peer, wanted.what, wanted.bytes, wanted.tag);
}

}  // namespace

Liveness::Liveness(int ranks, std::chrono::milliseconds deadline)
    : ranks_(static_cast<size_t>(ranks)),
      deadline_(deadline),
      period_(std::clamp<Duration>(deadline / 10, std::chrono::milliseconds(1), std::chrono::milliseconds(50))),
      looked_(std::chrono::steady_clock::now()) {}

void Liveness::enter(int rank, int operation, const char* name) {
  at(rank).operation.store(operation, std::memory_order_relaxed);
  at(rank).name.store(name, std::memory_order_relaxed);
  tick(rank);
}

void Liveness::set_waits(int rank, Waits waits) {
  at(rank).waits = waits;
  tick(rank);
}

void Liveness::look() {
  const auto now = std::chrono::steady_clock::now();
  const Duration step = std::min<Duration>(now - looked_, 2 * period_);
  looked_ = now;
  for (Rank& rank : ranks_) {
    const uint64_t signs = rank.signs.load(std::memory_order_relaxed);
    rank.silent = signs == rank.seen ? rank.silent + step : Duration::zero();
    rank.seen = signs;
  }
}

void Liveness::survey(int rank, const WantedBy& wanted_by) {
  look();
  const bool suspicion =
      std::any_of(ranks_.begin(), ranks_.end(), [&](const Rank& each) { return each.left || each.silent > deadline_; });
  if (!suspicion) return;
  std::vector<int> path;
  std::vector<char> seen(ranks_.size(), 0);
  judge(rank, path, seen, wanted_by);
}

void Liveness::judge(int rank, std::vector<int>& path, std::vector<char>& seen, const WantedBy& wanted_by) {
  seen[static_cast<size_t>(rank)] = 1;
  path.push_back(rank);
  for (const Wanted& wanted : wanted_by(rank)) {
    const Rank& peer = at(wanted.peer);
    RINGFOLD_CHECK(!peer.left, ExitCode::peer_lost, "rank {} has left; {}", wanted.peer, waiting(wanted_by));
    if (peer.waits == Waits::no) {
      RINGFOLD_CHECK(peer.silent <= deadline_, ExitCode::deadline,
                     "rank {} shows no progress {} for {} ms (deadline {} ms); {}", wanted.peer, doing(wanted.peer),
                     milliseconds(peer.silent), milliseconds(deadline_), waiting(wanted_by));
    } else if (!seen[static_cast<size_t>(wanted.peer)]) {
      judge(wanted.peer, path, seen, wanted_by);
    } else {
      judge_circle(path, wanted.peer, wanted_by);
    }
  }
  path.pop_back();
}

void Liveness::judge_circle(const std::vector<int>& path, int first, const WantedBy& wanted_by) {
  const auto begin = std::find(path.begin(), path.end(), first);
  if (begin == path.end()) return;  // seen before, by another way: no circle
  std::string circle;
  for (auto rank = begin; rank != path.end(); ++rank) {
    if (at(*rank).silent <= deadline_) return;
    circle += fmt::format("{} -> ", *rank);
  }
  throw Error(ExitCode::deadline, fmt::format("ranks {}{} wait for each other (deadline {} ms); {}", circle, first,
                                              milliseconds(deadline_), waiting(wanted_by)));
}

std::string Liveness::doing(int rank) {
  if (!at(rank).arrived) return "(it has not started)";
  const int operation = at(rank).operation.load(std::memory_order_relaxed);
  if (operation < 0) return "outside a program";
  return fmt::format("in operation {} ({})", operation, at(rank).name.load(std::memory_order_relaxed));
}

/// What each rank that waits waits for; one thing a rank and eight ranks are enough to see the pattern.
std::string Liveness::waiting(const WantedBy& wanted_by) {
  std::string text;
  int64_t listed = 0;
  int64_t more = 0;
  for (size_t rank = 0; rank < ranks_.size(); ++rank) {
    if (ranks_[rank].waits == Waits::no) continue;
    const std::vector<Wanted> wanted = wanted_by(static_cast<int>(rank));
    if (wanted.empty()) continue;
    if (++listed > 8) {
      ++more;
      continue;
    }
    if (!text.empty()) text += "; ";
    text += describe(static_cast<int>(rank), wanted.front());
    if (wanted.size() > 1) text += fmt::format(" and {} more", wanted.size() - 1);
  }
  if (more > 0) text += fmt::format("; {} more ranks wait", more);
  return text;
}

}  // namespace ringfold
