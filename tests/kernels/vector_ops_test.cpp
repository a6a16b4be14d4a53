#include "kernels/vector_ops.h"

#include "lib/dtype.h"
#include "tests/catch.h"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

using namespace ringfold;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> exp2_of(const VectorOps& ops, std::vector<float> x) {
  x.resize((x.size() + 15) / 16 * 16);
  std::vector<float> y(x.size());
  ops.exp2(x.data(), std::ssize(x), y.data());
  return y;
}

size_t index(int i, int j, int stride) { return static_cast<size_t>(i * stride + j); }

}  // namespace

TEST_CASE("exp2 is exact where it must be, and within 4 x 2^-24 elsewhere") {
  for (const VectorOps* ops : vector_ops()) {
    INFO(ops->name);
    const std::vector<float> exact =
        exp2_of(*ops, {0.0f, -0.0f, -1.0f, -2.0f, -126.0f, -127.0f, -128.0f, -1e30f, -kInfinity,
                       std::numeric_limits<float>::lowest(), std::numeric_limits<float>::quiet_NaN()});
    CHECK(exact[0] == 1.0f);
    CHECK(exact[1] == 1.0f);
    CHECK(exact[2] == 0.5f);
    CHECK(exact[3] == 0.25f);
    CHECK(exact[4] == 0x1p-126f);
    for (size_t i = 5; i < 10; ++i) CHECK(std::bit_cast<uint32_t>(exact[i]) == 0u);
    CHECK(std::isnan(exact[10]));

    // Every 499th float of [-126, -2^-30].
    std::vector<float> x;
    const uint32_t last = std::bit_cast<uint32_t>(126.0f);
    for (uint32_t bits = std::bit_cast<uint32_t>(0x1p-30f); bits <= last; bits += 499) {
      x.push_back(-std::bit_cast<float>(bits));
    }
    const std::vector<float> y = exp2_of(*ops, x);
    double worst = 0.0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double wanted = std::exp2(static_cast<double>(x[i]));
      worst = std::max(worst, std::abs(static_cast<double>(y[i]) - wanted) / wanted);
    }
    INFO("worst relative error " << worst * 0x1p24 << " x 2^-24 over " << x.size() << " values");
    CHECK(worst < (ops == portable_ops() ? 4 : 3) * 0x1p-24);
  }
}

TEST_CASE("capped scores are factor tanh, within 4 x 2^-24 and the product's rounding") {
  for (const VectorOps* ops : vector_ops()) {
    INFO(ops->name);
    const auto capped = [&](std::vector<float> x, float factor) {
      ops->cap_scores(x.data(), 16, 16, static_cast<int>(x.size() / 16), factor);
      return x;
    };
    std::vector<float> special(16, 0.0f);
    special[1] = -0.0f, special[2] = kInfinity, special[3] = -kInfinity, special[4] = 20.0f, special[5] = -20.0f;
    special[6] = std::numeric_limits<float>::quiet_NaN(), special[7] = 0x1p-126f, special[8] = 1e38f;
    const std::vector<float> exact = capped(special, 1.0f);
    CHECK(exact[0] == 0.0f);
    CHECK(exact[2] == 1.0f);
    CHECK(exact[3] == -1.0f);
    CHECK(exact[4] == 1.0f);
    CHECK(exact[5] == -1.0f);
    CHECK(std::isnan(exact[6]));
    CHECK(exact[7] == 0x1p-126f);
    CHECK(exact[8] == 1.0f);

    std::vector<float> x;  // every 499th float of [2^-30, 30], signs alternating
    for (uint32_t bits = std::bit_cast<uint32_t>(0x1p-30f); bits < std::bit_cast<uint32_t>(30.0f); bits += 499) {
      x.push_back(x.size() % 2 == 0 ? std::bit_cast<float>(bits) : -std::bit_cast<float>(bits));
    }
    x.resize(x.size() / 16 * 16);
    for (const float factor : {1.0f, 72.134752f}) {
      const std::vector<float> y = capped(x, factor);
      double worst = 0.0;
      for (size_t i = 0; i < x.size(); ++i) {
        const double wanted = static_cast<double>(factor) * std::tanh(static_cast<double>(x[i]));
        worst = std::max(worst, std::abs((static_cast<double>(y[i]) - wanted) / wanted));
      }
      INFO("factor " << factor << ", worst relative error " << worst * 0x1p24 << " x 2^-24");
      CHECK(worst < (factor == 1.0f ? 4 : 5) * 0x1p-24);
    }

    // Only rows and keys of the tile are touched.
    std::vector<float> tile(size_t{3} * 40, 0.25f);
    ops->cap_scores(tile.data(), 40, 16, 2, 1.0f);
    for (size_t i = 0; i < tile.size(); ++i) CHECK((tile[i] != 0.25f) == (i % 40 < 16 && i / 40 < 2));
  }
}

TEST_CASE("scores fold into the running softmax as one after the other would") {
  constexpr int kRows = 32, kStride = 40;
  for (const VectorOps* ops : vector_ops()) {
    for (const int keys : {1, 2, 5, 16, 31, 32, 33, 67}) {
      for (const bool masked : {false, true}) {
        INFO(ops->name << ", keys " << keys << ", masked " << masked);
        std::vector<float> scores(static_cast<size_t>(keys * kStride), std::numeric_limits<float>::quiet_NaN());
        std::vector<int32_t> first(kRows), end(kRows);
        for (int row = 0; row < kRows; ++row) {
          first[static_cast<size_t>(row)] = row % 4;
          end[static_cast<size_t>(row)] = row % (keys + 1);
          for (int key = 0; key < keys; ++key) {
            scores[static_cast<size_t>(key * kStride + row)] = 3.0f * std::sin(static_cast<float>(key * 7 + row * 3));
          }
        }
        const std::vector<float> before = scores;
        std::vector<float> maximum(kRows, std::numeric_limits<float>::lowest()), sum(kRows, 0.0f), correction(kRows);
        for (size_t row = 0; row < kRows; row += 2) maximum[row] = 2.5f, sum[row] = 1.5f;
        const std::vector<float> maximum_before = maximum, sum_before = sum;
        ops->fold_scores({scores.data(), kStride, kRows, keys, masked ? first.data() : nullptr,
                          masked ? end.data() : nullptr, maximum.data(), sum.data(), correction.data()});
        for (size_t row = 0; row < kRows; ++row) {
          float largest = maximum_before[row];
          const auto seen = [&](int key) { return !masked || (first[row] <= key && key < end[row]); };
          const auto at = [&](int key) { return static_cast<size_t>(key * kStride) + row; };
          for (int key = 0; key < keys; ++key) {
            if (seen(key)) largest = std::max(largest, before[at(key)]);
          }
          REQUIRE(maximum[row] == largest);
          const double scale = std::exp2(static_cast<double>(maximum_before[row]) - static_cast<double>(largest));
          double total = static_cast<double>(sum_before[row]) * scale;
          for (int key = 0; key < keys; ++key) {
            const double weight = seen(key) ? std::exp2(static_cast<double>(before[at(key)] - largest)) : 0.0;
            REQUIRE(static_cast<double>(scores[at(key)]) == Catch::Approx(weight).epsilon(1e-6).margin(0.0));
            total += weight;
          }
          REQUIRE(static_cast<double>(sum[row]) == Catch::Approx(total).epsilon(1e-6).margin(0.0));
          REQUIRE(static_cast<double>(correction[row]) == Catch::Approx(scale).epsilon(1e-6).margin(1e-37));
        }
      }
    }
  }
}

TEST_CASE("rows of keys are scored and weighed as sums in any order are, each with the same bits among any others") {
  constexpr int kPadding = 3, kStride = 20;
  for (const VectorOps* ops : vector_ops()) {
    for (const int dim : {16, 48, 80, 128}) {
      for (const int rows : {4, 8, 16}) {
        const auto value = [](int i, int j, int salt) { return std::sin(static_cast<float>(i * 37 + j * 11 + salt)); };
        std::vector<float> q(static_cast<size_t>(rows * dim)),
            k(static_cast<size_t>(17 * (dim + kPadding)), std::numeric_limits<float>::quiet_NaN());
        for (int row = 0; row < rows; ++row) {
          for (int c = 0; c < dim; ++c) q[index(row, c, dim)] = value(row, c, 1);
        }
        for (int key = 0; key < 17; ++key) {
          for (int c = 0; c < dim; ++c) k[index(key, c, dim + kPadding)] = value(key, c, 2);
        }
        const auto key_rows = [&](int first, int count) {
          return KeyRows{k.data() + first * (dim + kPadding), dim + kPadding, count};
        };
        std::vector<float> scores(17 * kStride, -1.0f), alone(17 * kStride, -1.0f);
        ops->score_rows(key_rows(0, 17), q.data(), rows, dim, scores.data(), kStride);
        std::vector<float> sums(static_cast<size_t>(rows * dim), 0.5f), single = sums;
        ops->weigh_rows(key_rows(0, 17), scores.data(), kStride, rows, dim, sums.data());
        for (int key = 0; key < 17; ++key) {
          ops->score_rows(key_rows(key, 1), q.data(), rows, dim, alone.data() + key * kStride, kStride);
          ops->weigh_rows(key_rows(key, 1), scores.data() + key * kStride, kStride, rows, dim, single.data());
        }
        INFO(ops->name << ", dim " << dim << ", rows " << rows);
        REQUIRE(scores == alone);
        REQUIRE(sums == single);
        for (int row = 0; row < kStride; ++row) {
          for (int key = 0; key < 17; ++key) {
            double wanted = row < rows ? 0.0 : -1.0;
            for (int c = 0; c < dim && row < rows; ++c) wanted += double{value(row, c, 1)} * double{value(key, c, 2)};
            REQUIRE(double{scores[index(key, row, kStride)]} == Catch::Approx(wanted).margin(1e-5));
          }
          for (int c = 0; c < dim && row < rows; ++c) {
            double wanted = 0.5;
            for (int key = 0; key < 17; ++key) {
              wanted += double{scores[index(key, row, kStride)]} * double{value(key, c, 2)};
            }
            REQUIRE(double{sums[index(row, c, dim)]} == Catch::Approx(wanted).epsilon(1e-5).margin(1e-4));
          }
        }
      }
    }
  }
}

TEST_CASE("output folds, transposes and conversions are exact, and touch nothing else") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const VectorOps* ops : vector_ops()) {
    INFO(ops->name);
    for (const int rows : {1, 7, 8, 9, 16, 33}) {
      for (const int columns : {1, 3, 8, 15, 24, 80}) {
        std::vector<float> from(static_cast<size_t>(rows * (columns + 2)), kNan);
        for (int i = 0; i < rows; ++i) {
          for (int j = 0; j < columns; ++j) from[index(i, j, columns + 2)] = static_cast<float>(100 * i + j);
        }
        std::vector<float> to(static_cast<size_t>(columns * (rows + 1)), -1.0f);
        ops->transpose(from.data(), columns + 2, rows, columns, to.data(), rows + 1);
        for (int j = 0; j < columns; ++j) {
          for (int i = 0; i < rows; ++i) REQUIRE(to[index(j, i, rows + 1)] == static_cast<float>(100 * i + j));
          REQUIRE(to[index(j, rows, rows + 1)] == -1.0f);
        }
      }
    }
    std::vector<float> o(3 * 20, 2.0f), part(3 * 20, 0.5f), correction(16, 0.25f);
    ops->fold_output(o.data(), part.data(), correction.data(), 3, 16, 20);
    for (size_t i = 0; i < o.size(); ++i) REQUIRE(o[i] == (i % 20 < 16 ? 1.0f : 2.0f));

    for (const DType dtype : {DType::fp32, DType::bf16, DType::fp16}) {
      std::vector<uint32_t> stored(600);
      std::vector<float> wanted(1100), got(1101, -1.0f);
      for (size_t i = 0; i < wanted.size(); ++i) {
        wanted[i] = round_to(dtype, std::ldexp(std::sin(static_cast<float>(i)), static_cast<int>(i % 40) - 20));
      }
      if (dtype == DType::fp32) stored.resize(1100);
      store_floats(dtype, wanted.data(), std::ssize(wanted), stored.data());
      for (const int64_t count : {0, 1, 7, 8, 9, 31, 1100}) {
        std::ranges::fill(got, -1.0f);
        ops->load(dtype, stored.data(), count, got.data());
        REQUIRE(std::equal(got.begin(), got.begin() + count, wanted.begin()));
        REQUIRE(got[static_cast<size_t>(count)] == -1.0f);
      }
    }
  }
}
