#pragma once

#include "experiments/clock_offsets.h"
#include "experiments/rank_trace.h"
#include "lib/schedule.h"

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace ringfold {

/// What the ranks of several cases do when, as Chrome's trace format for ui.perfetto.dev or chrome://tracing: a process
/// a case, two tracks a rank (tid 2 rank for what it computes, 2 rank + 1 for its exchanges), an arrow a message.
/// Written while the run goes on; nothing of a case is kept.
class Timeline {
 public:
  struct CaseTrace {
    std::string id;
    std::string label;
    const Schedule* schedule = nullptr;
    std::vector<RankTrace> ranks;
    std::vector<ClockOffset> clocks;  ///< a rank; empty: all ranks have the same clock
  };

  /// `path`: empty for a process that only takes part in measuring. Throws Error(internal) if the file cannot be
  /// written: now, and not when all has been measured.
  explicit Timeline(const std::string& path);
  /// Ends the file as it is. Leaves no empty one where there was none.
  ~Timeline();
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  /// The first one replaces what the file held. A disk that is full costs no results: write() tells of it.
  void add(const CaseTrace& trace);
  /// Ends the file. Throws Error(internal) naming it if anything could not be written.
  void write();

 private:
  void open();
  void put(const std::string& text);
  void put_event(const std::string& event);
  void put_tracks(const CaseTrace& trace, int64_t pid);
  void put_rank(const CaseTrace& trace, int64_t pid, int rank);
  void put_arrows(const CaseTrace& trace, int64_t pid);
  void note_clocks(const CaseTrace& trace);
  void end();
  std::string us(const CaseTrace& trace, int rank, int64_t ns) const;

  std::string path_;
  bool is_new_ = false;  ///< made here, and nothing written yet
  std::FILE* file_ = nullptr;
  int error_ = 0;  ///< errno of the first failure
  int64_t cases_ = 0;
  int64_t events_ = 0;
  int64_t arrows_ = 0;
  int64_t origin_ns_ = 0;
  std::string clocks_;  ///< of the cases so far, for the end of the file
};

}  // namespace ringfold
