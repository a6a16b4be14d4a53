#include "experiments/csv.h"

#include "tests/catch.h"

#include <nlohmann/json.hpp>

using namespace ringfold;

TEST_CASE("cells are quoted where RFC 4180 asks for it") {
  CHECK(csv_cell("plain text") == "plain text");
  CHECK(csv_cell("") == "");
  CHECK(csv_cell("a,b") == "\"a,b\"");
  CHECK(csv_cell("say \"hi\"") == "\"say \"\"hi\"\"\"");
  CHECK(csv_cell("two\nlines") == "\"two\nlines\"");
  CHECK(csv_cell("two\rlines") == "\"two\rlines\"");
}

TEST_CASE("a spreadsheet computes no text") {
  for (const char* formula : {"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"})
    CHECK(csv_text(formula) == "'" + std::string(formula));
  CHECK(csv_text("a=1") == "a=1");
  CHECK(csv_text("") == "");
}

TEST_CASE("a row becomes dotted names, and lists stay whole") {
  std::vector<std::string> cells;
  flatten(Row::parse(R"({"a": {"b": {"c": 1.5}, "d": [1, [2]], "e": {}}, "f": "-x", "g": null, "h": true, "i": -1})"),
          [&](const std::string& name, const std::string& text) { cells.push_back(name + ":" + text); });
  CHECK(cells == std::vector<std::string>{"a.b.c:1.5", "a.d:[1,[2]]", "f:'-x", "g:", "h:true", "i:-1"});
}
