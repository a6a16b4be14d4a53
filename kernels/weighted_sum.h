#pragma once

namespace ringfold {

/// A weight in two floats whose sum is known to 2^-48 of it; below 2^-149 it is nothing.
struct SplitWeight {
  float high = 0.0f;
  float low = 0.0f;
};

constexpr SplitWeight split_weight(double weight) {
  const auto high = static_cast<float>(weight);
  // NaN and infinity must not become NaN by their rest.
  const float low = high - high == 0.0f ? static_cast<float>(weight - static_cast<double>(high)) : 0.0f;
  return {high, low};
}

/// Sum of weight x value that is as good as one in fp64 rounded once, made of fp32 operations: GPUs convert fp32 to
/// fp64 a fourth as fast as they would have to. Error: half a step of the result and 2^-45 of the sum of |weight x
/// value|. Where a term or the sum is not finite, value() is not, and says no more than that. Also for devices; `fma`
/// is the fused multiply-add of whoever calls. Must be compiled without contraction.
struct WeightedSum {
  float high = 0.0f;
  float low = 0.0f;

  /// As add() where nothing has been added.
  template <typename Fma>
  constexpr void begin(const SplitWeight& weight, float value, Fma fma) {
    high = weight.high * value;
    low = fma(weight.low, value, fma(weight.high, value, -high));
  }
  template <typename Fma>
  constexpr void add(const SplitWeight& weight, float value, Fma fma) {
    const float product = weight.high * value;
    const float rest = fma(weight.low, value, fma(weight.high, value, -product));
    // Knuth's two-sum: what high + product loses.
    const float sum = high + product;
    const float added = sum - high;
    const float lost = (high - (sum - added)) + (product - added);
    high = sum;
    low += lost + rest;
  }
  constexpr float value() const { return high + low; }
};

}  // namespace ringfold
