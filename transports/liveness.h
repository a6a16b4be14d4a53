#pragma once

#include "lib/control.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ringfold {

/// What a rank is blocked in.
enum class Waits { no, exchange, meeting };

/// Tells a slow rank from a dead one. Each rank has a counter of signs of life; a rank is silent while it stands still.
/// A rank that waits is judged by those it waits for, however long the chain; it trips the deadline when the chain ends
/// at a silent rank that does not wait, or in a circle of silent ones.
/// Silence is summed up in small steps as seen by whoever surveys, so a stopped process does not accuse anybody.
/// tick() and enter() may be called from any thread, all else under the owner's mutex.
class Liveness {
 public:
  using WantedBy = std::function<std::vector<Wanted>(int rank)>;
  using Duration = std::chrono::steady_clock::duration;

  Liveness(int ranks, std::chrono::milliseconds deadline);

  void tick(int rank) { at(rank).signs.fetch_add(1, std::memory_order_relaxed); }
  void enter(int rank, int operation, const char* name);
  void arrive(int rank) { at(rank).arrived = true; }
  void leave(int rank) { at(rank).left = true; }
  bool has_left(int rank) const { return ranks_[static_cast<size_t>(rank)].left; }
  void set_waits(int rank, Waits waits);
  Waits waits(int rank) const { return ranks_[static_cast<size_t>(rank)].waits; }

  /// How often a waiting rank should survey.
  Duration period() const { return period_; }
  /// Looks at all counters, then throws Error(deadline | peer_lost) if what `rank` waits for will not come.
  void survey(int rank, const WantedBy& wanted_by);

 private:
  struct alignas(64) Rank {
    std::atomic<uint64_t> signs{0};
    std::atomic<int> operation{-1};
    std::atomic<const char*> name{""};
    uint64_t seen = 0;
    Duration silent{};
    Waits waits = Waits::no;
    bool arrived = false;
    bool left = false;
  };

  Rank& at(int rank) { return ranks_[static_cast<size_t>(rank)]; }
  void look();
  void judge(int rank, std::vector<int>& path, std::vector<char>& seen, const WantedBy& wanted_by);
  void judge_circle(const std::vector<int>& path, int first, const WantedBy& wanted_by);
  std::string doing(int rank);
  std::string waiting(const WantedBy& wanted_by);

  std::vector<Rank> ranks_;
  Duration deadline_;
  Duration period_;
  std::chrono::steady_clock::time_point looked_;
};

}  // namespace ringfold
