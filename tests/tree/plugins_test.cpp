// Each strategy, transport and kernel is a word in its folder's meson.build, a file, a test and a row of the docs. The
// build stops when a word lacks one of the others; this test sees a file without a word.
#include "lib/kernel.h"
#include "lib/strategy.h"
#include "lib/transport.h"
#include "tests/tree/files.h"

#include <regex>
#include <set>

namespace {

using Ids = std::set<std::string>;

template <typename Info>
Ids ids_of(std::span<const Info> table) {
  Ids ids;
  for (const Info& info : table) {
    CHECK_FALSE(info.summary.empty());
    CHECK(ids.insert(std::string(info.id)).second);
  }
  return ids;
}

// The ids that files of a folder register in their last line.
Ids registered(const std::string& folder, const std::string& macro) {
  const std::regex line("\n" + macro + R"(\(\s*(\w+)\s*,[^;]*\)\s*$)");
  Ids ids;
  for (const std::string& path : sources_of(folder)) {
    const std::string text = text_of(source_root() + "/" + path);
    if (text.find("\n" + macro + "(") == std::string::npos) continue;
    INFO(path << " must end with its " << macro << " line");
    std::smatch match;
    const size_t last = text.rfind("\n" + macro + "(");
    const std::string tail = text.substr(last);
    CHECK(std::regex_search(tail, match, line));
    if (match.empty()) continue;
    const std::string stem = std::filesystem::path(path).stem().string();
    CHECK((stem == match[1] || stem == "no_" + match[1].str()));
    ids.insert(match[1]);
  }
  return ids;
}

void check_folder(const std::string& folder, const std::string& macro, const Ids& ids) {
  CHECK(registered(folder, macro) == ids);
  const std::string docs = text_of(source_root() + "/docs/" + folder + ".md");
  for (const std::string& id : ids) {
    INFO(folder << "/" << id);
    CHECK(std::filesystem::exists(source_root() + "/tests/" + folder + "/" + id + "_test.cpp"));
    CHECK(docs.find("`" + id + "`") != std::string::npos);
  }
}

}  // namespace

TEST_CASE("every strategy has a word, a file, a test and a row") {
  check_folder("strategies", "RINGFOLD_STRATEGY", ids_of(ringfold::strategy_table()));
}

TEST_CASE("every transport has a word, a file, a test and a row") {
  check_folder("transports", "RINGFOLD_TRANSPORT", ids_of(ringfold::transport_table()));
}

TEST_CASE("every kernel has a word, a file, a test and a row") {
  check_folder("kernels", "RINGFOLD_KERNEL", ids_of(ringfold::kernel_table()));
}
