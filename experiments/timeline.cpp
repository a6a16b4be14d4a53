#include "experiments/timeline.h"

#include "experiments/descriptor.h"
#include "experiments/row.h"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>

namespace ringfold {

/// One rank's events, without a lock while it works.
class RankTimeline final : public ExecutionObserver {
 public:
  RankTimeline(Timeline& timeline, std::string label, const Program& program, int rank)
      : timeline_(timeline), label_(std::move(label)), program_(program), rank_(rank) {
    events_.reserve(program.operations.size());
  }
  RankTimeline(const RankTimeline&) = delete;
  RankTimeline& operator=(const RankTimeline&) = delete;
  ~RankTimeline() override {
    const std::lock_guard<std::mutex> lock(timeline_.mutex_);
    for (Timeline::Event& event : events_) timeline_.events_.push_back(std::move(event));
  }

  void begin(int operation) override {
    const std::string name(name_of(program_.operations[static_cast<size_t>(operation)]));
    const auto now = Timeline::Clock::now();
    events_.push_back({label_, name, rank_, operation, now, now, now});
  }
  void start(int) override { events_.back().start = Timeline::Clock::now(); }
  void end(int) override { events_.back().end = Timeline::Clock::now(); }

 private:
  Timeline& timeline_;
  std::string label_;
  const Program& program_;
  int rank_;
  std::vector<Timeline::Event> events_;
};

std::unique_ptr<ExecutionObserver> Timeline::observe(const std::string& label, const Program& program, int rank) {
  return std::make_unique<RankTimeline>(*this, label, program, rank);
}

Timeline::Timeline(const std::string& path) : path_(path) {
  if (path.empty()) return;
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  is_new_ = file.is_open();
  if (!is_new_) file = Descriptor(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  RINGFOLD_CHECK(file.is_open(), ExitCode::internal, "cannot write {}: {}", path, std::strerror(errno));
}

Timeline::~Timeline() {
  if (is_new_) ::unlink(path_.c_str());
}

std::string Timeline::take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  Row taken = Row::array();
  for (const Event& event : events_) {
    const auto ns = [&](Clock::time_point time) {
      return (time - events_.front().begin) / std::chrono::nanoseconds(1);
    };
    taken.push_back(
        {event.label, event.name, event.rank, event.operation, ns(event.begin), ns(event.start), ns(event.end)});
  }
  events_.clear();
  return taken.dump();
}

void Timeline::add(const std::string& taken) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const Row& event : Row::parse(taken)) {
    const auto same = std::ranges::find(events_, event[0].get<std::string>(), &Event::label);
    const Clock::time_point first = same == events_.end() ? Clock::now() : same->begin;
    const auto at = [&](size_t i) { return first + std::chrono::nanoseconds(event[i].get<int64_t>()); };
    events_.push_back({event[0], event[1], event[2], event[3], at(4), at(5), at(6)});
  }
}

void Timeline::write() {
  const std::lock_guard<std::mutex> lock(mutex_);
  Clock::time_point origin = Clock::time_point::max();
  for (const Event& event : events_) origin = std::min(origin, event.begin);
  std::vector<std::string> labels;
  Row events = Row::array();
  const auto add = [&](const std::string& name, const Event& event, Clock::time_point begin, Clock::time_point end) {
    const auto process = std::find(labels.begin(), labels.end(), event.label) - labels.begin();
    const auto us = [](Clock::duration span) { return std::chrono::duration<double, std::micro>(span).count(); };
    events.push_back({{"ph", "X"},
                      {"name", name},
                      {"pid", process},
                      {"tid", event.rank},
                      {"ts", us(begin - origin)},
                      {"dur", us(end - begin)},
                      {"args", {{"operation", event.operation}}}});
  };
  for (const Event& event : events_) {
    if (std::find(labels.begin(), labels.end(), event.label) == labels.end()) {
      events.push_back(
          {{"ph", "M"}, {"name", "process_name"}, {"pid", labels.size()}, {"args", {{"name", event.label}}}});
      labels.push_back(event.label);
    }
    if (event.start > event.begin) add("wait", event, event.begin, event.start);
    add(event.name, event, event.start, event.end);
  }
  std::ofstream out(path_);
  out << Row{{"traceEvents", std::move(events)}, {"displayTimeUnit", "ms"}}.dump() << '\n';
  out.flush();
  RINGFOLD_CHECK(out.good(), ExitCode::internal, "cannot write {}: {}", path_, std::strerror(errno));
  is_new_ = false;
}

}  // namespace ringfold
