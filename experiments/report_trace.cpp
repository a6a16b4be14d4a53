#include "experiments/report_trace.h"

#include "experiments/report_values.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>

namespace ringfold {
namespace {

constexpr int64_t kMostEvents = 1'000'000;  // of one file: some 100 MB in memory

struct Track {
  int rank = -1;
  bool is_exchange = false;
};

struct Event {
  int64_t tid = 0;
  Bar bar;
};

struct Process {
  std::string id;
  std::map<int64_t, Track> tracks;  ///< by tid
  std::vector<Event> events;
};

/// "rank 3 exchange".
Track track_of(const std::string& name) {
  constexpr std::string_view kRank = "rank ";
  Track track;
  if (name.rfind(kRank, 0) != 0) return track;
  std::from_chars(name.data() + kRank.size(), name.data() + name.size(), track.rank);
  track.is_exchange = name.ends_with("exchange");
  return track;
}

/// Takes events out of a document while it is parsed, so that no more than one of them is held as JSON.
class Collector {
 public:
  /// False: the parser need not keep the value.
  bool operator()(int depth, Row::parse_event_t event, Row& value) {
    // Depth 1 is the document's own object, 2 an event of its list.
    if (event != Row::parse_event_t::object_end || depth != 2 || !value.contains("ph")) return true;
    take(value);
    return false;
  }

  std::map<int64_t, Process>& processes() { return processes_; }
  int64_t left_out() const { return left_out_; }

 private:
  void take(const Row& event) {
    const auto pid = static_cast<int64_t>(number_of(event, "/pid").value_or(-1));
    const auto tid = static_cast<int64_t>(number_of(event, "/tid").value_or(-1));
    const std::string phase = text_of(event, "/ph", 8);
    const std::string name = text_of(event, "/name", 64);
    if (phase == "M" && name == "process_name") processes_[pid].id = text_of(event, "/args/id", 64);
    if (phase == "M" && name == "thread_name") processes_[pid].tracks[tid] = track_of(text_of(event, "/args/name", 64));
    if (phase != "X") return;
    const auto begin = number_of(event, "/ts");
    const auto length = number_of(event, "/dur");
    if (!begin || !length || *length < 0) return;
    if (++events_ > kMostEvents) {
      ++left_out_;
      return;
    }
    processes_[pid].events.push_back({tid, {bar_kind(name), *begin / 1e3, (*begin + *length) / 1e3}});
  }

  std::map<int64_t, Process> processes_;
  int64_t events_ = 0;
  int64_t left_out_ = 0;
};

/// Bars sorted, from time zero, none over the next one.
Gantt gantt_of(const Process& process) {
  double origin = std::numeric_limits<double>::max();
  for (const Event& event : process.events) origin = std::min(origin, event.bar.begin_ms);
  std::map<std::pair<int, bool>, Lane> lanes;
  for (const Event& event : process.events) {
    const auto track = process.tracks.find(event.tid);
    if (track == process.tracks.end() || track->second.rank < 0) continue;
    Lane& lane = lanes[{track->second.rank, track->second.is_exchange}];
    lane.rank = track->second.rank;
    lane.is_exchange = track->second.is_exchange;
    lane.bars.push_back({event.bar.kind, event.bar.begin_ms - origin, event.bar.end_ms - origin});
  }
  Gantt gantt;
  for (auto& [place, lane] : lanes) {
    std::ranges::sort(lane.bars, {}, &Bar::begin_ms);
    for (size_t i = 1; i < lane.bars.size(); ++i) {
      lane.bars[i - 1].end_ms = std::min(lane.bars[i - 1].end_ms, lane.bars[i].begin_ms);
    }
    gantt.lanes.push_back(std::move(lane));
  }
  return gantt;
}

/// What a trace says of the clocks of a case's ranks.
void add_clocks(const Row& document, std::map<std::string, Gantt>& cases) {
  const Row* clocks = value_of(document, "/otherData/clock_offsets");
  if (clocks == nullptr || !clocks->is_array()) return;
  for (const Row& clock : *clocks) {
    const auto found = cases.find(text_of(clock, "/id", 64));
    const std::vector<double> within_us = numbers_of(clock, "/uncertainty_us");
    if (found != cases.end() && !within_us.empty()) found->second.clocks_within_ms = std::ranges::max(within_us) / 1e3;
  }
}

}  // namespace

bool looks_like_trace(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string head(4096, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(in.gcount()));
  return head.find("\"traceEvents\"") != std::string::npos;
}

std::string Traces::read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in.good()) return fmt::format("{}: cannot be read", path);
  Collector collector;
  const Row rest = Row::parse(in, std::ref(collector), /*allow_exceptions=*/false);
  size_t added = 0;
  for (const auto& [pid, process] : collector.processes()) {
    if (process.id.empty() || process.events.empty()) continue;
    Gantt gantt = gantt_of(process);
    if (gantt.lanes.empty()) continue;
    cases_[process.id] = std::move(gantt);
    ++added;
  }
  add_clocks(rest, cases_);
  if (rest.is_discarded()) {
    return fmt::format("{}: this is no whole JSON document; {} cases of it are shown", path, added);
  }
  if (added == 0) return fmt::format("{}: a trace without cases of ringfold; it is left out", path);
  if (collector.left_out() == 0) return "";
  return fmt::format("{}: only the first {} events are shown, {} more are left out", path, kMostEvents,
                     collector.left_out());
}

const Gantt* Traces::find(const std::string& id) const {
  const auto found = cases_.find(id);
  return found == cases_.end() ? nullptr : &found->second;
}

}  // namespace ringfold
