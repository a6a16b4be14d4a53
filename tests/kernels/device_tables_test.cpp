// What the GPU kernels are told, carried out by the host: runs of rows, and sums in pairs of floats.
#include "kernels/copy_tables.h"
#include "kernels/host_state.h"
#include "kernels/row_runs.h"
#include "kernels/state_parts.h"
#include "kernels/weighted_sum.h"
#include "tests/catch.h"
#include "tests/kernels/random_states.h"

#include <cmath>
#include <cstring>
#include <set>

using namespace ringfold;
using namespace ringfold::testing;

namespace {

float fused(float a, float b, float c) { return std::fma(a, b, c); }

/// A merge by its tables: rows as the device finds them, sums as the host makes them.
void merge_by_tables(const MergeTask& task) {
  const std::vector<StatePart> parts = parts_of(task.parts, task.state.o);
  const MergeTables tables = plan_merge(spans_of(task.state.o.segments), parts);
  const StateRows target = state_rows(task.state.o, &task.state.lse);
  std::vector<double> sums(static_cast<size_t>(task.dim));
  for (int64_t row = 0; row < tables.rows; ++row) {
    const MergeRun& run =
        tables.runs[static_cast<size_t>(find_run(tables.runs.data(), static_cast<int64_t>(tables.runs.size()), row))];
    const int64_t to = run.row + row - run.first;
    for (int64_t head = 0; head < task.state.o.heads.size(); ++head) {
      std::vector<StateRow> rows;
      for (int32_t e = run.entry; e < run.entry + run.entries; ++e) {
        const StatePart& part = parts[static_cast<size_t>(tables.entries[static_cast<size_t>(e)])];
        const int64_t part_head = head - part.target_head;
        if (part_head < 0 || part_head >= part.heads) continue;
        const StateRows& from = part.from;
        const int64_t r = to - part.target_row;
        rows.push_back({reinterpret_cast<const float*>(from.o) + part_head * from.o_head_stride + r * from.o_row_stride,
                        from.lse[part_head * from.lse_head_stride + r * from.lse_row_stride]});
      }
      target.lse[head * target.lse_head_stride + to * target.lse_row_stride] =
          merge_rows(rows, task.dim, sums.data(),
                     reinterpret_cast<float*>(target.o) + head * target.o_head_stride + to * target.o_row_stride);
    }
  }
}

void copy_by_tables(const CopyTask& task, std::set<int>& units) {
  const CopyTables tables = plan_copy(task);
  units.insert(tables.unit);
  for (int64_t head = 0; head < tables.heads; ++head) {
    for (int64_t row = 0; row < tables.rows; ++row) {
      const CopyRun& run =
          tables.runs[static_cast<size_t>(find_run(tables.runs.data(), static_cast<int64_t>(tables.runs.size()), row))];
      const int64_t index = row - run.first;
      const std::byte* from = tables.from + head * tables.from_head_stride + run.from + index * tables.from_stride;
      std::byte* to = tables.to + head * tables.to_head_stride + run.to + index * tables.to_stride;
      const int64_t bytes = index == run.rows - 1 ? run.last_bytes : tables.row_bytes;
      CHECK(reinterpret_cast<uintptr_t>(from) % static_cast<uintptr_t>(tables.unit) == 0);
      CHECK(reinterpret_cast<uintptr_t>(to) % static_cast<uintptr_t>(tables.unit) == 0);
      CHECK(bytes % tables.unit == 0);
      std::memcpy(to, from, static_cast<size_t>(bytes));
    }
  }
}

bool same_memory(const Plane& a, const Plane& b) {
  return a.memory().size() == b.memory().size() &&
         std::memcmp(a.memory().data(), b.memory().data(), a.memory().size()) == 0;
}

}  // namespace

TEST_CASE("a merge by its tables is the host's, and touches nothing else") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 60; ++round) {
    const int64_t dim = 1 + round % 5;
    std::vector<RandomState> parts;
    for (int part = 0; part < round % 7; ++part) {
      parts.emplace_back(random, random_tokens(random), random_heads(random), dim);
    }
    std::vector<RandomState> targets(2, RandomState(random, random_tokens(random), {0, 4}, dim));
    const RandomState& expected = targets[0];
    const RandomState& merged = targets[1];
    MergeTask task{{}, expected.tensor(), dim};
    for (const RandomState& part : parts) task.parts.push_back(part.tensor());
    merge_on_host(task);
    task.state = merged.tensor();
    merge_by_tables(task);
    INFO("round " << round);
    CHECK(same_memory(merged.o, expected.o));
    CHECK(same_memory(merged.lse, expected.lse));
  }
}

TEST_CASE("a merge's runs hold the fewest parts: those of their rows") {
  StatePart part;
  part.heads = 1;
  std::vector<StatePart> parts;
  for (int64_t i = 0; i < 100; ++i) {
    part.target_row = 10 * i;
    part.rows = 10;
    parts.push_back(part);
  }
  part.target_row = 995;
  part.rows = 20;
  parts.push_back(part);
  const RowSpan spans[] = {{990, 20}, {0, 500}};
  const MergeTables tables = plan_merge(spans, parts);
  CHECK(tables.rows == 520);
  CHECK(tables.most_entries == 2);
  CHECK(tables.runs.size() == 50 + 3);
  CHECK(tables.runs.back().row == 1000);
  CHECK(tables.runs.back().entries == 1);
}

TEST_CASE("a copy by its tables is the host's, in the largest units that fit") {
  std::mt19937_64 random(2);
  std::set<int> units;
  for (int round = 0; round < 300; ++round) {
    const DType dtype = round % 3 == 0 ? DType::fp32 : DType::bf16;
    const int64_t dim = std::vector<int64_t>{1, 2, 4, 8, 7, 64}[static_cast<size_t>(round) % 6];
    const auto plane = [&](const TokenSet& tokens, const HeadRange& heads) {
      return Plane(dtype, tokens, heads, dim, random() % 3 == 0 ? 8 : 0,
                   random() % 2 == 0 ? Layout::heads_outer : Layout::tokens_outer);
    };
    const TokenSet tokens = random_tokens(random);
    Plane from = plane(tokens, random_heads(random));
    fill_normal(random, from, tokens.size(), dim);
    Plane to = plane(round % 2 == 0 ? tokens : random_tokens(random), random_heads(random));
    const std::vector<std::byte> before(to.memory().begin(), to.memory().end());
    const CopyTask task{from.tensor(), to.tensor(), dim};
    copy_on_host(task);
    const std::vector<std::byte> expected(to.memory().begin(), to.memory().end());
    std::ranges::copy(before, to.memory().begin());
    copy_by_tables(task, units);
    INFO("round " << round);
    CHECK(std::ranges::equal(expected, to.memory()));
  }
  CHECK(units == std::set<int>{2, 4, 8, 16});
}

TEST_CASE("offsets beyond 2^32 bytes and rows beyond 2^31 are told exactly") {
  const int64_t rows = int64_t{5} << 30;
  Tensor from{nullptr, DType::fp32, 200, 200 * rows, {0, 3}, {{0, 0, rows, 7}}};
  Tensor to{nullptr, DType::fp32, 130, 130 * rows, {1, 3}, {{0, 10, rows, 0}}};
  const CopyTables tables = plan_copy({from, to, 128});
  CHECK(tables.rows == rows - 10);
  CHECK(tables.heads == 2);
  CHECK(tables.runs.front().from == 17 * 800);
  CHECK(reinterpret_cast<intptr_t>(tables.from) == 800 * rows);
  CHECK(tables.to_head_stride == 520 * rows);
  const std::vector<CopyRun> runs = {{0, 0, 0, rows, 4}, {rows, 0, 0, rows, 4}, {2 * rows, 0, 0, 1, 4}};
  CHECK(find_run(runs.data(), 3, rows - 1) == 0);
  CHECK(find_run(runs.data(), 3, rows) == 1);
  CHECK(find_run(runs.data(), 3, 2 * rows) == 2);
}

TEST_CASE("a walk meets each unit of a tile once") {
  for (const int32_t width : {1, 3, 8, 255, 256, 257, 1000}) {
    constexpr int32_t kRows = 7;
    std::vector<int> met(static_cast<size_t>(kRows * width), 0);
    for (int32_t thread = 0; thread < 256; ++thread) {
      for (TileWalk walk(thread, 256, width); walk.row < kRows; walk.next()) {
        ++met[static_cast<size_t>(walk.row) * static_cast<size_t>(width) + static_cast<size_t>(walk.unit)];
      }
    }
    INFO("width " << width);
    CHECK(std::ranges::count(met, 1) == kRows * width);
  }
}

TEST_CASE("sums in pairs of floats are as good as fp64 rounded once") {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  int different = 0;
  for (int round = 0; round < 20000; ++round) {
    WeightedSum sum;
    double exact = 0.0;
    double size = 0.0;
    double total = 0.0;
    std::vector<double> weights(static_cast<size_t>(2 + round % 9));
    for (double& weight : weights) total += weight = std::exp(4 * normal(random));
    for (double weight : weights) {
      const auto value = static_cast<float>(normal(random) * std::exp(10 * normal(random)));
      weight /= total;
      sum.add(split_weight(weight), value, fused);
      exact += weight * static_cast<double>(value);
      size += std::abs(weight * static_cast<double>(value));
    }
    const auto rounded = static_cast<float>(exact);
    different += sum.value() != rounded;
    const double step = std::abs(static_cast<double>(rounded)) * 0x1p-24;
    CHECK(std::abs(static_cast<double>(sum.value()) - exact) <= step * 1.0001 + size * 0x1p-45);
  }
  // Only where the exact sum lies next to the middle between two floats.
  CHECK(different <= 2);
}

TEST_CASE("a sum's special terms") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  WeightedSum none;
  CHECK(std::bit_cast<uint32_t>(none.value()) == 0u);
  WeightedSum infinite;
  infinite.add(split_weight(0.5), kInfinity, fused);
  infinite.add(split_weight(0.5), 1.0f, fused);
  CHECK_FALSE(std::isfinite(infinite.value()));
  CHECK(std::isnan(split_weight(std::numeric_limits<double>::quiet_NaN()).high));
  CHECK(split_weight(1e-60).high == 0.0f);
}
