// Exhibits that no schedule shows: the plan is right and the numbers are wrong. Two shards of keys are attended apart,
// in fp64, with the LSE that each project's kernel returned, and merged in base e.
#include "lib/judge.h"
#include "tests/catch.h"
#include "tests/lib/emulation.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

namespace ringfold {
namespace {

enum class LseKind { natural, base_2, smoothed };

struct Partial {
  std::vector<double> out;
  double lse = 0;
};

/// One query against keys [begin, end) of one head.
Partial attend(const Problem& problem, const std::vector<float>& q, const std::vector<float>& k,
               const std::vector<float>& v, int64_t begin, int64_t end, LseKind kind) {
  const auto dim = static_cast<size_t>(problem.heads.dim);
  const double scale = problem.softmax_scale();
  std::vector<double> mean(dim, 0);
  std::vector<double> logits;
  for (int64_t j = begin; j < end; ++j) {
    double dot = 0;
    for (size_t c = 0; c < dim; ++c) {
      const double key = k[static_cast<size_t>(j) * dim + c];
      dot += q[c] * key;
      mean[c] += key / static_cast<double>(end - begin);
    }
    logits.push_back(scale * dot);
  }
  Partial partial{std::vector<double>(dim, 0), 0};
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit - top);
  for (size_t j = 0; j < logits.size(); ++j) {
    const size_t row = (static_cast<size_t>(begin) + j) * dim;
    for (size_t c = 0; c < dim; ++c) partial.out[c] += std::exp(logits[j] - top) / sum * v[row + c];
  }
  partial.lse = top + std::log(sum);
  if (kind == LseKind::base_2) partial.lse /= std::log(2.0);
  if (kind == LseKind::smoothed) partial.lse -= scale * std::inner_product(mean.begin(), mean.end(), q.begin(), 0.0);
  return partial;
}

/// What the shipped criterion says about the merge of two such partial results; empty: right.
std::string verdict_on(LseKind kind) {
  Problem problem;
  problem.sequences = {{64, 0}};
  problem.heads = {1, 1, 32};
  problem.mask.kind = MaskKind::full;
  const GeneratedInputs inputs(problem, InputKind::peaked, 1);
  const size_t size = 64 * 32;
  std::vector<float> q(size), k(size), v(size), out(size), lse(64);
  inputs.read(InputTensor::q, {0, 0, 64}, 0, q.data());
  inputs.read(InputTensor::k, {0, 0, 64}, 0, k.data());
  inputs.read(InputTensor::v, {0, 0, 64}, 0, v.data());
  for (size_t row = 0; row < 64; ++row) {
    const std::vector<float> query(q.begin() + static_cast<std::ptrdiff_t>(row * 32),
                                   q.begin() + static_cast<std::ptrdiff_t>(row * 32 + 32));
    const Partial a = attend(problem, query, k, v, 0, 32, kind);
    const Partial b = attend(problem, query, k, v, 32, 64, kind);
    const double both = std::max(a.lse, b.lse) + std::log1p(std::exp(-std::abs(a.lse - b.lse)));
    for (size_t c = 0; c < 32; ++c) {
      out[row * 32 + c] = static_cast<float>(a.out[c] * std::exp(a.lse - both) + b.out[c] * std::exp(b.lse - both));
    }
    lse[row] = static_cast<float>(both);
  }
  Judge judge(inputs, 1e9, TokenSet());
  judge.prepare(query_set(problem), {0, 1});
  OutputRows rows;
  rows.tokens = query_set(problem);
  rows.heads = {0, 1};
  rows.out = out.data();
  rows.out_head_stride = static_cast<int64_t>(size);
  rows.out_token_stride = 32;
  rows.lse = lse.data();
  rows.lse_head_stride = 64;
  return judge.failure_of(judge.judge(rows, {2, 32}, 0));
}

bool told(const std::string& title, const std::string& source) {
  std::ifstream file(source_root() + "/docs/gallery.md");
  std::stringstream page;
  page << file.rdbuf();
  return page.str().find("## " + title + "\n") != std::string::npos && page.str().find(source) != std::string::npos;
}

TEST_CASE("partial results with natural LSEs merge right") { CHECK(verdict_on(LseKind::natural) == ""); }

TEST_CASE("an LSE in base 2 merged in base e is refused") {
  CAPTURE(verdict_on(LseKind::base_2));
  CHECK(verdict_on(LseKind::base_2).find("bound") != std::string::npos);
  CHECK(told("An LSE in base 2, merged in base e", "sgl-project/sglang, pull request 35045"));
}

TEST_CASE("an LSE relative to smoothed K is refused once it is merged") {
  CAPTURE(verdict_on(LseKind::smoothed));
  CHECK(verdict_on(LseKind::smoothed).find("bound") != std::string::npos);
  CHECK(told("An LSE relative to smoothed K", "ROCm/aiter, pull request 3334"));
}

TEST_CASE("an O that is rounded to 16 bits at every merge is refused") {
  Problem problem;
  problem.sequences = {{200, 0}};
  problem.heads = {4, 2, 32};
  problem.dtype = DType::bf16;
  const GeneratedInputs inputs(problem, InputKind::gauss, 3);
  Judge judge(inputs, 1e9, TokenSet());
  judge.prepare(query_set(problem), {0, 4});
  const auto verdict = [&](Fault fault) {
    const EmulatedResult result = emulate(inputs, query_set(problem), {16, fault, 8});
    return judge.failure_of(judge.judge(result.rows, {16, 0}, 0));
  };
  CHECK(verdict(Fault::none) == "");
  CAPTURE(verdict(Fault::narrow_merges));
  CHECK(verdict(Fault::narrow_merges) != "");
  CHECK(told("O rounded to 16 bits at every merge", "ivanium/sglang, pull request 2"));
}

}  // namespace
}  // namespace ringfold
