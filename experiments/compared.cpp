#include "experiments/compared.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ringfold {
namespace {

constexpr double kMeasuredDifference = 0.1;

using Json = nlohmann::json;

bool differ(const Json& a, const Json& b) {
  if (!a.is_number() || !b.is_number() || (a.is_number_integer() && b.is_number_integer())) return a != b;
  const double x = a.get<double>();
  const double y = b.get<double>();
  return std::fabs(x - y) > kMeasuredDifference * std::max(std::fabs(x), std::fabs(y));
}

std::string text_of(const Json& environment, const std::string& field) {
  if (!environment.contains(field)) return "nothing";
  const Json& value = environment[field];
  if (value.is_number_float()) return fmt::format("{:.4g}", value.get<double>());
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// Adds the fields that are new to the list.
void add_differences(const Json& a, const Json& b, std::vector<EnvironmentDifference>& differences) {
  std::set<std::string> fields;
  for (const auto& item : a.items()) fields.insert(item.key());
  for (const auto& item : b.items()) fields.insert(item.key());
  fields.erase("revision");
  for (const std::string& field : fields) {
    if (differ(a.value(field, Json()), b.value(field, Json())) &&
        std::none_of(differences.begin(), differences.end(), [&](const auto& known) { return known.field == field; })) {
      differences.push_back({field, text_of(a, field), text_of(b, field)});
    }
  }
}

std::vector<EnvironmentDifference> differences_of(const Side& a, const Side& b,
                                                  const std::vector<ComparedCase>& cases) {
  std::set<std::pair<int64_t, int64_t>> pairs;
  for (const ComparedCase& item : cases) {
    for (int64_t of_a : item.a->environments) {
      for (int64_t of_b : item.b->environments) pairs.emplace(of_a, of_b);
    }
  }
  std::map<int64_t, const std::string*> texts_a;
  std::map<int64_t, const std::string*> texts_b;
  for (const auto& [text, number] : a.environments) texts_a[number] = &text;
  for (const auto& [text, number] : b.environments) texts_b[number] = &text;
  std::vector<EnvironmentDifference> differences;
  for (const auto& [of_a, of_b] : pairs) {
    add_differences(Json::parse(*texts_a.at(of_a)), Json::parse(*texts_b.at(of_b)), differences);
  }
  return differences;
}

}  // namespace

int64_t Compared::count(Verdict verdict) const {
  return std::count_if(cases.begin(), cases.end(), [&](const ComparedCase& item) {
    return item.comparison && item.comparison->verdict == verdict;
  });
}

int64_t Compared::broken() const {
  return std::count_if(cases.begin(), cases.end(), [](const ComparedCase& item) { return item.is_broken(); });
}

int64_t Compared::timed() const {
  return std::count_if(cases.begin(), cases.end(),
                       [](const ComparedCase& item) { return item.comparison.has_value(); });
}

Compared compare_sides(const Side& a, const Side& b, const Criterion& criterion) {
  Compared compared;
  for (const std::string& key : a.order) {
    const SideCase& of_a = a.cases.at(key);
    const auto found = b.cases.find(key);
    if (found == b.cases.end()) {
      compared.only_a.push_back(&of_a);
      continue;
    }
    ComparedCase item{&of_a, &found->second, {}};
    if (of_a.runs > 0 && item.b->runs > 0) {
      item.comparison = compare_times(of_a.times_ms, item.b->times_ms, criterion);
    }
    compared.cases.push_back(std::move(item));
  }
  for (const std::string& key : b.order) {
    if (!a.cases.contains(key)) compared.only_b.push_back(&b.cases.at(key));
  }
  compared.environment = differences_of(a, b, compared.cases);
  return compared;
}

ExitCode exit_of(const Compared& compared, const Criterion& criterion, bool fails_on_slower) {
  if (fails_on_slower && compared.count(Verdict::slower) + compared.broken() > 0) return ExitCode::regression;
  const bool is_any = std::any_of(compared.cases.begin(), compared.cases.end(), [&](const ComparedCase& item) {
    if (!item.comparison) return false;
    const auto repeats_a = static_cast<int64_t>(item.a->times_ms.size());
    const auto repeats_b = static_cast<int64_t>(item.b->times_ms.size());
    return !fails_on_slower || can_decide(repeats_a, repeats_b, criterion);
  });
  return is_any ? ExitCode::ok : ExitCode::nothing_to_run;
}

}  // namespace ringfold
