#include "lib/executor.h"

#include "tests/catch.h"
#include "tests/ring_fixture.h"
#include "tests/toy_kernel.h"

#include <cmath>
#include <cstring>

namespace ringfold {
namespace {

std::vector<float> floats(const std::vector<std::byte>& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

/// All rows of one kind of output (0: O, 1: LSE), rows in order of tokens: [head][token][channel].
std::vector<float> gathered(const Schedule& schedule, const Outputs& outputs, size_t kind) {
  const int64_t heads = schedule.problem.heads.query;
  const int64_t channels = kind == 0 ? schedule.problem.heads.dim : 1;
  std::vector<float> all;
  for (int64_t head = 0; head < heads; ++head) {
    for (size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
      const std::vector<float> mine = floats(outputs[2 * rank + kind]);
      const auto share = static_cast<int64_t>(mine.size()) / heads;
      all.insert(all.end(), mine.begin() + head * share, mine.begin() + (head + 1) * share);
    }
  }
  CHECK(static_cast<int64_t>(all.size()) == heads * schedule.problem.query_tokens() * channels);
  return all;
}

TEST_CASE("a hand-written ring gives what one rank gives") {
  const Heads heads{4, 2, 8};
  const Schedule alone = hand_written_ring(1, 37, heads);
  const Outputs expected = run_schedule(alone);
  for (const int ranks : {2, 3, 5, 8}) {
    const Schedule ring = hand_written_ring(ranks, 37, heads);
    const Outputs outputs = run_schedule(ring);
    for (const size_t kind : {0, 1}) {
      const std::vector<float> wanted = gathered(alone, expected, kind);
      const std::vector<float> got = gathered(ring, outputs, kind);
      REQUIRE(got.size() == wanted.size());
      double worst = 0;
      for (size_t i = 0; i < got.size(); ++i) {
        worst = std::max(worst, static_cast<double>(std::abs(got[i] - wanted[i])));
      }
      // 37 folds rounded to fp32, of values below 4.
      CHECK(worst < 37 * 4 * 6e-8);
    }
  }
}

}  // namespace
}  // namespace ringfold
