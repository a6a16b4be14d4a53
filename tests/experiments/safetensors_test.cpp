#include "experiments/safetensors.h"

#include "lib/error.h"
#include "tests/experiments/words.h"

#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <unistd.h>

using namespace ringfold;

namespace {

namespace fs = std::filesystem;

/// A folder that goes with the test.
struct Folder {
  Folder() : path(fs::temp_directory_path() / ("ringfold_tensors_" + std::to_string(::getpid()))) {
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
  fs::path path;
};

std::string with_length(const std::string& header, uint64_t length) {
  std::string bytes(8, '\0');
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(length >> (8 * i) & 0xFF);
  return bytes + header;
}

void write_file(const std::string& path, const std::string& header, size_t data_bytes) {
  std::ofstream(path, std::ios::binary) << with_length(header, header.size()) << std::string(data_bytes, '\0');
}

std::string fault_of(const std::string& path, ExitCode code = ExitCode::configuration) {
  try {
    read_safetensors_header(path);
  } catch (const Error& error) {
    CHECK(error.code() == code);
    CHECK(std::string(error.what()).find(path + ": ") == 0);
    return std::string(error.what()).substr(path.size() + 2);
  }
  return "accepted";
}

void write_tensors(const std::string& path, const std::vector<SafetensorsShape>& shapes) {
  SafetensorsWriter writer(path, shapes);
  for (const SafetensorsShape& shape : shapes) {
    int64_t elements = 1;
    for (const int64_t extent : shape.shape) elements *= extent;
    writer.write_rows(shape.name, 0, std::vector<float>(static_cast<size_t>(elements), 0.5F));
  }
  writer.finish();
}

}  // namespace

TEST_CASE("what is written row by row, in any order, is read back") {
  const Folder folder;
  const std::string path = folder / "x.safetensors";
  {
    SafetensorsWriter writer(path, {{"out", {3, 2, 2}}, {"lse", {3, 2}}, {"none", {0, 2}}});
    writer.write_rows("lse", 1, std::vector<float>{3, 4, 5, 6});
    writer.write_rows("out", 2, std::vector<float>{8, 9, 10, -std::numeric_limits<float>::infinity()});
    writer.write_rows("out", 0, std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7});
    writer.write_rows("lse", 0, std::vector<float>{1, 2});
    CHECK_FALSE(fs::exists(path));
    writer.finish();
    CHECK(fs::exists(path));
    CHECK_FALSE(fs::exists(path + ".tmp"));
  }
  const SafetensorsReader reader(path);
  CHECK(reader.entries().size() == 3);
  CHECK(reader.entry("out").shape == std::vector<int64_t>{3, 2, 2});
  CHECK(reader.entry("out").begin % 8 == 0);
  std::vector<float> values(8);
  reader.read_rows("out", 1, 2, values);
  CHECK(values == std::vector<float>{4, 5, 6, 7, 8, 9, 10, -std::numeric_limits<float>::infinity()});
  values.resize(2);
  reader.read_rows("lse", 2, 1, values);
  CHECK(values == std::vector<float>{5, 6});
  reader.read_rows("none", 0, 0, {});
  CHECK_THROWS_WITH(reader.entry("v"), path + ": there is no tensor 'v'");
}

TEST_CASE("16-bit values are widened exactly") {
  const Folder folder;
  const std::string path = folder / "h.safetensors";
  const std::string header =
      R"({"b":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]},"h":{"dtype":"F16","shape":[7],"data_offsets":[6,20]}})";
  const std::vector<uint16_t> bits = {0x3F80, 0xC000, 0xFF80, 0x3C00, 0xC000, 0x0001, 0x8000, 0x7BFF, 0xFC00, 0x03FF};
  std::string data(bits.size() * 2, '\0');
  std::memcpy(data.data(), bits.data(), data.size());
  std::ofstream(path, std::ios::binary) << with_length(header, header.size()) << data;
  const SafetensorsReader reader(path);
  std::vector<float> b(3);
  std::vector<float> h(7);
  reader.read_rows("b", 0, 3, b);
  reader.read_rows("h", 0, 7, h);
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(b == std::vector<float>{1, -2, -infinity});
  CHECK(h == std::vector<float>{1, -2, 0x1p-24F, -0.0F, 65504, -infinity, 1023 * 0x1p-24F});
  CHECK(std::signbit(h[3]));
}

TEST_CASE("a faulty file is refused with its fault") {
  const Folder folder;
  const std::string path = folder / "f.safetensors";
  const auto fault = [&](const std::string& header, size_t data_bytes = 0) {
    write_file(path, header, data_bytes);
    return fault_of(path);
  };
  const auto tensor = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"q":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  CHECK(fault_of(folder / "none") == "cannot open the file: No such file or directory");
  CHECK(fault_of(folder.path.string()) == "is no regular file");
  std::ofstream(path) << "short";
  CHECK(fault_of(path) == "5 bytes are too few for a safetensors file");
  std::ofstream(path) << with_length("{}", uint64_t{1} << 63);
  CHECK(fault_of(path) ==
        "not a safetensors file: its header would have 9223372036854775808 bytes; allowed are at most 1048576");
  std::ofstream(path) << with_length("{}", 100);
  CHECK(fault_of(path) == "truncated: the header ends at byte 108, the file at 10");
  CHECK(fault("{}") == "accepted");
  CHECK(fault("{} ") == "accepted");
  CHECK(fault(R"({"__metadata__":{"a":"b"}})") == "accepted");
  CHECK(fault("").find("the header is not JSON: ") == 0);
  CHECK(fault("{").find("the header is not JSON: ") == 0);
  CHECK(fault("[]") == "the header is no JSON object");
  CHECK(fault(std::string(100'000, '[')).find("the header is nested too deep") == 0);
  CHECK(fault(R"({"q":1})") == "tensor 'q' needs dtype, shape and data_offsets, and nothing else");
  CHECK(fault(tensor(R"("F64")", "[1]", "[0,8]"), 8) == R"(tensor 'q' has dtype "F64"; allowed: F32 | BF16 | F16)");
  CHECK(fault(tensor("3", "[1]", "[0,4]"), 4) == "tensor 'q' has dtype 3; allowed: F32 | BF16 | F16");
  CHECK(fault(tensor(R"("F32")", "4", "[0,4]"), 4) == "tensor 'q': the shape is no list");
  CHECK(fault(tensor(R"("F32")", "[-1]", "[0,4]"), 4) == "tensor 'q': shape has -1; allowed: counts below 2^63");
  CHECK(fault(tensor(R"("F32")", "[1.0]", "[0,4]"), 4) == "tensor 'q': shape has 1.0; allowed: counts below 2^63");
  CHECK(fault(tensor(R"("F32")", "[9223372036854775808]", "[0,4]"), 4) ==
        "tensor 'q': shape has 9223372036854775808; allowed: counts below 2^63");
  CHECK(fault(tensor(R"("F32")", "[4294967296, 4294967296]", "[0,0]")) == "tensor 'q': the shape is too large");
  CHECK(fault(tensor(R"("F32")", "[2]", "[0,4]"), 4) ==
        "tensor 'q': data_offsets [0, 4] do not hold the 8 bytes of its shape");
  CHECK(fault(tensor(R"("F32")", "[1]", "[4,0]"), 4) ==
        "tensor 'q': data_offsets [4, 0] do not hold the 4 bytes of its shape");
  CHECK(fault(tensor(R"("F32")", "[1]", "[0]"), 4) == "tensor 'q': data_offsets is no pair");
  CHECK(fault(tensor(R"("F32")", "[2]", "[0,8]"), 7) ==
        "truncated: tensor 'q' ends at byte 8 of the data, the file at 7");
  CHECK(fault(tensor(R"("F32")", "[2]", "[0,8]"), 9) == "1 bytes after the last tensor");
  CHECK(fault(tensor(R"("F32")", "[1]", "[4,8]"), 8) == "4 unused bytes before tensor 'q'");
  const std::string twice =
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})";
  CHECK(fault(twice, 12) == "tensor 'b' overlaps the one before it");
  CHECK(
      fault(
          R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})") ==
      R"(tensor "a" stands twice in the header)");
}

TEST_CASE("an input file must fit the problem") {
  const Folder folder;
  const std::string path = folder / "qkv.safetensors";
  Problem problem;
  problem.sequences = {{3, 2}, {1, 0}};
  problem.heads = {4, 2, 8};
  write_tensors(path, {{"q", {4, 4, 8}}, {"k", {6, 2, 8}}, {"v", {6, 2, 8}}});
  CHECK_NOTHROW(check_input_file(path, problem));
  problem.dtype = DType::bf16;  // fp32 is rounded
  CHECK_NOTHROW(check_input_file(path, problem));
  problem.sequences[0].cached = 3;
  CHECK_THROWS_WITH(check_input_file(path, problem),
                    path + ": tensor 'k' has shape [6, 2, 8], the problem needs [7, 2, 8]");
  write_tensors(path, {{"q", {4, 4, 8}}, {"k", {7, 2, 8}}});
  CHECK_THROWS_WITH(check_input_file(path, problem), path + ": there is no tensor 'v'");
  problem = {};
  problem.sequences = {{1, 0}};
  write_file(path, R"({"q":{"dtype":"F16","shape":[1,1,1],"data_offsets":[0,2]}})", 2);
  CHECK_THROWS_WITH(check_input_file(path, problem), path + ": tensor 'q' is fp16; the problem needs fp32");
}

TEST_CASE("an experiment's input file: relative to it, checked for every case, part of the id") {
  const Folder folder;
  write_tensors(folder / "qkv.safetensors", {{"q", {4, 4, 8}}, {"k", {4, 2, 8}}, {"v", {4, 2, 8}}});
  const std::string text =
      "name: t\nproblem:\n  sequences: [{query: 4}]\n  heads: {query: 4, kv: 2, dim: 8}\nstrategies: "
      "[naive_ring]\ninputs: {file: qkv.safetensors}\n";
  const auto read = [&](const std::string& more, const std::vector<std::string>& overrides = {}) {
    return parse_experiment(text + more, folder / "t.yaml", overrides, test_words());
  };
  const Case c = read("").cases.at(0);
  CHECK(c.inputs.file == folder / "qkv.safetensors");
  CHECK(c.inputs.generate.empty());
  CHECK(c.inputs.digest.size() == 64);
  CHECK(c.canonical.find(R"("inputs":{"digest":")" + c.inputs.digest + R"(","file":"qkv.safetensors"})") !=
        std::string::npos);
  // An override's path is relative to the current directory, and reads in the case as the file would say it.
  const std::string relative = fs::proximate(folder.path).string() + "/qkv.safetensors";
  CHECK(read("", {"inputs.file=" + relative}).cases.at(0).id == c.id);
  CHECK(read("", {"inputs={file: " + relative + ", digest: " + c.inputs.digest + "}"}).cases.at(0).id == c.id);
  CHECK_THROWS_WITH(
      read("", {"inputs.digest=" + std::string(64, '0')}),
      "override:1:15: error: inputs.digest: " + c.inputs.file + " has another content, SHA-256 " + c.inputs.digest);
  CHECK_THROWS_WITH(read("sweep: {problem.heads.kv: [2, 1]}\n"),
                    (folder / "t.yaml") + ":6:16: error: inputs.file: " + c.inputs.file +
                        ": tensor 'k' has shape [4, 2, 8], the problem needs [4, 1, 8]");
  write_tensors(folder / "qkv.safetensors", {{"q", {4, 4, 8}}, {"k", {4, 2, 8}}, {"v", {4, 2, 8}}, {"w", {1}}});
  CHECK(read("").cases.at(0).id != c.id);
}

TEST_CASE("what cannot be written is an error that names the file, and leaves nothing") {
  const Folder folder;
  const auto fault = [](const std::string& path, const std::vector<SafetensorsShape>& shapes) -> std::string {
    try {
      write_tensors(path, shapes);
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::internal);
      return error.what();
    }
    return "written";
  };
  const std::string no_folder = folder / "no/x.safetensors";
  CHECK(fault(no_folder, {{"a", {1}}}) == no_folder + ": cannot create the file: No such file or directory");

  // A limit on the size of files stands in for a full disk.
  const std::string path = folder / "x.safetensors";
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{4096, before.rlim_max};
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string message = fault(path, {{"a", {5000}}});
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  CHECK(message == path + ": cannot write: File too large");
  CHECK(fs::is_empty(folder.path));
  CHECK(fault(path, {{"a", {5000}}}) == "written");
}

TEST_CASE("a file that is not finished does not appear; a missing row is our own fault") {
  const Folder folder;
  const std::string path = folder / "x.safetensors";
  {
    SafetensorsWriter writer(path, {{"a", {2, 2}}});
    writer.write_rows("a", 0, std::vector<float>{1, 2});
    CHECK_THROWS_AS(writer.finish(), Error);
    CHECK_THROWS_AS(writer.write_rows("a", 1, std::vector<float>(3)), Error);
  }
  CHECK(fs::is_empty(folder.path));
}
