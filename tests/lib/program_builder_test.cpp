#include "lib/program_builder.h"

#include "tests/catch.h"

namespace ringfold {
namespace {

Problem problem_of(MaskKind mask, int64_t window = 0) {
  Problem problem;
  problem.sequences = {{8, 4}, {8, 0}};
  problem.heads = {8, 4, 16};
  problem.mask = {mask, window};
  problem.dtype = DType::bf16;
  return problem;
}

TEST_CASE("what is empty is left out") {
  const Problem problem = problem_of(MaskKind::causal);
  ProgramBuilder builder(problem);
  const BlockId none = builder.input_q({}, {0, 8});
  CHECK(none == kNoBlock);
  CHECK(builder.input_kv(TokenSet::range(0, 0, 4), {2, 2}) == kNoBlock);
  builder.send(1, 0, none);
  CHECK(builder.receive(1, 0, BlockKind::kv, {}, {0, 4}) == kNoBlock);
  CHECK(builder.attend(none, {}, {builder.whole(none)}, kNoBlock) == kNoBlock);
  CHECK(builder.copy({}, BlockKind::kv, DType::bf16, {}, {0, 4}) == kNoBlock);
  builder.finish(kNoBlock, none);
  CHECK(builder.take() == Program{});
}

TEST_CASE("an attend takes the kv heads of its queries and the keys that they see") {
  const Problem problem = problem_of(MaskKind::causal);
  ProgramBuilder builder(problem);
  const BlockId q = builder.input_q(TokenSet::range(0, 4, 8), {2, 5});
  const BlockId early = builder.input_kv(TokenSet::range(0, 0, 8), {0, 4});
  const BlockId late = builder.input_kv(TokenSet::range(0, 8, 12), {0, 4});
  const BlockId other = builder.input_kv(TokenSet::range(1, 0, 8), {0, 4});
  const TokenSet first_two = TokenSet::range(0, 4, 6);
  const BlockId state = builder.attend(q, first_two, {builder.whole(late), builder.whole(early), builder.whole(other)},
                                       kNoBlock, builder.block(q).tokens);
  CHECK(builder.attend(q, first_two, {builder.whole(late)}, state) == state);
  builder.finish(state, q);
  const Program program = builder.take();
  REQUIRE(program.operations.size() == 2);
  const Attend& attend = std::get<Attend>(program.operations[0]);
  CHECK(attend.q == View{q, first_two, {2, 5}});
  CHECK(attend.kv == std::vector<View>{{early, TokenSet::range(0, 0, 8), {1, 3}}});
  CHECK(program.blocks[static_cast<size_t>(attend.state)].tokens.size() == 4);
  CHECK(program.blocks[static_cast<size_t>(attend.state)].dtype == DType::fp32);
  CHECK(program.outputs.size() == 2);
  CHECK(program.blocks[static_cast<size_t>(program.outputs[0])].dtype == DType::bf16);
}

TEST_CASE("queries without any key still get an O and an LSE") {
  const Problem problem = problem_of(MaskKind::causal);
  ProgramBuilder builder(problem);
  const BlockId q = builder.input_q(TokenSet::range(0, 4, 8), {0, 8});
  builder.finish(kNoBlock, q);
  const Program program = builder.take();
  REQUIRE(program.operations.size() == 2);
  CHECK(std::get<Merge>(program.operations[0]).parts.empty());
}

TEST_CASE("sends and receives join one exchange until something else is done") {
  const Problem problem = problem_of(MaskKind::full);
  ProgramBuilder builder(problem);
  const BlockId q = builder.input_q(TokenSet::range(0, 4, 8), {0, 8});
  const BlockId kv = builder.input_kv(TokenSet::range(0, 0, 8), {0, 4});
  builder.send(1, 0, kv);
  const BlockId got = builder.receive(2, 0, BlockKind::kv, TokenSet::range(0, 8, 12), {0, 4});
  BlockId state = builder.attend(q, builder.block(q).tokens, {builder.whole(kv)}, kNoBlock);
  builder.send(1, 1, kv);
  builder.end_exchange();
  builder.send(2, 2, got);
  const Program program = builder.take();
  REQUIRE(program.operations.size() == 4);
  CHECK(std::get<Exchange>(program.operations[0]).receives.size() == 1);
  CHECK(std::get<Attend>(program.operations[1]).state == state);
  CHECK(std::get<Exchange>(program.operations[2]).sends.front().tag == 1);
  CHECK(std::get<Exchange>(program.operations[3]).sends.front().tag == 2);
}

TEST_CASE("who sees whom agrees with counting pairs") {
  const std::vector<TokenSet> sets = {{},
                                      TokenSet::range(0, 0, 4),
                                      TokenSet::range(0, 4, 6),
                                      TokenSet::range(0, 11, 12),
                                      TokenSet::range(1, 0, 3),
                                      TokenSet({{0, 6, 9}, {1, 3, 5}}),
                                      TokenSet({{0, 0, 1}, {0, 9, 10}, {1, 7, 8}}),
                                      TokenSet({{1, 5, 6}, {2, 0, 4}})};
  for (const Mask mask : {Mask{MaskKind::causal, 0}, Mask{MaskKind::full, 0}, Mask{MaskKind::window, 3}}) {
    for (const TokenSet& queries : sets) {
      for (const TokenSet& keys : sets) {
        INFO(to_string(mask) << ": " << to_string(queries) << " sees " << to_string(keys));
        CHECK(sees(mask, queries, keys) == (visible_pairs(mask, queries, keys) > 0));
      }
    }
  }
}

}  // namespace
}  // namespace ringfold
