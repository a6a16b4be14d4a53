#include "lib/pages.h"

#include "lib/check.h"
#include "lib/cost.h"
#include "lib/executor.h"
#include "lib/passes.h"
#include "tests/catch.h"
#include "tests/lib/explorer.h"
#include "tests/strategies/plan_model.h"

#include <algorithm>
#include <map>
#include <set>

namespace ringfold {
namespace {

Block paged_block(int64_t page_size) {
  return {BlockKind::kv,
          DType::bf16,
          Layout::heads_outer,
          TokenSet({{0, 3, 40}, {0, 50, 61}, {2, 7, 8}, {5, 0, 32}}),
          {1, 4},
          false,
          page_size};
}

Problem problem_in_pages(int64_t page_size) {
  Problem problem;
  problem.sequences = {{20, 33}, {3, 0}, {0, 9}};
  problem.heads = {4, 2, 8};
  problem.page_size = page_size;
  return problem;
}

TEST_CASE("each token has a row of its own, pages are whole, and belong to one sequence") {
  for (const int64_t page_size : {1, 7, 16, 64}) {
    const Block block = paged_block(page_size);
    std::vector<std::byte> memory(static_cast<size_t>(bytes_of(block, 8)));
    const Tensor tensor = plane_tensor(block, memory.data(), 0, 8);
    CHECK(tensor.page_size == page_size);
    std::set<int64_t> rows;
    std::map<int64_t, int64_t> sequence_of_page;
    int64_t before = -1;
    for (const Segment& segment : tensor.segments) {
      CHECK(segment.row / page_size == (segment.row + segment.end - segment.begin - 1) / page_size);
      CHECK(std::pair(before, int64_t{0}) <= std::pair(segment.sequence, segment.begin));
      before = segment.sequence;
      for (int64_t p = segment.begin; p < segment.end; ++p) CHECK(rows.insert(segment.row + p - segment.begin).second);
      const auto [page, is_new] = sequence_of_page.emplace(segment.row / page_size, segment.sequence);
      CHECK(page->second == segment.sequence);
    }
    CHECK(std::ssize(rows) == block.tokens.size());
    CHECK(*rows.rbegin() < memory_rows(block));
    // 48 tokens of sequence 0, 1 of sequence 2, 32 of sequence 5: part-filled last pages count whole.
    const auto pages = [&](int64_t tokens) { return (tokens + page_size - 1) / page_size; };
    CHECK(memory_rows(block) == (pages(48) + pages(1) + pages(32)) * page_size);
    CHECK(bytes_of(block, 8) == memory_rows(block) * 3 * 16 * 2);
  }
}

TEST_CASE("the page table is a shuffle, the same each time") {
  const Block block = paged_block(1);
  std::vector<int64_t> table = page_table(block);
  CHECK(table == page_table(block));
  CHECK(!std::is_sorted(table.begin(), table.end()));
  std::sort(table.begin(), table.end());
  for (size_t i = 0; i < table.size(); ++i) CHECK(table[i] == static_cast<int64_t>(i));
}

TEST_CASE("parts of a paged block lie where the whole has them") {
  const Block block = paged_block(7);
  std::map<std::pair<int64_t, int64_t>, int64_t> rows;
  for (const Segment& segment : paged_segments(block, block.tokens)) {
    for (int64_t p = segment.begin; p < segment.end; ++p) rows[{segment.sequence, p}] = segment.row + p - segment.begin;
  }
  const TokenSet part({{0, 5, 6}, {0, 38, 55}, {5, 31, 32}});
  int64_t tokens = 0;
  for (const Segment& segment : paged_segments(block, part)) {
    for (int64_t p = segment.begin; p < segment.end; ++p, ++tokens) {
      CHECK(rows.at({segment.sequence, p}) == segment.row + p - segment.begin);
    }
  }
  CHECK(tokens == 1 + 2 + 5 + 1);
}

TEST_CASE("plans with pages are proved, passes too, and count whole pages") {
  for (const StrategyInfo& info : strategy_table()) {
    for (const bool rotates : {false, true}) {
      for (const int64_t page_size : {1, 7, 64}) {
        Problem problem = problem_in_pages(page_size);
        if (rotates) problem.rope = Rope{};
        INFO(info.id << ", pages of " << page_size << (rotates ? ", rotated" : ""));
        Schedule schedule = plan_with(info, {}, problem, {3, 1});
        CHECK(check(schedule).summary() == "proved");
        for (const Pass& pass : pass_table()) {
          schedule = pass.apply(std::move(schedule), {});
          CHECK(check(schedule).summary() == "proved");
        }
        CHECK(run_memory(schedule, 1) == "");
        const Cost cost = cost_of(schedule);
        for (size_t rank = 0; rank < 3; ++rank) {
          int64_t rows = 0;
          for (const BlockId id : schedule.ranks[rank].inputs) {
            const Block& block = schedule.ranks[rank].blocks[static_cast<size_t>(id)];
            CHECK(block.page_size == (block.kind == BlockKind::kv ? page_size : 0));
            if (block.kind == BlockKind::kv) rows += memory_rows(block);
          }
          CHECK(cost.pages[rank] * page_size == rows);
        }
        // What moves is what moves without pages.
        problem.page_size.reset();
        CHECK(cost.sent_bytes == cost_of(plan_with(info, {}, problem, {3, 1})).sent_bytes);
      }
    }
  }
}

TEST_CASE("the checker refuses to send from pages, to receive into them, and pages of anything but K and V") {
  const Schedule schedule = plan_with("naive_ring", {}, problem_in_pages(4), {3, 1});
  const auto refusal = [&](const auto& break_it) {
    Schedule broken = schedule;
    break_it(broken.ranks[1]);
    return check(broken).summary();
  };
  const auto exchange_of = [](Program& program) -> Exchange& {
    for (Operation& operation : program.operations) {
      if (auto* exchange = std::get_if<Exchange>(&operation)) return *exchange;
    }
    throw std::logic_error("no exchange");
  };
  CHECK_THAT(refusal([&](Program& program) { exchange_of(program).sends[0].view.block = program.inputs[1]; }),
             Catch::Contains("not one piece of memory"));
  CHECK_THAT(refusal([&](Program& program) {
               program.blocks[static_cast<size_t>(exchange_of(program).receives[0].block)].page_size = 4;
             }),
             Catch::Contains("in pages, but an exchange fills one piece of memory"));
  CHECK_THAT(refusal([&](Program& program) { program.blocks[static_cast<size_t>(program.inputs[0])].page_size = 4; }),
             Catch::Contains("is in pages"));
}

}  // namespace
}  // namespace ringfold
