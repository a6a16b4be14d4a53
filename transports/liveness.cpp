#include "transports/liveness.h"

#include <algorithm>
#include <utility>

namespace ringfold {

namespace {

constexpr int64_t kMostListed = 8;

int64_t milliseconds(Liveness::Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace

std::string describe_wait(int rank, const Wanted& wanted) {
  if (wanted.operation < 0) return fmt::format("rank {} waits for rank {} in {}", rank, wanted.peer, wanted.what);
  return fmt::format("rank {}, operation {} (exchange) waits for rank {} {} {} bytes, tag {}", rank, wanted.operation,
                     wanted.peer, wanted.what, wanted.bytes, wanted.tag);
}

Liveness::Liveness(int ranks, std::chrono::milliseconds deadline, NameOf name_of)
    : ranks_(static_cast<size_t>(ranks)),
      name_of_(name_of ? std::move(name_of) : [](int rank) { return fmt::format("rank {}", rank); }),
      deadlines_(deadline),
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
  const bool suspicion = std::any_of(ranks_.begin(), ranks_.end(),
                                     [&](const Rank& each) { return each.left || each.silent > deadlines_.progress; });
  if (!suspicion) return;
  std::vector<int> path;
  std::vector<char> seen(ranks_.size(), 0);
  if (const auto verdict = follow(rank, path, seen, wanted_by)) throw verdict->error;
}

void Liveness::set_silence(int rank, Duration silent, bool cut_off) {
  at(rank).silent = silent;
  at(rank).cut_off = cut_off;
}

std::optional<Liveness::Verdict> Liveness::judge(int rank, const WantedBy& wanted_by, const Deadlines& deadlines) {
  deadlines_ = deadlines;
  is_told_ = true;
  std::vector<int> path;
  std::vector<char> seen(ranks_.size(), 0);
  return follow(rank, path, seen, wanted_by);
}

std::optional<Liveness::Verdict> Liveness::follow(int rank, std::vector<int>& path, std::vector<char>& seen,
                                                  const WantedBy& wanted_by) {
  seen[static_cast<size_t>(rank)] = 1;
  path.push_back(rank);
  for (const Wanted& wanted : wanted_by(rank)) {
    const Rank& peer = at(wanted.peer);
    std::optional<Verdict> verdict;
    if (peer.left || !peer.is_waiting()) {
      verdict = blame(wanted.peer, wanted_by);
    } else if (!seen[static_cast<size_t>(wanted.peer)]) {
      verdict = follow(wanted.peer, path, seen, wanted_by);
    } else {
      verdict = circle(path, wanted.peer, wanted_by);
    }
    if (verdict) return verdict;
  }
  path.pop_back();
  return std::nullopt;
}

std::optional<Liveness::Verdict> Liveness::blame(int rank, const WantedBy& wanted_by) const {
  const Rank& peer = at(rank);
  if (peer.left) {
    return Verdict{rank, {ExitCode::peer_lost, fmt::format("{} has left; {}", name_of_(rank), waiting(wanted_by))}};
  }
  const Duration deadline = peer.cut_off ? deadlines_.life : deadlines_.progress;
  if (peer.silent <= deadline) return std::nullopt;
  const char* sign = peer.cut_off ? "gives no sign of life (stopped, or its host cut off)" : "shows no progress";
  return Verdict{rank,
                 {ExitCode::deadline, fmt::format("{} {} {} for {} ms (deadline {} ms); {}", name_of_(rank), sign,
                                                  doing(rank), milliseconds(peer.silent), milliseconds(deadline),
                                                  is_told_ ? everybody(rank, wanted_by) : waiting(wanted_by))}};
}

std::optional<Liveness::Verdict> Liveness::circle(const std::vector<int>& path, int first,
                                                  const WantedBy& wanted_by) const {
  const auto begin = std::find(path.begin(), path.end(), first);
  if (begin == path.end()) return std::nullopt;  // seen before, by another way: no circle
  // Ranks wait for several others at once: one of whom nothing is heard is the reason, however late that shows.
  const auto is_unheard = [](const Rank& rank) { return rank.cut_off && !rank.left; };
  if (std::any_of(ranks_.begin(), ranks_.end(), is_unheard)) return std::nullopt;
  std::string ranks;
  for (auto rank = begin; rank != path.end(); ++rank) {
    if (at(*rank).silent <= deadlines_.progress) return std::nullopt;
    ranks += fmt::format("{} -> ", *rank);
  }
  return Verdict{-1,
                 {ExitCode::deadline, fmt::format("ranks {}{} wait for each other (deadline {} ms); {}", ranks, first,
                                                  milliseconds(deadlines_.progress), waiting(wanted_by))}};
}

std::string Liveness::doing(int rank) const {
  if (!at(rank).arrived) return "(it has not started)";
  const int operation = at(rank).operation.load(std::memory_order_relaxed);
  if (operation < 0) return "outside a program";
  return fmt::format("in operation {} ({})", operation, at(rank).name.load(std::memory_order_relaxed));
}

/// What each rank that waits waits for; one thing a rank and eight ranks are enough to see the pattern.
std::string Liveness::waiting(const WantedBy& wanted_by) const {
  std::string text;
  int64_t listed = 0;
  int64_t more = 0;
  for (size_t rank = 0; rank < ranks_.size(); ++rank) {
    if (!ranks_[rank].is_waiting()) continue;
    const std::vector<Wanted> wanted = wanted_by(static_cast<int>(rank));
    if (wanted.empty()) continue;
    if (++listed > kMostListed) {
      ++more;
      continue;
    }
    if (!text.empty()) text += "; ";
    text += describe_wait(static_cast<int>(rank), wanted.front());
    if (wanted.size() > 1) text += fmt::format(" and {} more", wanted.size() - 1);
  }
  if (more > 0) text += fmt::format("; {} more ranks wait", more);
  return text;
}

std::string Liveness::everybody(int except, const WantedBy& wanted_by) const {
  std::string text;
  int64_t more = -kMostListed;
  for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank) {
    if (rank == except || at(rank).left || ++more > 0) continue;
    if (!text.empty()) text += "; ";
    const std::vector<Wanted> wanted = at(rank).is_waiting() ? wanted_by(rank) : std::vector<Wanted>();
    const auto owed =
        std::find_if(wanted.begin(), wanted.end(), [&](const Wanted& each) { return each.peer == except; });
    if (wanted.empty()) {
      text += fmt::format("rank {} is {}", rank, at(rank).cut_off ? "silent too" : doing(rank));
    } else {
      text += describe_wait(rank, owed == wanted.end() ? wanted.front() : *owed);
      if (wanted.size() > 1) text += fmt::format(" and {} more", wanted.size() - 1);
    }
  }
  if (more > 0) text += fmt::format("; and {} more ranks", more);
  return text;
}

}  // namespace ringfold
