#include "lib/schedule.h"

#include "tests/catch.h"

namespace ringfold {
namespace {

Block block(BlockKind kind, Layout layout, int64_t tokens, int64_t heads) {
  return {kind, DType::bf16, layout, TokenSet::range(0, 10, 10 + tokens), {2, 2 + heads}};
}

View view(int64_t begin, int64_t end, HeadRange heads) { return {0, TokenSet::range(0, begin, end), heads}; }

TEST_CASE("bytes of a block count every plane") {
  const int64_t dim = 64;
  CHECK(bytes_of(block(BlockKind::q, Layout::heads_outer, 5, 3), dim) == 5 * 3 * 64 * 2);
  CHECK(bytes_of(block(BlockKind::kv, Layout::heads_outer, 5, 3), dim) == 5 * 3 * 128 * 2);
  Block state = block(BlockKind::state, Layout::heads_outer, 5, 3);
  state.dtype = DType::fp32;
  CHECK(bytes_of(state, dim) == 5 * 3 * 65 * 4);
  state.kind = BlockKind::lse;
  CHECK(bytes_of(state, dim) == 5 * 3 * 4);
}

TEST_CASE("a block of 2^40 elements has a size") {
  Block huge = block(BlockKind::kv, Layout::heads_outer, int64_t{1} << 33, 128);
  CHECK(bytes_of(huge, 128) == (int64_t{1} << 33) * 128 * 256 * 2);
}

TEST_CASE("what is contiguous depends on the layout and the planes") {
  const Block kv = block(BlockKind::kv, Layout::heads_outer, 8, 4);
  CHECK(is_contiguous(kv, view(10, 18, {3, 5})));
  CHECK_FALSE(is_contiguous(kv, view(10, 14, {2, 3})));
  CHECK_FALSE(is_contiguous(block(BlockKind::wkv, Layout::heads_outer, 8, 4), view(10, 14, {2, 3})));
  const Block q = block(BlockKind::q, Layout::heads_outer, 8, 4);
  CHECK(is_contiguous(q, view(11, 14, {3, 4})));
  CHECK_FALSE(is_contiguous(q, view(11, 14, {3, 5})));
  const Block rows = block(BlockKind::kv, Layout::tokens_outer, 8, 4);
  CHECK(is_contiguous(rows, view(11, 14, {2, 6})));
  CHECK_FALSE(is_contiguous(rows, view(11, 14, {2, 5})));
  CHECK(is_contiguous(rows, view(11, 12, {2, 5})));
  const View gap{0, TokenSet({{0, 11, 12}, {0, 14, 15}}), {2, 6}};
  CHECK_FALSE(is_contiguous(rows, gap));
}

TEST_CASE("operands of every operation are visited") {
  Program program;
  program.blocks = {block(BlockKind::q, Layout::heads_outer, 4, 2), block(BlockKind::kv, Layout::heads_outer, 4, 2),
                    block(BlockKind::state, Layout::heads_outer, 4, 2),
                    block(BlockKind::state, Layout::heads_outer, 4, 2)};
  const View q{0, program.blocks[0].tokens, program.blocks[0].heads};
  const View kv{1, program.blocks[1].tokens, program.blocks[1].heads};
  const auto visit = [&](const Operation& operation) {
    std::string text;
    visit_operands(
        program, operation, [&](const View& read) { text += "r" + std::to_string(read.block); },
        [&](BlockId made) { text += "m" + std::to_string(made); });
    return text;
  };
  CHECK(visit(Attend{q, {kv, kv}, {}, 2, 3}) == "r0r1r1r2m3");
  CHECK(visit(Attend{q, {kv}, {}, kNoBlock, 2}) == "r0r1m2");
  CHECK(visit(Exchange{{{1, 0, kv}}, {{1, 0, 5}}}) == "r1m5");
  CHECK(visit(Merge{{q}, 4}) == "r0m4");
  CHECK(visit(Copy{{q, kv}, 4}) == "r0r1m4");
  CHECK(visit(Finish{q, 4, 5}) == "r0m4m5");
}

}  // namespace
}  // namespace ringfold
