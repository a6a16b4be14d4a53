#include "experiments/progress.h"

#include "experiments/streams.h"
#include "experiments/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <unistd.h>

namespace ringfold {
namespace {

constexpr int kBarColumns = 20;
constexpr auto kBetweenFrames = std::chrono::milliseconds(100);

int usable_columns() {
  const char* terminal = std::getenv("TERM");
  if (terminal != nullptr && std::string_view(terminal) == "dumb") return 0;
  return terminal_columns(STDERR_FILENO);
}

}  // namespace

Progress::Progress(int64_t cases, bool leads) : cases_(cases), leads_(leads), columns_(leads ? usable_columns() : 0) {}

Progress::~Progress() { clear(); }

std::string Progress::time_left() const {
  if (done_ <= 0 || cases_ == 0) return "";
  const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
  const double left = seconds * (static_cast<double>(cases_) - done_) / done_;
  return left < 1 ? "" : ", about " + duration_text(left) + " left";
}

void Progress::clear() {
  if (is_shown_) tell("\r\x1b[K");
  is_shown_ = false;
}

void Progress::show(const std::string& doing, double unfinished) {
  const double now_done = std::min(static_cast<double>(finished_) + unfinished, static_cast<double>(cases_));
  done_ = std::max(done_, now_done);
  const Clock::time_point now = Clock::now();
  if (columns_ == 0 || (is_shown_ && now - last_shown_ < kBetweenFrames)) return;
  const auto filled = static_cast<size_t>(cases_ > 0 ? kBarColumns * done_ / static_cast<double>(cases_) : kBarColumns);
  std::string line = fmt::format("[{}{}] {}/{} {}{}", std::string(filled, '='), std::string(kBarColumns - filled, ' '),
                                 finished_, cases_, doing, time_left());
  if (static_cast<int>(line.size()) >= columns_) line.resize(static_cast<size_t>(std::max(columns_ - 1, 0)));
  tell("\r\x1b[K{}", line);
  is_shown_ = true;
  last_shown_ = now;
}

void Progress::finished(const std::string& label, const std::string& outcome) {
  ++finished_;
  done_ = std::max(done_, static_cast<double>(finished_));
  if (columns_ > 0 || !leads_) return;
  const std::string left = finished_ < cases_ ? time_left() : "";
  tell("[{}/{}] {}: {}{}\n", finished_, cases_, label, outcome, left);
}

void Progress::note(const std::string& text) {
  clear();
  tell("{}\n", text);
}

}  // namespace ringfold
