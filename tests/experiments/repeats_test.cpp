#include "experiments/repeats.h"

#include "tests/catch.h"

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>

using namespace ringfold;

namespace {

using Round = std::vector<std::optional<double>>;

Measure measure(int64_t repeats, double min_seconds, std::optional<double> confidence) {
  Measure measure;
  measure.repeats = repeats;
  measure.min_seconds = min_seconds;
  measure.confidence = confidence;
  return measure;
}

/// Rounds until there are enough, if each is as `round` says.
int64_t rounds_of(const Measure& measure, size_t cases, const std::function<Round(int64_t)>& round) {
  Repeats repeats(measure, cases);
  while (!repeats.are_enough()) repeats.add(round(repeats.rounds()));
  return repeats.rounds();
}

}  // namespace

TEST_CASE("without more said there are as many repeats as asked for") {
  CHECK(rounds_of(measure(7, 0, {}), 2, [](int64_t) { return Round{1.0, 1e9}; }) == 7);
  CHECK_FALSE(Repeats(measure(7, 0, {}), 1).depend_on_time());
  CHECK(Repeats(measure(7, 1, {}), 1).depend_on_time());
  CHECK(Repeats(measure(7, 0, 0.1), 1).depend_on_time());
}

TEST_CASE("repeats go on until each case has been timed for min_seconds") {
  // The faster one, 10 ms a round, needs 50 rounds for half a second.
  CHECK(rounds_of(measure(3, 0.5, {}), 2, [](int64_t) { return Round{10.0, 100.0}; }) == 50);
  CHECK(rounds_of(measure(80, 0.5, {}), 2, [](int64_t) { return Round{10.0, 100.0}; }) == 80);
  CHECK(rounds_of(measure(3, 0.5, {}), 2, [](int64_t i) {
          return i < 10 ? Round{10.0, 100.0} : Round{std::nullopt, 100.0};
        }) == 11);  // a case that has failed holds nobody up
  CHECK(rounds_of(measure(3, 1e9, {}), 1, [](int64_t) { return Round{0.001}; }) == 10'000);
}

TEST_CASE("repeats go on until every interval is narrow enough") {
  const auto noisy = [](double noise) {
    return [noise, random = std::mt19937_64(1)](int64_t) mutable {
      std::normal_distribution<double> ms(10, 10 * noise);
      return Round{10.0 + 1e-9 * ms(random), ms(random)};
    };
  };
  const int64_t few = rounds_of(measure(5, 0, 0.01), 2, noisy(0.01));
  const int64_t many = rounds_of(measure(5, 0, 0.01), 2, noisy(0.05));
  CHECK(few >= 6);  // fewer have no interval of 95 %
  CHECK(few < 30);
  CHECK(many > 3 * few);  // as (noise / width)^2
  CHECK(rounds_of(measure(5, 0, 0.9), 2, noisy(0.01)) == 10);
  // 20 s a round, and no end of noise: given up after a minute.
  CHECK(rounds_of(measure(2, 0, 1e-9), 1, [](int64_t i) { return Round{2e4 + static_cast<double>(i)}; }) == 3);
}

TEST_CASE("the interval is relative to the median") {
  CHECK_FALSE(relative_half_width({1, 2, 3, 4, 5}).has_value());
  // Of six values the 95 % interval is all of them.
  CHECK(*relative_half_width({9, 10, 10, 10, 10, 11}) == Catch::Approx(0.1));
  CHECK(*relative_half_width({90, 100, 100, 100, 100, 110}) == Catch::Approx(0.1));
}

TEST_CASE("the order of a round is random, and the same wherever seed and round are") {
  std::map<std::vector<size_t>, int> seen;
  for (int64_t round = 0; round < 600; ++round) {
    const std::vector<size_t> order = round_order(99, round, 3);
    CHECK(order == round_order(99, round, 3));
    CHECK(std::set<size_t>(order.begin(), order.end()) == std::set<size_t>{0, 1, 2});
    ++seen[order];
  }
  CHECK(seen.size() == 6);
  for (const auto& [order, times] : seen) {
    CHECK(times > 60);  // 100 expected, with a standard deviation of 9
    CHECK(times < 140);
  }
  std::set<std::vector<size_t>> first;
  for (uint64_t seed = 0; seed < 100; ++seed) first.insert(round_order(seed << 32, 0, 5));
  CHECK(first.size() > 30);
  CHECK(round_order(1, 0, 0).empty());
}
