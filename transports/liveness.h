#pragma once

#include "lib/control.h"
#include "lib/error.h"
#include "lib/world.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ringfold {

/// "rank 1, operation 5 (exchange) waits for rank 0 to send 64 bytes, tag 7"; "rank 1 waits for rank 0 in barrier".
std::string describe_wait(int rank, const Wanted& wanted);

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
  using NameOf = std::function<std::string(int rank)>;
  using Duration = std::chrono::steady_clock::duration;
  struct Verdict {
    int rank = -1;  ///< who is to blame; -1: a circle
    Error error;
  };

  /// `name_of` names the rank to blame; by default "rank 2".
  Liveness(int ranks, std::chrono::milliseconds deadline, NameOf name_of = {});

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

  /// For an owner that does not see the counters and is told instead how long each rank has been silent. A rank that
  /// is cut off cannot be asked either: what it was last known to wait for does not excuse it.
  void set_silence(int rank, Duration silent, bool cut_off);
  /// Why what `rank` waits for will not come in time, if so.
  std::optional<Verdict> judge(int rank, const WantedBy& wanted_by, const Deadlines& deadlines);
  /// "in operation 5 (attend)"
  std::string doing(int rank) const;
  /// What each rank but `except` waits for or does; of several things it waits for, the one that `except` owes it.
  std::string everybody(int except, const WantedBy& wanted_by) const;

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
    bool cut_off = false;
    bool is_waiting() const { return waits != Waits::no && !cut_off; }
  };

  Rank& at(int rank) { return ranks_[static_cast<size_t>(rank)]; }
  const Rank& at(int rank) const { return ranks_[static_cast<size_t>(rank)]; }
  void look();
  std::optional<Verdict> follow(int rank, std::vector<int>& path, std::vector<char>& seen, const WantedBy& wanted_by);
  std::optional<Verdict> blame(int rank, const WantedBy& wanted_by) const;
  std::optional<Verdict> circle(const std::vector<int>& path, int first, const WantedBy& wanted_by) const;
  std::string waiting(const WantedBy& wanted_by) const;

  std::vector<Rank> ranks_;
  NameOf name_of_;
  Deadlines deadlines_;
  bool is_told_ = false;  ///< judges for an owner that knows of all ranks what they do
  Duration period_;
  std::chrono::steady_clock::time_point looked_;
};

}  // namespace ringfold
