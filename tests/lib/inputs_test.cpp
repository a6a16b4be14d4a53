#include "lib/inputs.h"

#include "tests/catch.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

namespace ringfold {
namespace {

Problem golden_problem(DType dtype) {
  Problem problem;
  problem.sequences = {{40, 0}, {7, 30}};
  problem.heads = {4, 2, 64};
  problem.dtype = dtype;
  return problem;
}

/// FNV-1a over the bits of Q, K and V in the order of an input file.
uint64_t hash_of(const Problem& problem, InputKind kind, uint64_t seed) {
  const GeneratedInputs inputs(problem, kind, seed);
  uint64_t hash = 0xcbf29ce484222325u;
  for (InputTensor tensor : {InputTensor::q, InputTensor::k, InputTensor::v}) {
    const bool queries = tensor == InputTensor::q;
    const TokenSet tokens = queries ? query_set(problem) : kv_set(problem);
    const int64_t heads = queries ? problem.heads.query : problem.heads.kv;
    const auto count = static_cast<size_t>(tokens.size() * heads * problem.heads.dim * bytes_of(problem.dtype));
    std::vector<unsigned char> bytes(count);
    write_rows(inputs, tensor, tokens, {0, heads}, bytes.data(), {heads * problem.heads.dim, problem.heads.dim});
    for (unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
  }
  return hash;
}

TEST_CASE("inputs are the same bits on every machine") {
  struct Golden {
    InputKind kind;
    DType dtype;
    uint64_t hash;
  };
  const Golden goldens[] = {
      {InputKind::gauss, DType::fp32, 0xe8130366c64de5f},   {InputKind::gauss, DType::bf16, 0x48ab96fe2472d127},
      {InputKind::gauss, DType::fp16, 0xd9e6e775160771e8},  {InputKind::peaked, DType::fp32, 0xec7da61d2b04941d},
      {InputKind::peaked, DType::bf16, 0xafc06cfd435ce6b0}, {InputKind::peaked, DType::fp16, 0x5e6997539a16bb26},
      {InputKind::count, DType::fp32, 0xf6b115ad01fda281},  {InputKind::count, DType::bf16, 0x24a20021b14931f8},
      {InputKind::count, DType::fp16, 0x63b8013a58c4d2d9},  {InputKind::needle, DType::fp32, 0xd8c17d7690ae691c},
      {InputKind::needle, DType::bf16, 0x9dc1f7cd5f5d182e}, {InputKind::needle, DType::fp16, 0x91bacdadd589798},
      {InputKind::cancel, DType::fp32, 0x568c04519ecb1635},
  };
  for (const Golden& golden : goldens) {
    INFO(to_string(golden.kind) << " " << to_string(golden.dtype));
    const uint64_t hash = hash_of(golden_problem(golden.dtype), golden.kind, 1);
    CHECK(fmt::format("{:#x}", hash) == fmt::format("{:#x}", golden.hash));
    CHECK(hash_of(golden_problem(golden.dtype), golden.kind, 2) != hash);
  }
}

TEST_CASE("gauss has the moments and the independence of a normal distribution") {
  Problem problem;
  problem.sequences = {{20000, 0}};
  problem.heads = {1, 1, 8};
  const GeneratedInputs inputs(problem, InputKind::gauss, 1);
  constexpr int64_t kCount = 20000 * 8;
  std::vector<float> k(kCount), v(kCount);
  inputs.read(InputTensor::k, {0, 0, 20000}, 0, k.data());
  inputs.read(InputTensor::v, {0, 0, 20000}, 0, v.data());
  double moments[4] = {}, product = 0, next_channel = 0, next_token = 0;
  for (size_t i = 0; i < kCount; ++i) {
    const double x = k[i];
    for (int power = 0; power < 4; ++power) moments[power] += std::pow(x, power + 1) / kCount;
    product += x * static_cast<double>(v[i]) / kCount;
    next_channel += x * static_cast<double>(k[(i + 1) % kCount]) / kCount;
    next_token += x * static_cast<double>(k[(i + 8) % kCount]) / kCount;
  }
  // Five standard errors of each estimate: sqrt(var(x^k) / count), at most sqrt(96 / count) for the fourth.
  const double error = 5 / std::sqrt(static_cast<double>(kCount));
  CHECK(std::abs(moments[0]) < error);
  CHECK(std::abs(moments[1] - 1) < error * std::sqrt(2.0));
  CHECK(std::abs(moments[2]) < error * std::sqrt(15.0));
  CHECK(std::abs(moments[3] - 3) < error * std::sqrt(96.0) + 2.0 / 64);  // 64 coins: kurtosis 2/64 below normal
  for (double correlation : {product, next_channel, next_token}) CHECK(std::abs(correlation) < error);
}

TEST_CASE("rows of any piece equal those of the whole, in any layout") {
  const Problem problem = golden_problem(DType::bf16);
  for (InputKind kind : {InputKind::gauss, InputKind::peaked, InputKind::count, InputKind::needle}) {
    const GeneratedInputs inputs(problem, kind, 9);
    const TokenSet part({{0, 3, 5}, {0, 17, 18}, {1, 29, 33}});
    std::vector<uint16_t> bytes(static_cast<size_t>(part.size() * 64));
    write_rows(inputs, InputTensor::k, part, {1, 2}, bytes.data(), {64, 0});
    std::vector<float> whole(64 * 37);
    inputs.read(InputTensor::k, {1, 0, 37}, 1, whole.data());
    for (size_t c = 0; c < 64; ++c) {
      const uint32_t bits = static_cast<uint32_t>(bytes[3 * 64 + c]) << 16;  // row 3 is sequence 1, position 29
      CHECK(std::memcmp(&bits, &whole[29 * 64 + c], sizeof(float)) == 0);
    }
  }
}

TEST_CASE("stored inputs are found by position, rounded to the dtype, and refused at the wrong size") {
  Problem problem;
  problem.sequences = {{2, 1}, {0, 2}, {1, 0}};
  problem.heads = {2, 1, 2};
  problem.dtype = DType::bf16;
  std::vector<float> q(3 * 2 * 2), k(6 * 2), v(6 * 2);
  for (size_t i = 0; i < q.size(); ++i) q[i] = static_cast<float>(i);
  for (size_t i = 0; i < k.size(); ++i) k[i] = 100 + static_cast<float>(i);
  v.assign(v.size(), 1.001f);
  const StoredInputs inputs(problem, {q, k, v});
  float row[2];
  inputs.read(InputTensor::q, {0, 2, 3}, 1, row);  // second new token, second head
  CHECK(row[0] == 6);
  inputs.read(InputTensor::q, {2, 0, 1}, 0, row);
  CHECK(row[1] == 9);
  inputs.read(InputTensor::k, {1, 1, 2}, 0, row);
  CHECK(row[0] == 108);
  inputs.read(InputTensor::v, {2, 0, 1}, 0, row);
  CHECK(row[0] == 1.0f);
  CHECK_THROWS_WITH(StoredInputs(problem, {q, v, std::vector<float>(3)}),
                    "input v: 3 elements, but the problem has 12");
}

}  // namespace
}  // namespace ringfold
