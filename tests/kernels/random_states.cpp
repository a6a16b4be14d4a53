#include "tests/kernels/random_states.h"

#include <cmath>

namespace ringfold::testing {

namespace {

int64_t draw(std::mt19937_64& random, int64_t least, int64_t most) {
  return std::uniform_int_distribution<int64_t>(least, most)(random);
}

Layout random_layout(std::mt19937_64& random) {
  return draw(random, 0, 1) == 0 ? Layout::heads_outer : Layout::tokens_outer;
}

float random_lse(std::mt19937_64& random) {
  switch (draw(random, 0, 11)) {
    case 0: return -std::numeric_limits<float>::infinity();
    case 1: return 3e38f;
    case 2: return -3e38f;
    case 3: return 1e4f;
    default: return std::normal_distribution<float>(5.0f, 3.0f)(random);
  }
}

}  // namespace

TokenSet random_tokens(std::mt19937_64& random) {
  std::vector<TokenRange> ranges;
  for (int64_t count = draw(random, 1, 4); count > 0; --count) {
    const int64_t begin = draw(random, 0, 30);
    ranges.push_back({draw(random, 0, 2), begin, begin + draw(random, 1, 40)});
  }
  return TokenSet(ranges);
}

HeadRange random_heads(std::mt19937_64& random) {
  const int64_t begin = draw(random, 0, 2);
  return {begin, begin + draw(random, 1, 3)};
}

RandomState::RandomState(std::mt19937_64& random, const TokenSet& tokens, const HeadRange& heads, int64_t dim)
    : o(DType::fp32, tokens, heads, dim, draw(random, 0, 3) == 0 ? draw(random, 1, 4) : 0, random_layout(random)),
      lse(DType::fp32, tokens, heads, 1, 0, random_layout(random)) {
  fill_normal(random, o, tokens.size(), dim);
  for (int64_t head = heads.begin; head < heads.end; ++head) {
    for (int64_t row = 0; row < tokens.size(); ++row) {
      const float value = random_lse(random);
      lse.write(head, row, {value});
      if (std::isinf(value)) o.write(head, row, std::vector<float>(static_cast<size_t>(dim), 0.0f));
    }
  }
}

void fill_normal(std::mt19937_64& random, Plane& plane, int64_t rows, int64_t channels) {
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(channels));
  for (int64_t head = plane.tensor().heads.begin; head < plane.tensor().heads.end; ++head) {
    for (int64_t row = 0; row < rows; ++row) {
      for (float& value : values) value = normal(random);
      plane.write(head, row, values);
    }
  }
}

bool same_values(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!(a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])))) return false;
  }
  return true;
}

}  // namespace ringfold::testing
