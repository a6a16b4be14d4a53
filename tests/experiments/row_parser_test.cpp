#include "experiments/row_parser.h"

#include "experiments/cell_store.h"
#include "tests/catch.h"

#include <nlohmann/json.hpp>

#include <string>

namespace ringfold {
namespace {

TEST_CASE("rows are parsed as the library parses them, whatever the row before was") {
  const std::vector<std::string> lines = {
      R"({"a": {"b": 1, "c": [1, -2, 2.5, {"d": null}]}, "e": "\u00e4\n", "f": true, "g": 18446744073709551615})",
      R"({"a": 1, "a": {"x": 2}, "b": [], "c": {}, "": [[[]]]})",
      "[]",
      "7",
      R"("text")",
      R"({"a": {"b": {"c": {"d": {}}}}, "e": [{}, {"f": 1e400}, {"g": 1}]})",
      R"({"a": 1)",
      R"({"a": 1} {})",
      R"({"a": 1,})",
      "",
  };
  RowParser parser;
  for (int round = 0; round < 2; ++round) {
    for (const std::string& line : lines) {
      const Row expected = Row::parse(line, nullptr, false);
      const Row parsed = parser.parse(line);
      INFO(line);
      REQUIRE(parsed.is_discarded() == expected.is_discarded());
      if (!expected.is_discarded()) CHECK(parsed.dump() == expected.dump());
    }
  }
}

TEST_CASE("cells are kept in their order, in memory and in a file") {
  for (const int rows : {0, 3, 400}) {
    CellStore store;
    const std::string large(100'000, 'x');  // 400 rows of them are more than the store holds in memory
    for (int i = 0; i < rows; ++i) {
      store.add(7, std::to_string(i));
      store.add(0, i % 3 == 0 ? "" : large);
      store.end_row();
    }
    int seen = 0;
    store.read([&](const CellStore::Cells& cells) {
      REQUIRE(cells.size() == 2);
      REQUIRE(cells[0] == std::pair<uint32_t, std::string_view>(7, std::to_string(seen)));
      REQUIRE(cells[1] == std::pair<uint32_t, std::string_view>(0, seen % 3 == 0 ? "" : large));
      ++seen;
    });
    CHECK(seen == rows);
  }
}

}  // namespace
}  // namespace ringfold
