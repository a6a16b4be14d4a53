#pragma once

#include "lib/error.h"
#include "transports/launch.h"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ringfold {

/// What a process tells the others by its launcher before they meet. Processes of one machine see each other by pid.
struct Card {
  std::string name;  ///< "rank 2 (host node7, pid 4711)"
  std::string machine;
  int pid = 0;
  std::string away{};            ///< why it does not come to the rendezvous; "": it does
  ExitCode code = ExitCode::ok;  ///< of the error that keeps it away
};

/// Makes this rank's card known to the others.
void hand_in_card(Launch& launch, const std::string& away = "", ExitCode code = ExitCode::ok);

/// Once the ranks have met: what this process has published before serves no other any more, though some launchers keep
/// it for the processes that follow in its script.
void retire(Launch& launch);
/// Whether the rank's process of this name has retired.
bool has_retired(Launch& launch, int rank, const std::string& name);

/// Finds out, for a rank at the rendezvous, what has become of others that do not come.
class Search {
 public:
  Search(Launch& launch, std::chrono::milliseconds deadline);

  /// Call now and then. Throws Error(peer_lost | deadline | interrupted) that names who is missing, or Error(usage), a
  /// SharedError if rank 0 has told it itself, if one of them does something else.
  void look(const std::vector<int>& missing);

 private:
  using Time = std::chrono::steady_clock::time_point;

  const Card* card_of(int rank);
  void judge(int rank);
  [[noreturn]] void give_up(const std::vector<int>& missing);
  std::string name_of(int rank, const char* without_pid);
  std::string names_of(const std::vector<int>& missing, const char* without_pid);

  Launch& launch_;
  std::chrono::milliseconds deadline_;
  Time end_;
  Time next_;
  std::optional<Time> stopped_at_;
  std::map<int, Card> cards_;
};

}  // namespace ringfold
