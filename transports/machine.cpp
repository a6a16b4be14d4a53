#include "transports/machine.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <unistd.h>

namespace ringfold {

std::string machine_id(std::initializer_list<const char*> namespaces) {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  for (const char* kind : namespaces) {
    std::array<char, 64> space{};
    const ssize_t size = readlink((std::string("/proc/self/ns/") + kind).c_str(), space.data(), space.size());
    id += ' ' + std::string(space.data(), static_cast<size_t>(std::max<ssize_t>(size, 0)));
  }
  return id;
}

}  // namespace ringfold
