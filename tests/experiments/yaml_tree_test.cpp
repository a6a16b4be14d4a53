#include "experiments/yaml_tree.h"

#include "experiments/diagnostics.h"
#include "tests/catch.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace ringfold;

namespace {

std::string refusal(const std::string& text) {
  try {
    parse_yaml(text, "f");
  } catch (const ConfigurationError& error) {
    return error.what();
  }
  return "accepted";
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

std::string place(const YamlNode& node) {
  return std::to_string(node.mark.line) + ":" + std::to_string(node.mark.column);
}

}  // namespace

TEST_CASE("every value and key keeps its place") {
  const YamlNode root = parse_yaml("# c\na: 1\nb:\n  - x\n  - {c: 'y z'}\nd:\n", "f");
  REQUIRE(root.kind == YamlNode::Kind::map);
  CHECK(place(root) == "2:1");
  CHECK(place(*root.find("a")) == "2:4");
  const YamlNode& list = *root.find("b");
  REQUIRE(list.kind == YamlNode::Kind::list);
  CHECK(place(list.items[0]) == "4:5");
  CHECK(place(*list.items[1].find("c")) == "5:9");
  CHECK(list.items[1].find("c")->text == "y z");
  CHECK(list.items[1].find("c")->is_quoted);
  CHECK_FALSE(root.find("a")->is_quoted);
  CHECK(root.entries[2].key_mark.line == 6);
  CHECK(root.find("d")->kind == YamlNode::Kind::null);
  CHECK(place(*root.find("d")) == "6:1");
  CHECK(root.find("e") == nullptr);
  CHECK(count_nodes(root) == 7);
}

TEST_CASE("an empty text is a null node, a byte order mark is skipped, lines may end as on Windows") {
  CHECK(parse_yaml("", "f").kind == YamlNode::Kind::null);
  CHECK(parse_yaml("# nothing\n", "f").kind == YamlNode::Kind::null);
  CHECK(parse_yaml("\xEF\xBB\xBF"
                   "a: 'x'",
                   "f")
            .find("a")
            ->text == "x");
  CHECK(place(*parse_yaml("a: 1\r\nb: 2\r\n", "f").find("b")) == "2:4");
  const YamlNode other = parse_yaml("\xC3\xA4: \xF0\x9F\x98\x80\n\xC3\xA4x: [\xE2\x82\xAC, 1]", "f");
  CHECK(other.entries[0].key == "\xC3\xA4");
  CHECK(place(other.entries[0].value) == "1:4");  // columns count characters
  CHECK(place(other.entries[1].value.items[1]) == "2:9");
}

TEST_CASE("what yaml-cpp would drop or guess is refused") {
  CHECK(refusal("- a\nb: 1") ==
        "f:2:1: error: text that does not belong to what stands before it; entries of a map or list start in the same "
        "column");
  CHECK(refusal("a: 1\n---\nb: 1") == "f:2:1: error: a second document; a file holds one");
  CHECK(refusal("a: 1\n...\nb: 1") ==
        "f:3:1: error: text that does not belong to what stands before it; entries of a map or list start in the same "
        "column");
  CHECK(refusal(",").find("f:1:1: error: ") == 0);  // YAML::LoadAll(",") never returns
  CHECK(refusal("a: 1\na: 2") == "f:2:1: error: duplicate key 'a', first in line 1");
  CHECK(refusal("{a: 1, b: 2, 'a': 3}") == "f:1:14: error: duplicate key 'a', first in line 1");
  CHECK(refusal("a: \"x\n") == "f:1:4: error: this quote is never closed");
  CHECK(refusal("a: 'x''\n") == "f:1:4: error: this quote is never closed");
  CHECK(refusal("a: \"x\\\"\n") == "f:1:4: error: this quote is never closed");
  CHECK(refusal("a: 'x'''") == "accepted");
  CHECK(refusal("a: 1\n%b: 2") == "f:2:1: error: a line that starts with '%' (a YAML directive) is not allowed");
  CHECK(refusal("%YAML 1.2\n---\na: 1").find("f:1:1: error: a line that starts with '%'") == 0);
}

TEST_CASE("anchors, aliases, tags and keys that are no words are refused, all of them at once") {
  CHECK(refusal("a: &x 1\nb: *x\nc: !!int 2\n[d]: 3\n{e: 1}: 4\n~: 5\n") ==
        "f:1:4: error: anchors ('&name') are not allowed; write the value out where it is used\n"
        "f:2:4: error: aliases ('*name') are not allowed; write the value out\n"
        "f:3:4: error: tags are not allowed, got 'tag:yaml.org,2002:int'\n"
        "f:4:1: error: a key must be a plain word\n"
        "f:5:1: error: a key must be a plain word\n"
        "f:6:1: error: a key must be a plain word");
  // A walk along this one would never end.
  CHECK(refusal("&x [*x]").find("f:1:1: error: anchors") == 0);
  CHECK(refusal("&x {a: *x}").find("f:1:1: error: anchors") == 0);
}

TEST_CASE("bytes that are no text are refused") {
  CHECK(refusal(std::string("a: 1\nb: \0c", 10)) == "f:2:4: error: control character 0x00");
  CHECK(refusal("a: \x04\nb: 1") == "f:1:4: error: control character 0x04");  // yaml-cpp's end of file
  CHECK(refusal("a: \x7F") == "f:1:4: error: control character 0x7f");
  CHECK(refusal("a: \xC2\x85") == "f:1:4: error: control character 0x85");
  CHECK(refusal("a: \"\\0\"") == "f:1:4: error: control character in '\\x00'");
  CHECK(refusal("a: \"\\x1b[31m\"") == "f:1:4: error: control character in '\\x1b[31m'");
  for (const char* bad : {"\x80", "\xFF", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x9F\xBF", "\xED\xA0\x80",
                          "\xEF\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE\xFF"}) {
    CAPTURE(bad);
    const std::string text = refusal(std::string("a: ") + bad);
    CHECK(text.find("f:1:4: error: byte 0x") == 0);
    CHECK(text.find("is not valid UTF-8") != text.npos);
  }
  CHECK(refusal(std::string("\xFF\xFE"
                            "a\0:\0",
                            6))
            .find("f:1:1: error: byte 0xff is not valid UTF-8") == 0);  // UTF-16
}

TEST_CASE("too much of anything is refused at once") {
  CHECK(refusal(repeated("[", 100'000)) == "f:1:1001: error: more than 1000 brackets are open here");
  CHECK(refusal(repeated("[", 1000)).find("nested more than 64 deep") != std::string::npos);
  CHECK(refusal(repeated("[", 65) + repeated("]", 65)) == "f:1:65: error: lists and maps nested more than 64 deep");
  CHECK(refusal(repeated("{a: ", 1000)).find("nested more than 64 deep") != std::string::npos);
  CHECK(refusal(repeated("- ", 100'000)).find("nested more than 64 deep") != std::string::npos);
  CHECK(refusal(repeated("[", 64) + repeated("]", 64)) == "accepted");
  CHECK(refusal("[" + repeated("a,", 100'000) + "]").find("more than 100000 values") != std::string::npos);
  CHECK(refusal("[" + repeated("a,", 90'000) + "]") == "accepted");
  CHECK(refusal("{" + repeated("a: 1,", 80'000) + "}").find("more than 100000 values") != std::string::npos);
  CHECK(refusal(repeated("- a\n", 100'001)) == "f:100001:1: error: more than 100000 values");
  CHECK(refusal("a:\n" + repeated("  -\n", 100'001)) == "f:100002:3: error: more than 100000 values");
  CHECK(refusal(repeated("- a\n", 90'000)) == "accepted");
  CHECK(refusal("a: [\n" + repeated("-1,\n", 90'000) + "]") == "accepted");
  // Commas in texts part nothing.
  CHECK(refusal("[\"" + repeated("a,", 110'000) + "\"]") == "accepted");
  CHECK(refusal("[1, '" + repeated("a: b,", 110'000) + "']") == "accepted");
  CHECK(refusal("a: " + repeated("a,", 110'000)) == "accepted");
  CHECK(refusal(repeated("a", (1 << 20) + 1)) == "f:1:1: error: 1048577 bytes; allowed are at most 1048576");
  for (const std::string& refused : {repeated("- !t a\n", 80'000), repeated("- &b a\n", 80'000)}) {
    CHECK(refusal(refused).find("too many errors: only the first 1000 are shown") != std::string::npos);
  }
  const std::string many = refusal(repeated("[a]: 1\n", 20'000));
  CHECK(many.find("too many errors: only the first 1000 are shown") != many.npos);
  CHECK(std::count(many.begin(), many.end(), '\n') == 1000);
}

TEST_CASE("an override's places are its own") {
  try {
    parse_yaml("[a, &b c]", "f", {3, 1, 10});
    FAIL("accepted");
  } catch (const ConfigurationError& error) {
    CHECK(std::string(error.what()).find("override:3:14: error: anchors") == 0);
  }
}

TEST_CASE("files that cannot be read are named") {
  const auto message = [](const std::string& path) -> std::string {
    try {
      read_yaml_text(path);
    } catch (const ConfigurationError& error) {
      return error.what();
    }
    return "accepted";
  };
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("ringfold_yaml_" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string file = (folder / "f.yaml").string();
  CHECK(message(file) == file + ":1:1: error: cannot open the file: No such file or directory");
  CHECK(message(folder.string()) == folder.string() + ":1:1: error: is a directory; give an experiment file");
  CHECK(message("/dev/zero") == "/dev/zero:1:1: error: more than 1048576 bytes");
  std::ofstream(file) << "a: 1\n";
  CHECK(read_yaml_text(file) == "a: 1\n");
  std::filesystem::remove_all(folder);
}
