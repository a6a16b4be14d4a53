#include "experiments/memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>

namespace ringfold {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

/// The number after `key` at the start of a line.
std::optional<int64_t> field(const std::string& path, const std::string& key) {
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string name;
    int64_t value = 0;
    if (words >> name >> value && name == key) return value;
  }
  return std::nullopt;
}

std::optional<int64_t> only_number(const std::string& path) {
  std::ifstream in(path);
  int64_t value = 0;
  if (in >> value) return value;
  return std::nullopt;
}

/// What one control group leaves: its limit less what it uses and could not give back.
int64_t left_in_group(const std::string& folder) {
  const std::optional<int64_t> limit = only_number(folder + "/memory.max");
  const std::optional<int64_t> used = only_number(folder + "/memory.current");
  if (!limit || !used) return kUnlimited;
  const int64_t reclaimable = field(folder + "/memory.stat", "inactive_file").value_or(0);
  return std::max<int64_t>(*limit - *used + reclaimable, 0);
}

/// This process's control group (version 2) and all above it.
int64_t left_in_groups(const std::string& root) {
  std::ifstream in(root + "/proc/self/cgroup");
  std::string line;
  std::string group;
  while (std::getline(in, line)) {
    if (line.rfind("0::", 0) == 0) group = line.substr(3);
  }
  int64_t left = left_in_group(root + "/sys/fs/cgroup");
  while (group.size() > 1) {
    left = std::min(left, left_in_group(root + "/sys/fs/cgroup" + group));
    group.resize(std::max<size_t>(group.rfind('/'), 0));
  }
  return left;
}

}  // namespace

int64_t available_memory_bytes(const std::string& root) {
  const std::optional<int64_t> kib = field(root + "/proc/meminfo", "MemAvailable:");
  return std::min(kib ? *kib * 1024 : kUnlimited, left_in_groups(root));
}

int64_t total_memory_bytes(const std::string& root) {
  const int64_t total = field(root + "/proc/meminfo", "MemTotal:").value_or(0) * 1024;
  const std::optional<int64_t> limit = only_number(root + "/sys/fs/cgroup/memory.max");
  return limit ? std::min(total, *limit) : total;
}

}  // namespace ringfold
