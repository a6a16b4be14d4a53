#include "experiments/environment.h"

#include "experiments/memory.h"
#include "experiments/version.h"
#include "lib/kernel.h"
#include "lib/transport.h"

#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <sys/utsname.h>

#include <fstream>
#include <sched.h>

namespace ringfold {

std::string_view version() { return RINGFOLD_VERSION; }

std::string compiler_text() {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

std::string os_text() {
  utsname names{};
  if (::uname(&names) != 0) return "unknown";
  return fmt::format("{} {} {}", names.sysname, names.release, names.machine);
}

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  std::string line;
  while (std::getline(in, line)) {
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

Row environment_json(const Case& item) {
  Row json;
  json["ringfold"] = version();
  json["revision"] = revision();
  json["compiler"] = compiler_text();
  json["os"] = os_text();
  json["cpu"] = cpu_model();
  json["cores"] = usable_cores();
  json["memory_bytes"] = total_memory_bytes();
  const KernelInfo* kernel = find_kernel(item.kernel);
  if (kernel != nullptr && !kernel->unavailable()) json["kernel"] = kernel->describe();
  const TransportInfo* transport = find_transport(item.transport);
  if (transport != nullptr && !transport->unavailable()) json["transport"] = transport->describe();
  return json;
}

}  // namespace ringfold
