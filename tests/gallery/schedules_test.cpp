#include "tests/catch.h"
#include "tests/gallery/gallery.h"

#include <fstream>
#include <sstream>

namespace ringfold {
namespace {

std::vector<Exhibit> all_exhibits() {
  std::vector<Exhibit> all = placement_exhibits();
  for (auto* more : {mask_exhibits, exchange_exhibits}) {
    for (Exhibit& exhibit : more()) all.push_back(std::move(exhibit));
  }
  return all;
}

TEST_CASE("every exhibit is refuted with its message, and proved once it is repaired") {
  for (const Exhibit& exhibit : all_exhibits()) {
    CAPTURE(exhibit.title);
    const Verdict verdict = check(exhibit.make(true));
    CHECK(verdict.summary() == exhibit.text);
    if (!verdict.proved()) CHECK(to_string(verdict.findings.front().proof) == to_string(exhibit.proof));
    CHECK(check(exhibit.make(false)).summary() == "proved");
  }
}

TEST_CASE("the gallery's page tells every exhibit with its source and its message") {
  std::ifstream file(source_root() + "/docs/gallery.md");
  std::stringstream page;
  page << file.rdbuf();
  for (const Exhibit& exhibit : all_exhibits()) {
    CAPTURE(exhibit.title);
    CHECK(page.str().find("## " + exhibit.title + "\n") != std::string::npos);
    CHECK(page.str().find(exhibit.source) != std::string::npos);
    CHECK(page.str().find("\n    " + exhibit.text + "\n") != std::string::npos);
  }
}

}  // namespace
}  // namespace ringfold
