#include "experiments/compare_side.h"

#include "experiments/printable.h"
#include "experiments/sha256.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace ringfold {
namespace {

constexpr std::string_view kDirty = "-dirty";
constexpr size_t kFewestDigits = 4;
// Of one case; a stranger's file may hold any number.
constexpr size_t kMostFaults = 8;
constexpr size_t kMostEnvironments = 8;

/// A revision as the program states it: digits of a commit, and whether the checkout had changes of its own.
struct Revision {
  std::string digits;
  bool is_dirty = false;
};

Revision revision_of(std::string text) {
  const bool is_dirty = text.ends_with(kDirty);
  if (is_dirty) text.resize(text.size() - kDirty.size());
  return {std::move(text), is_dirty};
}

bool looks_like_revision(const std::string& text) {
  const std::string digits = revision_of(text).digits;
  return digits.size() >= kFewestDigits && digits.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// One names the other, at whatever length.
bool is_same(const Revision& a, const Revision& b) {
  const size_t length = std::min(a.digits.size(), b.digits.size());
  return a.is_dirty == b.is_dirty && length >= kFewestDigits &&
         a.digits.substr(0, length) == b.digits.substr(0, length);
}

std::string revision_text(const Row& row) {
  const Row& environment = row["environment"];
  return environment.contains("revision") && environment["revision"].is_string()
             ? environment["revision"].get<std::string>()
             : "";
}

/// The slowest rank of each repeat; empty if one of them is no time.
std::vector<double> slowest_ms(const Row& row) {
  std::vector<double> times;
  for (const Row& ranks : row["timing"]["ranks_ms"]) {
    double slowest = 0;
    for (const Row& ms : ranks) {
      const double value = ms.is_number() ? ms.get<double>() : NAN;
      if (!std::isfinite(value) || value <= 0) return {};
      slowest = std::max(slowest, value);
    }
    times.push_back(slowest);
  }
  return times;
}

std::string identity_of(const Row& row) {
  Row identity;
  for (const char* field : {"id", "name", "strategy", "options", "transport", "kernel", "case"}) {
    identity[field] = row[field];
  }
  return identity.dump();
}

int64_t environment_index(Side& side, const Row& row) {
  const auto next = static_cast<int64_t>(side.environments.size());
  return side.environments.try_emplace(row["environment"].dump(), next).first->second;
}

void add_fault(SideCase& item, std::string fault) {
  const bool is_known = std::find(item.faults.begin(), item.faults.end(), fault) != item.faults.end();
  if (!is_known && item.faults.size() < kMostFaults) item.faults.push_back(std::move(fault));
}

void add_row(Side& side, const Row& row) {
  const std::string key = content_key(row);
  SideCase& item = side.cases[key];
  if (item.id.empty()) {
    item.id = row["id"].get<std::string>();
    item.identity = identity_of(row);
    side.order.push_back(key);
  }
  side.revisions.insert(revision_text(row));
  if (item.environments.size() < kMostEnvironments) item.environments.insert(environment_index(side, row));
  const auto status = row["status"].get<std::string>();
  if (status != "passed") return add_fault(item, status + ": " + row["reason"].get<std::string>());
  if (!row.contains("timing")) return add_fault(item, "passed, but without times");
  const std::vector<double> times = slowest_ms(row);
  if (times.empty()) return add_fault(item, "passed, but with times that are no times");
  item.times_ms.insert(item.times_ms.end(), times.begin(), times.end());
  ++item.runs;
}

Side read_path(const std::string& path) {
  Side side;
  side.source = path;
  side.files = result_files(path);
  for (const std::string& file : side.files) {
    read_result_file(file, side.summary, [&](const Row& row, const RowPlace&) { add_row(side, row); });
  }
  return side;
}

Side read_revision(const std::string& text, const std::string& folder) {
  RINGFOLD_CHECK(std::filesystem::exists(folder), ExitCode::configuration,
                 "{}: no such file or folder, and there is no {} to look for it as a revision (see --in)",
                 printable(text), printable(folder));
  const Revision wanted = revision_of(text);
  Side side;
  side.source = text;
  side.files = result_files(folder);
  for (const std::string& file : side.files) {
    read_result_file(file, side.summary, [&](const Row& row, const RowPlace&) {
      if (is_same(revision_of(revision_text(row)), wanted)) add_row(side, row);
    });
  }
  RINGFOLD_CHECK(!side.cases.empty(), ExitCode::configuration,
                 "{}: no such file or folder, and no results of such a revision below {}", printable(text),
                 printable(folder));
  RINGFOLD_CHECK(side.revisions.size() == 1, ExitCode::configuration,
                 "{}: several revisions below {} begin like this: give more digits", printable(text),
                 printable(folder));
  return side;
}

}  // namespace

std::string content_key(const Row& row) {
  // Sorted keys: the order in which a file says them does not matter.
  nlohmann::json content = row["case"];
  content.erase("name");
  if (content.contains("inputs") && content["inputs"].contains("digest")) content["inputs"].erase("file");
  nlohmann::json& measure = content["measure"];
  nlohmann::json threads = 1;
  if (measure.is_object() && measure.contains("threads")) threads = measure["threads"];
  measure = {{"threads", threads}};
  return sha256_hex(content.dump());
}

Side read_side(const std::string& source, const std::string& folder) {
  if (!std::filesystem::exists(source) && looks_like_revision(source)) return read_revision(source, folder);
  return read_path(source);
}

}  // namespace ringfold
