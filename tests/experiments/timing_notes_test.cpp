#include "experiments/timing_notes.h"

#include "tests/catch.h"

#include <algorithm>
#include <random>

using namespace ringfold;

namespace {

/// What of these words the notes hold, joined.
std::string noted(const std::vector<double>& ms, double clock_ratio = 1, std::optional<double> confidence = {}) {
  Measure measure;
  measure.confidence = confidence;
  std::string text;
  for (const std::string& note : timing_notes(measure, ms, clock_ratio)) {
    for (const char* word : {"first repeat", "clocks fell", "got slower", "far off", "stayed wide"}) {
      if (note.find(word) != std::string::npos) text += (text.empty() ? "" : ", ") + std::string(word);
    }
    CHECK(note.find(": ") != std::string::npos);  // there is advice
  }
  return text;
}

std::vector<double> noisy(uint64_t seed, int64_t count) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> ms(2, 0.02);
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(ms(random));
  return values;
}

}  // namespace

TEST_CASE("steady repeats are not remarked on") {
  int remarks = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    for (const int64_t count : {1, 2, 3, 5, 20, 60}) remarks += noted(noisy(seed, count)).empty() ? 0 : 1;
  }
  CHECK(remarks < 18);  // 1 % of 1800
}

TEST_CASE("a slow first repeat is told from noise") {
  CHECK(noted({20, 10, 10.1, 9.9, 10}) == "first repeat");
  CHECK(noted({10.4, 10, 10.1, 9.9, 10}).empty());
  CHECK(noted({10.5, 10, 10, 10, 10}).empty());                // far off by the spread, but not slow
  CHECK(noted({20, 10, 18, 12, 25}).empty());                  // slow, but so are others
  CHECK(noted({20, 10, 10}).empty());                          // too few to tell
  CHECK(noted({20, 10, 10.1, 9.9, 10, 10, 21}) == "far off");  // another one is as slow
  CHECK(noted({5, 10, 10.1, 9.9, 10}).find("first repeat") == std::string::npos);
}

TEST_CASE("falling clocks and slowing repeats are remarked on once") {
  CHECK(noted({10, 10.1, 9.9, 10, 10}, 0.8) == "clocks fell");
  CHECK(noted({10, 10.1, 9.9, 10, 10}, 0.97).empty());
  CHECK(noted({10, 10.1, 9.9, 10, 10}, 0).empty());  // not measured
  std::vector<double> slowing = noisy(1, 30);
  for (size_t i = 15; i < slowing.size(); ++i) slowing[i] *= 1.2;
  CHECK(noted(slowing) == "got slower");
  CHECK(noted(slowing, 0.8) == "clocks fell");
  std::vector<double> speeding = slowing;
  std::reverse(speeding.begin(), speeding.end());
  CHECK(noted(speeding).empty());
}

TEST_CASE("single repeats far off and an interval that stays wide are remarked on") {
  std::vector<double> values = noisy(2, 20);
  values[7] *= 3;
  CHECK(noted(values) == "far off");
  CHECK(noted(noisy(2, 20), 1, 0.5).empty());
  CHECK(noted(noisy(2, 20), 1, 1e-6) == "stayed wide");
  CHECK(noted({1, 2}, 1, 0.5) == "stayed wide");
}
