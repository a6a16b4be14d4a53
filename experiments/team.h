#pragma once

#include "lib/error.h"
#include "lib/world.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ringfold {

/// The processes that run an experiment together, one rank each; or this process alone, whose ranks are threads. All do
/// the same in the same order, so what depends on a file, on memory or on time is decided once, for all: calls that say
/// "all" must be made by all processes in the same order. They throw the same error everywhere: the first rank's that
/// has one, which keeps its own exception, while the others get a SharedError.
class Team {
 public:
  /// `world`: null, or of one rank: alone.
  explicit Team(std::unique_ptr<World> world);

  bool is_alone() const { return world_ == nullptr; }
  /// Prints, shows progress and writes results.
  bool leads() const { return is_alone() || world_->rank() == 0; }
  int size() const { return is_alone() ? 1 : world_->size(); }
  /// For TransportOptions; null when alone.
  World* world() const { return world_.get(); }
  /// How many of `ranks`, threads or processes, are on this host.
  int ranks_here(int ranks) const { return is_alone() ? ranks : world_->local_size(); }

  /// All: after how long without a sign of life a process is lost; one that lives has a minute between cases.
  void set_deadline(std::chrono::milliseconds life);
  /// Frees the others, which wait for this process: they throw the error as one that the leader knows of.
  void give_up(const Error& error);
  /// All: does its part of the work.
  void together(const std::function<void()>& work);
  /// All: what the leader makes of everybody's texts, in rank order.
  std::string decide(const std::string& mine,
                     const std::function<std::string(const std::vector<std::string>&)>& on_leader);
  /// All: the leader's answer.
  std::string from_leader(const std::function<std::string()>& answer);
  /// All: the first text that is not empty, with its rank's name unless that is the leader.
  std::string first_of(const std::string& mine);
  /// All: whether it holds for everybody.
  bool all_of(bool mine);
  /// All: throws Error(configuration) unless everybody's text is the same; `what` names it.
  void agree(const char* what, const std::string& mine);

 private:
  using Texts = std::vector<std::string>;
  size_t rank() const { return static_cast<size_t>(world_->rank()); }
  std::string name_of(size_t rank) const { return world_->name_of(static_cast<int>(rank)); }

  std::unique_ptr<World> world_;
  std::unique_ptr<Control> control_;
};

/// The processes that a launcher started with this one, for a Team; null if there is no launcher. What others than rank
/// 0 throw has their name, unless it is a SharedError, which somebody else tells.
std::unique_ptr<World> join_team();

}  // namespace ringfold
