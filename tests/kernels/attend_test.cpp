// What every kernel must keep to, over a table of kernels and ugly shapes; `cpu_fast` once for each instruction set.
#include "kernels/cpu_fast.h"
#include "lib/error.h"
#include "tests/catch.h"
#include "tests/kernels/attend_case.h"

#include <atomic>
#include <cfenv>
#include <cstring>

using namespace ringfold;
using namespace ringfold::testing;

namespace {

struct Variant {
  std::string name;
  const VectorOps* ops;  // of cpu_fast; null: the table's kernel of that name

  std::unique_ptr<Kernel> make(const KernelOptions& options = {}) const {
    return ops ? make_cpu_fast(options, *ops) : find_kernel(name)->make(options);
  }
};

std::vector<Variant> variants() {
  std::vector<Variant> result = {{"cpu_reference", nullptr}};
  for (const VectorOps* ops : vector_ops()) result.push_back({fmt::format("cpu_fast with {}", ops->name), ops});
  return result;
}

constexpr Mask kCausal{MaskKind::causal, 0};
constexpr Mask kFull{MaskKind::full, 0};
constexpr Mask kWindow{MaskKind::window, 5};

bool same_bits(const AttendResult& a, const AttendResult& b) {
  return a.o.size() == b.o.size() && std::memcmp(a.o.data(), b.o.data(), a.o.size() * sizeof(float)) == 0 &&
         std::memcmp(a.lse.data(), b.lse.data(), a.lse.size() * sizeof(float)) == 0;
}

AttendCase one_sequence(const Heads& heads, const Mask& mask, int64_t cached, int64_t query) {
  AttendCase input;
  input.heads = heads;
  input.mask = mask;
  input.queries = TokenSet::range(0, cached, cached + query);
  input.query_heads = {0, heads.query};
  input.kv = {TokenSet::range(0, 0, cached + query)};
  return input;
}

// Both ways of attending keep to the bound and leave alone what is not theirs.
void check_case(const AttendCase& input) {
  for (const Variant& variant : variants()) {
    INFO(variant.name << ": " << describe(input));
    const auto kernel = variant.make();
    const AttendResult once = attend(*kernel, input);
    CHECK(once.poison_intact);
    CHECK(worst_ratio(input, once, 1) < 0.7);
    const AttendResult folded = attend(*kernel, input, Plan::folded);
    CHECK(folded.poison_intact);
    CHECK(worst_ratio(input, folded, std::ssize(input.kv)) < 0.7);
  }
}

// A case of everything at once: gaps, prefixes, sequences without queries or without keys, keys of strangers.
AttendCase ragged(DType dtype, const Mask& mask) {
  AttendCase input;
  input.heads = {7, 1, 20};
  input.mask = mask;
  input.dtype = dtype;
  input.queries = TokenSet({{0, 3, 40}, {0, 300, 340}, {1, 0, 4}, {2, 5, 6}, {4, 0, 9}, {5, 8, 9}});
  input.query_heads = {1, 6};
  input.kv = {TokenSet({{0, 290, 345}, {1, 2, 4}, {3, 0, 7}}),
              TokenSet({{0, 0, 270}, {1, 0, 1}, {4, 5, 30}, {7, 0, 2}}), TokenSet({{0, 271, 280}, {5, 8, 9}})};
  input.padding = 3;
  return input;
}

}  // namespace

TEST_CASE("every instruction set that this machine has is tested") {
  for (const VectorOps* ops : {avx512_ops(), avx2_ops(), portable_ops()}) {
    if (!ops) continue;
    if (std::ranges::count(vector_ops(), ops) == 0) WARN("not tested: this machine has no " << ops->name);
  }
  CHECK(vector_ops().back() == portable_ops());
}

TEST_CASE("every number of rows from 0 to 33") {
  for (int64_t rows = 0; rows <= 33; ++rows) {
    const Mask mask = rows % 3 == 0 ? kCausal : rows % 3 == 1 ? kFull : kWindow;
    check_case(one_sequence({2, 1, 8}, mask, rows % 5, rows));
  }
}

TEST_CASE("odd head dims and groups, in every dtype") {
  int64_t index = 0;
  for (const int64_t dim : {1, 3, 16, 64, 80, 128, 256}) {
    for (const int64_t group : {1, 2, 4, 7}) {
      AttendCase input = one_sequence({2 * group, 2, dim}, kCausal, index % 4, 11);
      input.dtype = std::array{DType::fp32, DType::bf16, DType::fp16}[static_cast<size_t>(index++ % 3)];
      input.layout = index % 2 == 0 ? Layout::heads_outer : Layout::tokens_outer;
      input.padding = index % 5;
      check_case(input);
    }
  }
}

TEST_CASE("few queries against many keys, in pieces that end anywhere") {
  for (int64_t index = 0; index < 18; ++index) {
    const Mask mask = std::array{kCausal, kFull, Mask{MaskKind::window, 77}}[static_cast<size_t>(index / 3 % 3)];
    AttendCase input = one_sequence({8, 2, index % 2 == 0 ? 64 : 80}, mask, 600, 1 + index % 5);
    input.dtype = std::array{DType::fp32, DType::bf16, DType::fp16}[static_cast<size_t>(index % 3)];
    input.kv = {TokenSet({{0, 0, 5}, {0, 255, 270}, {0, 511, 601 + index % 5}}),
                TokenSet({{0, 5, 255}, {0, 270, 511}})};
    check_case(input);
  }
}

TEST_CASE("keys cut anywhere into pieces, in any order") {
  for (int64_t cut = 0; cut <= 20; ++cut) {
    AttendCase input = one_sequence({2, 1, 16}, cut % 2 == 0 ? kCausal : kWindow, 6, 14);
    input.kv = {TokenSet::range(0, cut, 20), TokenSet::range(0, 0, cut / 2), TokenSet::range(0, cut / 2, cut)};
    check_case(input);
  }
}

TEST_CASE("ragged batches over tile borders") {
  for (const DType dtype : {DType::fp32, DType::bf16, DType::fp16}) {
    for (const Mask& mask : {kCausal, kFull, Mask{MaskKind::window, 100}}) check_case(ragged(dtype, mask));
  }
}

TEST_CASE("scores from nothing to peaks") {
  for (const float sharpness : {0.0f, 1e-3f, 10.0f, 100.0f}) {
    AttendCase input = one_sequence({1, 1, 64}, kCausal, 500, 40);
    input.sharpness = sharpness;
    check_case(input);
  }
}

TEST_CASE("capped scores, from those that the cap leaves alone to those that it flattens") {
  for (const float sharpness : {0.0f, 1e-4f, 1.0f, 30.0f, 3000.0f}) {
    for (const Mask& mask : {kCausal, kFull, kWindow}) {
      AttendCase input = one_sequence({6, 2, 40}, mask, 30, 41);
      input.sharpness = sharpness;
      for (const double softcap : {0.5, 50.0}) {
        input.softcap = softcap;
        check_case(input);
      }
    }
  }
}

TEST_CASE("64K keys") {
  for (const float sharpness : {0.0f, 1.0f, 20.0f}) {
    AttendCase input = one_sequence({1, 1, 4}, kCausal, 65536 - 2, 2);
    input.sharpness = sharpness;
    for (const Variant& variant : variants()) {
      INFO(variant.name << ": sharpness " << sharpness);
      CHECK(worst_ratio(input, attend(*variant.make(), input), 1) < 0.7);
    }
  }
}

TEST_CASE("rows that see nothing are exactly empty, and leave a state alone when folded") {
  for (const Variant& variant : variants()) {
    INFO(variant.name);
    const auto kernel = variant.make();
    // Keys after all queries; keys of another sequence; no keys at all.
    for (const TokenSet& keys : {TokenSet::range(0, 9, 12), TokenSet::range(1, 0, 3), TokenSet()}) {
      AttendCase input = one_sequence({2, 1, 3}, kCausal, 4, 5);
      input.kv = {keys};
      const AttendResult empty = attend(*kernel, input);
      CHECK(std::ranges::all_of(empty.o, [](float o) { return o == 0.0f && !std::signbit(o); }));
      CHECK(std::ranges::all_of(empty.lse, [](float l) { return l == -std::numeric_limits<float>::infinity(); }));
      CHECK(worst_ratio(input, empty, 1) == 0.0);

      input.kv = {TokenSet::range(0, 0, 3)};
      const AttendResult alone = attend(*kernel, input);
      input.kv.push_back(keys);
      CHECK(same_bits(attend(*kernel, input, Plan::folded), alone));
      std::swap(input.kv[0], input.kv[1]);
      CHECK(same_bits(attend(*kernel, input, Plan::folded), alone));
    }
  }
}

TEST_CASE("what stands outside the segments changes no bit") {
  for (const DType dtype : {DType::fp32, DType::bf16, DType::fp16}) {
    for (const Mask& mask : {kCausal, kFull, kWindow}) {
      for (const Variant& variant : variants()) {
        AttendCase input = ragged(dtype, mask);
        INFO(variant.name << ": " << describe(input));
        const auto kernel = variant.make();
        const AttendResult poisoned = attend(*kernel, input);
        for (const float other : {0.0f, std::numeric_limits<float>::infinity(), -1e30f}) {
          input.poison = other;
          const AttendResult result = attend(*kernel, input);
          CHECK(result.poison_intact);
          CHECK(same_bits(result, poisoned));
        }
      }
    }
  }
}

TEST_CASE("threads, repetition and the order of pieces change no bit") {
  AttendCase input = ragged(DType::fp32, kCausal);
  input.queries = unite(input.queries, TokenSet::range(0, 0, 340));
  for (const Variant& variant : variants()) {
    INFO(variant.name);
    const auto kernel = variant.make();
    const AttendResult first = attend(*kernel, input);
    CHECK(same_bits(attend(*kernel, input), first));
    AttendCase turned = input;
    std::ranges::reverse(turned.kv);
    CHECK(same_bits(attend(*kernel, turned), first));
    for (const int threads : {2, 3}) CHECK(same_bits(attend(*variant.make({threads, {}}), input), first));
  }
}

TEST_CASE("a NaN among the inputs is not hidden") {
  // The value of one key turned to NaN by way of an infinite query: every row that sees it must say so.
  for (const Variant& variant : variants()) {
    AttendCase input = one_sequence({1, 1, 8}, kFull, 0, 20);
    input.sharpness = std::numeric_limits<float>::infinity();
    const AttendResult result = attend(*variant.make(), input);
    INFO(variant.name);
    CHECK(std::ranges::all_of(result.o, [](float o) { return std::isnan(o); }));
  }
}

TEST_CASE("long attends give signs of life, and leave the floating-point state alone") {
  for (const Variant& variant : variants()) {
    INFO(variant.name);
    std::atomic<int> ticks = 0;
    const auto kernel = variant.make({2, [&] { ++ticks; }});
    const AttendCase input = one_sequence({1, 1, 4}, kCausal, 0, 2000);
    std::fesetround(FE_TONEAREST);
    std::fenv_t before;
    std::fegetenv(&before);
    attend(*kernel, input);
    CHECK(std::fegetround() == FE_TONEAREST);
    // Denormals still count.
    volatile float tiny = std::numeric_limits<float>::min();
    tiny = tiny / 4.0f;
    CHECK(tiny != 0.0f);
    CHECK(ticks >= 8);
  }
}
