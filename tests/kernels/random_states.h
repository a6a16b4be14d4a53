#pragma once

#include "tests/kernels/attend_case.h"

#include <random>
#include <vector>

namespace ringfold::testing {

/// Tokens of up to three sequences, in ranges of odd lengths; never none.
TokenSet random_tokens(std::mt19937_64& random);
HeadRange random_heads(std::mt19937_64& random);

/// A state's planes, some of its rows empty and some LSEs extreme.
struct RandomState {
  Plane o;
  Plane lse;
  RandomState(std::mt19937_64& random, const TokenSet& tokens, const HeadRange& heads, int64_t dim);
  StateTensor tensor() const { return {o.tensor(), lse.tensor()}; }
};

/// Fills a plane's rows with normal numbers.
void fill_normal(std::mt19937_64& random, Plane& plane, int64_t rows, int64_t channels);

/// Bits that differ, NaN being equal to NaN and zero to zero.
bool same_values(std::span<const float> a, std::span<const float> b);

}  // namespace ringfold::testing
