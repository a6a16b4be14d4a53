// The diagrams and figures of docs/strategies.md and docs/adding.md are those that the plans give.
#include "lib/print.h"
#include "tests/catch.h"
#include "tests/strategies/plan_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <sstream>

extern const ringfold::StrategyInfo strategy_info_direct_shift;

namespace ringfold {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(source_root() + "/" + path);
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Problem prefill(int64_t tokens, int64_t kv_heads) {
  Problem problem;
  problem.sequences = {{tokens, 0}};
  problem.heads = {64, kv_heads, 128};
  problem.dtype = DType::bf16;
  return problem;
}

std::string block_of(const StrategyInfo& info, const Options& options) {
  return "\n```text\n" + print_diagram(plan_with(info, options, prefill(4096, 8), {4, 1})) + "```\n";
}

TEST_CASE("the diagrams of the docs are the printed ones") {
  const std::string page = text_of("docs/strategies.md");
  CHECK(page.find(block_of(*find_strategy("naive_ring"), {})) != std::string::npos);
  CHECK(page.find(block_of(*find_strategy("balanced_ring"), {})) != std::string::npos);
  CHECK(page.find(block_of(*find_strategy("all_gather"), {{"layout", "zigzag"}})) != std::string::npos);
  CHECK(text_of("docs/adding.md").find(block_of(strategy_info_direct_shift, {})) != std::string::npos);
}

struct Column {
  int64_t tokens;
  int ranks;
  int64_t kv_heads;
};

/// A row of the table: MB sent by a rank (the mean; shards are equal), as many digits as the page has.
std::string table_row(const std::string& name, const std::string& strategy, const Options& options,
                      PlacementKind placement) {
  std::string row = "| " + name + " |";
  for (const Column& column :
       {Column{131072, 8, 8}, Column{131072, 8, 64}, Column{1048576, 64, 8}, Column{1048576, 64, 64}}) {
    Problem problem = prefill(column.tokens, column.kv_heads);
    problem.placement = placement;
    const std::vector<int64_t> sent = sent_bytes(plan_with(strategy, options, problem, {column.ranks, 1}));
    const double mega = static_cast<double>(std::accumulate(sent.begin(), sent.end(), int64_t{0})) / 1e6 / column.ranks;
    row += mega < 100 ? fmt::format(" {:.1f} |", mega) : fmt::format(" {:.0f} |", mega);
  }
  return row + "\n";
}

TEST_CASE("the bytes of the docs are those of the plans") {
  const std::string page = text_of("docs/strategies.md");
  const auto has = [&](const std::string& row) {
    INFO(row);
    CHECK(page.find(row) != std::string::npos);
  };
  const PlacementKind native = PlacementKind::native;
  has(table_row("naive_ring, all_gather", "naive_ring", {}, native));
  has(table_row("naive_ring, all_gather", "all_gather", {{"layout", "zigzag"}}, native));
  has(table_row("balanced_ring", "balanced_ring", {}, native));
  has(table_row("balanced_ring, within_groups", "balanced_ring", {{"heads", "within_groups"}}, native));
  has(table_row("balanced_ring from and to `tokens`", "balanced_ring", {}, PlacementKind::tokens));
}

}  // namespace
}  // namespace ringfold
