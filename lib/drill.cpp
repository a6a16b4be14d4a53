#include "lib/drill.h"

#include "lib/error.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <vector>

namespace ringfold {

namespace {

constexpr std::array<std::pair<std::string_view, Drill::Does>, 5> kDoes = {{{"SIGKILL", Drill::Does::kill},
                                                                            {"SIGSEGV", Drill::Does::segv},
                                                                            {"SIGSTOP", Drill::Does::stop},
                                                                            {"exit", Drill::Does::exit},
                                                                            {"loop", Drill::Does::loop}}};

/// All that drill() is called with.
constexpr std::array<std::string_view, 10> kPlaces = {"launch", "rendezvous", "warm-up", "exchange", "transfer",
                                                      "attend", "merge",      "copy",    "finish",   "write"};

/// How often the drill's rank came to each of kPlaces.
std::array<std::atomic<int>, kPlaces.size()> visits{};
/// Whether any rank has come to "launch": one rank a process then.
std::atomic<bool> is_launched{false};

/// Read once.
const char* drill_text() {
  static const char* const text = std::getenv("RINGFOLD_DRILL");
  return text;
}

const Drill& wanted_drill() {
  static const Drill wanted = parse_drill(drill_text());
  return wanted;
}

int whole_number(std::string_view key, std::string_view text, int least) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  RINGFOLD_CHECK(error == std::errc() && end == text.data() + text.size() && value >= least, ExitCode::usage,
                 "RINGFOLD_DRILL: {} needs a whole number from {} on, not '{}'", key, least, text);
  return value;
}

Drill::Does deed(std::string_view text) {
  std::vector<std::string_view> names;
  for (const auto& [name, does] : kDoes) {
    if (name == text) return does;
    names.push_back(name);
  }
  throw Error(ExitCode::usage, fmt::format("RINGFOLD_DRILL: do is one of {}, not '{}'", fmt::join(names, ", "), text));
}

void go(Drill::Does does) {
  switch (does) {
    case Drill::Does::kill: std::raise(SIGKILL); return;
    case Drill::Does::segv:
      std::signal(SIGSEGV, SIG_DFL);
      std::raise(SIGSEGV);
      return;
    case Drill::Does::stop: std::raise(SIGSTOP); return;
    case Drill::Does::exit: std::_Exit(0);
    case Drill::Does::loop: {
      const std::atomic<bool> forever{true};
      while (forever) continue;
      return;
    }
  }
}

}  // namespace

Drill parse_drill(std::string_view text) {
  Drill drill;
  std::array<bool, 3> given{};
  const auto once = [&](size_t which, std::string_view key) {
    RINGFOLD_CHECK(!given[which], ExitCode::usage, "RINGFOLD_DRILL: {} is given twice", key);
    given[which] = true;
  };
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size() + (word.size() < text.size() ? 1 : 0));
    if (word.empty()) continue;
    const size_t equals = word.find('=');
    const std::string_view key = word.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? "" : word.substr(equals + 1);
    if (key == "rank") {
      once(0, key);
      drill.rank = whole_number(key, value, 0);
    } else if (key == "at") {
      once(1, key);
      const size_t colon = value.find(':');
      drill.place = value.substr(0, colon);
      if (colon != std::string_view::npos) drill.time = whole_number("at=PLACE:", value.substr(colon + 1), 1);
    } else if (key == "do") {
      once(2, key);
      drill.does = deed(value);
    } else {
      throw Error(ExitCode::usage, fmt::format("RINGFOLD_DRILL: '{}' is not rank=, at= or do=", word));
    }
  }
  RINGFOLD_CHECK(given[0] && given[1] && given[2] && !drill.place.empty(), ExitCode::usage,
                 "RINGFOLD_DRILL: needs rank=N at=PLACE do=WHAT");
  RINGFOLD_CHECK(std::ranges::find(kPlaces, drill.place) != kPlaces.end(), ExitCode::usage,
                 "RINGFOLD_DRILL: at is one of {}, not '{}'", fmt::join(kPlaces, ", "), drill.place);
  return drill;
}

void check_drill(int ranks) {
  if (drill_text() == nullptr) return;
  RINGFOLD_CHECK(wanted_drill().rank < ranks, ExitCode::usage, "RINGFOLD_DRILL: there is no rank {} among {}",
                 wanted_drill().rank, ranks);
}

void drill(int rank, std::string_view place) {
  if (drill_text() == nullptr) return;
  const Drill& wanted = wanted_drill();
  if (place == kPlaces.front()) is_launched = true;
  const auto* const found = std::ranges::find(kPlaces, place);
  if (rank != wanted.rank || found == kPlaces.end()) return;
  const int visit = ++visits[static_cast<size_t>(found - kPlaces.begin())];
  if (place == wanted.place && visit == wanted.time) go(wanted.does);
}

std::optional<std::string> missed_drill() {
  if (drill_text() == nullptr) return std::nullopt;
  const Drill& wanted = wanted_drill();
  if (is_launched && visits.front() == 0) return std::nullopt;  // another process's
  std::string others;
  int times = 0;
  for (size_t i = 0; i < kPlaces.size(); ++i) {
    if (kPlaces[i] == wanted.place) {
      times = visits[i];
    } else if (visits[i] > 0) {
      others += fmt::format("{}{} {}", others.empty() ? "" : ", ", kPlaces[i], visits[i]);
    }
  }
  if (times >= wanted.time) return std::nullopt;  // stopped, and continued since
  return fmt::format(
      "RINGFOLD_DRILL: nothing was rehearsed: rank {} came to {} {} times, not {}; {}", wanted.rank, wanted.place,
      times, wanted.time,
      others.empty() ? "nor anywhere else: drills are for ranks that are a launcher's processes" : "but to " + others);
}

}  // namespace ringfold
