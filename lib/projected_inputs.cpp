#include "lib/projected_inputs.h"

#include "lib/dtype.h"
#include "lib/error.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace ringfold {

namespace {

constexpr int64_t kRowsAtOnce = 8;  // so that weights are read from memory less often

/// The largest power of two of which all values are whole multiples; infinite if all are 0.
double grid_of(const std::vector<float>& values) {
  int lowest = 1000;
  for (const float value : values) {
    if (value == 0) continue;
    int exponent = 0;
    const auto digits = static_cast<uint32_t>(std::ldexp(std::abs(std::frexp(value, &exponent)), 24));
    lowest = std::min(lowest, exponent - 24 + std::countr_zero(digits));
  }
  return std::ldexp(1.0, lowest);
}

double norm_of(const std::vector<float>& values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  return std::sqrt(squares);
}

/// sums[row][c] += sum over i of x[row][i] w[i][c]; with `squares`, of the products' squares.
void add_products(const float* x, int64_t rows, int64_t hidden, const float* w, int64_t dim, bool squares,
                  double* __restrict sums) {
  for (int64_t i = 0; i < hidden; ++i) {
    for (int64_t row = 0; row < rows; ++row) {
      const double factor = x[row * hidden + i];
      double* to = sums + row * dim;
      if (squares) {
        for (int64_t c = 0; c < dim; ++c) to[c] += factor * factor * (double{w[i * dim + c]} * double{w[i * dim + c]});
      } else {
        for (int64_t c = 0; c < dim; ++c) to[c] += factor * double{w[i * dim + c]};
      }
    }
  }
}

/// How far a sum of `hidden` products in fp32 may lie from the exact one, `size` being what it rounds on the way. A
/// product that is not a normal number loses up to a step.
double sum_doubt(DType dtype, int64_t hidden, double size) {
  const auto terms = static_cast<double>(hidden);
  const double truncated = dtype == DType::fp32 ? 0 : terms / 16;
  return 0x1p-24 * (8 + 2 * std::sqrt(terms) + truncated) * size + terms * smallest_step(DType::fp32);
}

}  // namespace

ProjectedInputs::ProjectedInputs(std::unique_ptr<InputSource> given)
    : InputSource(given->problem()), given_(std::move(given)) {
  for (const InputTensor tensor : {InputTensor::wq, InputTensor::wk, InputTensor::wv}) {
    const InputShape shape = input_shape(problem(), tensor);
    const int64_t dim = shape.channels;
    auto& heads = weights_[static_cast<size_t>(tensor) - static_cast<size_t>(InputTensor::wq)];
    for (int64_t head = 0; head < shape.heads; ++head) {
      HeadWeights weights;
      weights.values.resize(static_cast<size_t>(shape.rows.size() * dim));
      given_->read(tensor, shape.rows.ranges().front(), head, weights.values.data());
      weights.grid = grid_of(weights.values);
      std::vector<double> squares(static_cast<size_t>(dim));
      for (size_t i = 0; i < weights.values.size(); ++i) {
        squares[i % static_cast<size_t>(dim)] += double{weights.values[i]} * double{weights.values[i]};
      }
      weights.longest = std::sqrt(*std::max_element(squares.begin(), squares.end()));
      heads.push_back(std::move(weights));
    }
  }
}

const ProjectedInputs::HeadWeights& ProjectedInputs::weights_of(InputTensor tensor, int64_t head) const {
  const bool is_weight = tensor >= InputTensor::wq;
  const auto index = static_cast<size_t>(tensor) - (is_weight ? static_cast<size_t>(InputTensor::wq) : 0);
  return weights_[index][static_cast<size_t>(head)];
}

void ProjectedInputs::read(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const {
  if (tensor == InputTensor::x) return given_->read(tensor, tokens, head, out);
  const int64_t dim = problem().heads.dim;
  const HeadWeights& weights = weights_of(tensor, head);
  if (tensor >= InputTensor::wq) {
    std::copy_n(weights.values.data() + tokens.begin * dim, tokens.size() * dim, out);
    return;
  }
  const int64_t hidden = problem().layer->hidden;
  std::vector<float> x(static_cast<size_t>(kRowsAtOnce * hidden));
  std::vector<double> sums(static_cast<size_t>(kRowsAtOnce * dim));
  for (int64_t begin = tokens.begin; begin < tokens.end; begin += kRowsAtOnce) {
    const int64_t rows = std::min(kRowsAtOnce, tokens.end - begin);
    given_->read(InputTensor::x, {tokens.sequence, begin, begin + rows}, 0, x.data());
    std::fill(sums.begin(), sums.end(), 0.0);
    add_products(x.data(), rows, hidden, weights.values.data(), dim, false, sums.data());
    for (int64_t i = 0; i < rows * dim; ++i) {
      *out++ = round_to(problem().dtype, static_cast<float>(sums[static_cast<size_t>(i)]));
    }
  }
}

void ProjectedInputs::read_doubts(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const {
  InputSource::read_doubts(tensor, tokens, head, out);
  if (tensor >= InputTensor::x) return;
  const int64_t dim = problem().heads.dim;
  const int64_t hidden = problem().layer->hidden;
  const DType dtype = problem().dtype;
  const HeadWeights& weights = weights_of(tensor, head);
  std::vector<float> x(static_cast<size_t>(hidden));
  std::vector<double> sums(static_cast<size_t>(dim));
  std::vector<double> squares(sums.size());
  for (int64_t position = tokens.begin; position < tokens.end; ++position, out += dim) {
    given_->read(InputTensor::x, {tokens.sequence, position, position + 1}, 0, x.data());
    // No partial sum of the products' magnitudes is above this (Cauchy-Schwarz).
    const double grid = grid_of(x) * weights.grid;
    if (norm_of(x) * weights.longest < 0x1p24 * grid && grid >= smallest_step(DType::fp32)) continue;
    std::fill(sums.begin(), sums.end(), 0.0);
    std::fill(squares.begin(), squares.end(), 0.0);
    add_products(x.data(), 1, hidden, weights.values.data(), dim, false, sums.data());
    add_products(x.data(), 1, hidden, weights.values.data(), dim, true, squares.data());
    for (int64_t c = 0; c < dim; ++c) {
      const double sum = sums[static_cast<size_t>(c)];
      const double size = std::sqrt(sum * sum + squares[static_cast<size_t>(c)]);
      const auto rounded = [&](double value) { return round_to(dtype, static_cast<float>(value)); };
      const double doubt = sum_doubt(dtype, hidden, size);
      const float middle = rounded(sum);
      out[c] = std::max(rounded(sum + doubt) - middle, middle - rounded(sum - doubt));
    }
  }
}

std::optional<ProjectionOverflow> find_overflow(DType dtype, std::span<const float> x, std::span<const float> weights) {
  const auto hidden = std::ssize(x);
  const auto columns = static_cast<size_t>(std::ssize(weights) / hidden);
  std::vector<double> sums(columns);
  std::vector<double> magnitudes(columns);  // no partial sum is larger
  for (size_t i = 0; i < x.size(); ++i) {
    for (size_t c = 0; c < columns; ++c) {
      const double product = double{x[i]} * double{weights[i * columns + c]};
      sums[c] += product;
      magnitudes[c] += std::abs(product);
    }
  }
  for (size_t c = 0; c < columns; ++c) {
    const double largest = std::abs(sums[c]) + sum_doubt(dtype, hidden, std::hypot(sums[c], magnitudes[c]));
    const auto column = static_cast<int64_t>(c);
    if (magnitudes[c] > std::numeric_limits<float>::max()) return ProjectionOverflow{column, magnitudes[c]};
    if (!std::isfinite(round_to(dtype, static_cast<float>(largest)))) return ProjectionOverflow{column, largest};
  }
  return std::nullopt;
}

}  // namespace ringfold
