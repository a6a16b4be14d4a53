#include "lib/reference.h"

#include "tests/catch.h"
#include "tests/lib/streaming_reference.h"

#include <cmath>

namespace ringfold {
namespace {

constexpr double kAgreement = 1e-12;

double relative(double a, double b, double size) { return a == b ? 0 : std::abs(a - b) / std::max(size, 1e-300); }

void check_agreement(const ReferenceRow& a, const ReferenceRow& b) {
  REQUIRE(a.sums.keys == b.sums.keys);
  for (size_t c = 0; c < a.out.size(); ++c) REQUIRE(relative(a.out[c], b.out[c], b.sums.w + b.sums.o) < kAgreement);
  REQUIRE(relative(a.sums.lse, b.sums.lse, std::max(1.0, std::abs(b.sums.lse))) < kAgreement);
  const double RowSums::* fields[] = {&RowSums::o, &RowSums::w, &RowSums::t, &RowSums::h,
                                      &RowSums::a, &RowSums::b, &RowSums::f, &RowSums::peak};
  for (const auto field : fields) REQUIRE(relative(a.sums.*field, b.sums.*field, b.sums.*field) < 1e-9);
  for (int merged = 0; merged < 2; ++merged) {
    REQUIRE(relative(a.sums.dust[merged], b.sums.dust[merged], b.sums.dust[merged]) < 1e-9);
    REQUIRE(relative(a.sums.dust_v[merged], b.sums.dust_v[merged], b.sums.dust_v[merged]) < 1e-9);
  }
}

void check_references(Problem problem) {
  problem.sequences = {{70, 0}, {5, 300}, {0, 9}, {1, 0}};
  const TokenSet queries = query_set(problem);
  for (const Heads& heads : {Heads{4, 2, 16}, Heads{3, 3, 1}, Heads{2, 1, 72}}) {
    if (problem.rope && heads.dim % 2 != 0) continue;
    for (const Mask& mask : {Mask{}, Mask{MaskKind::full, 0}, Mask{MaskKind::window, 7}}) {
      for (InputKind kind :
           {InputKind::gauss, InputKind::peaked, InputKind::count, InputKind::needle, InputKind::cancel}) {
        problem.heads = heads;
        problem.mask = mask;
        const GeneratedInputs inputs(problem, kind, 5);
        for (int64_t head = 0; head < heads.query; ++head) {
          for (const TokenRange& range : queries.ranges()) {
            const HeadReference reference(inputs, range.sequence, head / heads.group());
            for (int64_t position = range.begin; position < range.end; position += 1 + position / 8) {
              ReferenceRow row;
              reference.attend({range.sequence, position, head}, row);
              check_agreement(row, streaming_reference(inputs, {range.sequence, position, head}));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("two references with different algorithms agree to 1e-12") { check_references({}); }

TEST_CASE("they agree with capped logits and rotated rows") {
  Problem capped;
  capped.softcap = 5;
  check_references(capped);
  Problem rotated;
  rotated.rope = Rope{500, RopeStyle::interleaved};
  check_references(rotated);
}

TEST_CASE("equal logits stay known under a softcap and rotation, needles do not") {
  Problem problem;
  problem.sequences = {{40, 9}};
  problem.heads = {2, 1, 16};
  problem.softcap = 30;
  problem.rope = Rope{};
  const GeneratedInputs count(problem, InputKind::count, 11);
  const HeadReference reference(count, 0, 0);
  for (int64_t position = 9; position < 49; ++position) {
    ReferenceRow answer, row;
    REQUIRE(count.known_answer({0, position, 1}, answer));
    reference.attend({0, position, 1}, row);
    for (size_t c = 0; c < row.out.size(); ++c) REQUIRE(relative(answer.out[c], row.out[c], row.sums.o) < 1e-12);
    REQUIRE(relative(answer.sums.lse, row.sums.lse, 1) < 1e-12);
  }
  const GeneratedInputs needle(problem, InputKind::needle, 11);
  ReferenceRow answer;
  CHECK(!needle.known_answer({0, 20, 1}, answer));
}

TEST_CASE("known answers agree with the reference far within the bounds") {
  Problem problem;
  problem.sequences = {{130, 0}, {40, 333}, {1, 0}, {2, 1}};
  const TokenSet queries = query_set(problem);
  for (const Heads& heads : {Heads{4, 2, 64}, Heads{2, 2, 16}, Heads{1, 1, 3}, Heads{1, 1, 1}}) {
    for (const Mask& mask : {Mask{}, Mask{MaskKind::full, 0}, Mask{MaskKind::window, 50}}) {
      for (InputKind kind : {InputKind::count, InputKind::needle}) {
        problem.heads = heads;
        problem.mask = mask;
        const GeneratedInputs inputs(problem, kind, 11);
        int64_t known = 0;
        for (const TokenRange& range : queries.ranges()) {
          for (int64_t head = 0; head < heads.query; ++head) {
            const HeadReference reference(inputs, range.sequence, head / heads.group());
            for (int64_t position = range.begin; position < range.end; ++position) {
              ReferenceRow answer, row;
              if (!inputs.known_answer({range.sequence, position, head}, answer)) continue;
              ++known;
              reference.attend({range.sequence, position, head}, row);
              const double allowed = kind == InputKind::count ? 1e-12 : 1e-6;  // needle: all but one key left out
              for (size_t c = 0; c < row.out.size(); ++c) {
                REQUIRE(relative(answer.out[c], row.out[c], row.sums.o) < allowed);
              }
              REQUIRE(relative(answer.sums.lse, row.sums.lse, std::max(1.0, row.sums.lse)) < allowed);
              const double RowSums::* fields[] = {&RowSums::o, &RowSums::w, &RowSums::t,
                                                  &RowSums::h, &RowSums::a, &RowSums::b};
              for (const auto field : fields) {
                REQUIRE(relative(answer.sums.*field, row.sums.*field, row.sums.*field) < allowed);
              }
            }
          }
        }
        if (kind == InputKind::count || heads.dim >= 16) {
          CHECK(known == problem.query_tokens() * heads.query);
        }
      }
    }
  }
}

}  // namespace
}  // namespace ringfold
