#pragma once

#include "transports/beat.h"
#include "transports/frames.h"
#include "transports/liveness.h"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ringfold {

/// What the hub of a world knows of all ranks, and what it concludes: collectives, sessions, who is lost. Knows neither
/// sockets nor clocks: it is told what ranks say and how time goes by.
class HubState {
 public:
  using Say = std::function<void(int rank, const Frame& frame)>;
  using Duration = Liveness::Duration;

  /// `names[rank]`: "rank 2 (host node7, pid 4711)".
  HubState(std::vector<std::string> names, Say say);

  /// Takes the frame's text.
  void hear(int rank, Frame& frame);
  /// The rank's connection has ended; if it has not said goodbye it has died.
  void closed(int rank);
  /// Time has gone by; judges who will not come.
  void look(Duration step);

 private:
  enum class Here { yes, left, dead };
  /// One rank in one session.
  struct Seat {
    bool in_meeting = false;
    bool left = false;
    Duration left_at{};
    std::string mine;  ///< what it brings to the meeting
    std::vector<Wanted> wants;
    bool is_waiting() const { return in_meeting || !wants.empty(); }
  };
  struct Session {
    Deadlines deadlines{std::chrono::milliseconds(0)};
    Meeting meeting = Meeting::barrier;  ///< while arrived > 0
    uint64_t number = 0;
    int arrived = 0;
    bool over = false;
    Frame failed;
    std::vector<Seat> seats;
  };
  struct Member {
    Here here = Here::yes;
    Duration beat_at{};
    Duration met_at{};   ///< last arrival at a meeting
    Duration silence{};  ///< by its last beat
    Duration left_at{};
  };

  int size() const { return static_cast<int>(names_.size()); }
  Member& member(int rank) { return members_[static_cast<size_t>(rank)]; }
  static Seat& seat(Session& session, int rank) { return session.seats[static_cast<size_t>(rank)]; }
  Session& session(uint64_t id);

  void hear_beat(int rank, const Frame& frame);
  void meet(int rank, Frame& frame);
  void release(uint64_t id, Session& session);
  bool is_complete(const Session& session) const;
  void leave(int rank, Session& session);
  void drop_empty_sessions();
  void fail(uint64_t id, Session& session, int rank, ExitCode code, const std::string& text);
  void lose(int rank, ExitCode code, const std::string& text);
  void say_to_all(const Frame& frame);

  void note_silence();
  void judge_dead();
  std::optional<Liveness::Verdict> judge(Session& session);
  void judge_left(uint64_t id, Session& session);
  std::vector<Wanted> wanted_by(int rank) const;

  std::vector<std::string> names_;
  Say say_;
  std::vector<Member> members_;
  std::map<uint64_t, Session> sessions_;
  Words words_;
  Liveness liveness_;
  Liveness::WantedBy wanted_by_;
  Duration now_{};
  std::vector<int> dead_;
  Duration died_at_{};
  Duration idle_at_{};  ///< when last nobody waited
  bool lost_ = false;
};

}  // namespace ringfold
