// The arrows of docs/architecture.md: lib <- {strategies, transports, kernels} <- experiments <- tests, and which
// folder may use which library.
#include "tests/tree/files.h"

#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace {

struct Rule {
  std::set<std::string> folders;    // first component of "folder/header.h"
  std::set<std::string> libraries;  // first component, or whole name, of <library/header.h>
};

const std::map<std::string, Rule> kRules = {
    {"lib", {{"lib"}, {"fmt"}}},
    {"strategies", {{"lib", "strategies"}, {}}},
    {"transports",
     {{"lib", "transports"}, {"nccl.h", "ucp", "ucs", "uct", "pmix.h", "cuda", "cuda.h", "cuda_runtime.h"}}},
    {"kernels",
     {{"lib", "kernels"},
      {"Eigen", "libxsmm.h", "immintrin.h", "arm_neon.h", "cuda.h", "cuda_runtime.h", "cuda_bf16.h", "cuda_fp16.h",
       "cublasLt.h", "cudnn.h", "cudnn_frontend.h", "flashinfer", "cutlass", "cute"}}},
    {"experiments",
     {{"lib", "strategies", "transports", "kernels", "experiments"},
      {"fmt", "yaml-cpp", "CLI", "nlohmann", "openssl"}}},
    {"tests",
     {{"lib", "strategies", "transports", "kernels", "experiments", "tests"},
      {"fmt", "catch2", "yaml-cpp", "nlohmann", "Eigen"}}},
};

// POSIX headers have an extension or a folder of the system; C++'s own have neither.
bool is_system(const std::string& header) {
  static const std::set<std::string> posix = {"dlfcn.h",  "fcntl.h",    "poll.h",    "pthread.h", "sched.h",
                                              "signal.h", "spawn.h",    "stdlib.h",  "time.h",    "unistd.h",
                                              "cpuid.h",  "execinfo.h", "ifaddrs.h", "netdb.h"};
  static const std::set<std::string> folders = {"arpa/", "net/", "netinet/", "sys/"};
  return header.find_first_of("./") == std::string::npos || posix.contains(header) ||
         folders.contains(header.substr(0, header.find('/') + 1));
}

/// What is wrong with one line of a file in `folder`; empty if nothing is.
std::string fault_of(const std::string& folder, const std::string& line) {
  static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::smatch match;
  if (!std::regex_search(line, match, include)) return {};
  const std::string header = match[2];
  const std::string first = header.substr(0, header.find('/'));
  const Rule& rule = kRules.at(folder);
  if (match[1] == "\"") return rule.folders.contains(first) ? "" : folder + " includes \"" + header + "\"";
  if (is_system(header) || rule.libraries.contains(first)) return {};
  return folder + " includes <" + header + ">";
}

}  // namespace

TEST_CASE("the arrows between folders hold") {
  for (const auto& [folder, rule] : kRules) {
    for (const std::string& path : sources_of(folder)) {
      std::istringstream lines(text_of(source_root() + "/" + path));
      int number = 0;
      for (std::string line; std::getline(lines, line);) {
        ++number;
        INFO(path << ":" << number);
        CHECK(fault_of(folder, line) == "");
      }
    }
  }
}

TEST_CASE("an arrow against the order is seen") {
  CHECK(fault_of("lib", "#include \"strategies/helper.h\"") == "lib includes \"strategies/helper.h\"");
  CHECK(fault_of("strategies", "  # include \"kernels/cpu.h\"") == "strategies includes \"kernels/cpu.h\"");
  CHECK(fault_of("lib", "#include <yaml-cpp/yaml.h>") == "lib includes <yaml-cpp/yaml.h>");
  CHECK(fault_of("kernels", "#include <nccl.h>") == "kernels includes <nccl.h>");
  CHECK(fault_of("strategies", "#include <fmt/format.h>") == "strategies includes <fmt/format.h>");
  CHECK(fault_of("lib", "#include \"tokens.h\"") == "lib includes \"tokens.h\"");
  CHECK(fault_of("lib", "#include <fmt/format.h>") == "");
  CHECK(fault_of("kernels", "#include <Eigen/Core>") == "");
  CHECK(fault_of("experiments", "#include \"lib/problem.h\"  // \"nccl.h\"") == "");
}
