#include "experiments/compare_output.h"

#include <nlohmann/json.hpp>

namespace ringfold {
namespace {

Row side_json(const Side& side) {
  Row json;
  json["source"] = side.source;
  json["files"] = side.files;
  json["revisions"] = side.revisions;
  json["rows"] = side.summary.rows;
  json["cases"] = side.cases.size();
  json["unusable_lines"] = side.summary.unusable;
  for (const UnusableLine& line : side.summary.listed) {
    json["unusable"].push_back({{"file", line.file}, {"line", line.line}, {"reason", line.reason}});
  }
  return json;
}

Row measured_json(const SideCase& item) {
  Row json;
  json["id"] = item.id;
  json["runs"] = item.runs;
  json["repeats"] = item.times_ms.size();
  if (!item.times_ms.empty()) json["median_ms"] = median(item.times_ms);
  json["times_ms"] = item.times_ms;
  json["outliers"] = outliers(item.times_ms);
  json["faults"] = item.faults;
  return json;
}

Row case_json(const ComparedCase& item) {
  Row json = Row::parse(item.a->identity);
  json["verdict"] = "not_compared";
  if (item.is_broken()) json["verdict"] = "broken";
  if (item.comparison) {
    const Comparison& comparison = *item.comparison;
    json["verdict"] = comparison.verdict == Verdict::cannot_tell ? "cannot_tell" : to_string(comparison.verdict);
    json["reason"] = comparison.reason;
    json["ratio"] = comparison.ratio.ratio;
    if (comparison.ratio.interval) {
      json["interval"] = {comparison.ratio.interval->low, comparison.ratio.interval->high};
    }
    json["p"] = comparison.p;
  }
  json["a"] = measured_json(*item.a);
  json["b"] = measured_json(*item.b);
  return json;
}

Row only_json(const std::vector<const SideCase*>& items) {
  Row list = Row::array();
  for (const SideCase* item : items) list.push_back(Row::parse(item->identity));
  return list;
}

}  // namespace

std::string compared_json(const Side& a, const Side& b, const Compared& compared, const Criterion& criterion) {
  Row json;
  json["schema"] = 1;
  json["noise_floor"] = criterion.noise_floor;
  json["significance"] = criterion.significance;
  json["confidence"] = criterion.confidence;
  json["a"] = side_json(a);
  json["b"] = side_json(b);
  for (const Verdict verdict : {Verdict::same, Verdict::faster, Verdict::slower}) {
    json["counts"][std::string(to_string(verdict))] = compared.count(verdict);
  }
  json["counts"]["cannot_tell"] = compared.count(Verdict::cannot_tell);
  json["counts"]["broken"] = compared.broken();
  json["environment"] = Row::array();
  for (const EnvironmentDifference& difference : compared.environment) {
    json["environment"].push_back({{"field", difference.field}, {"a", difference.a}, {"b", difference.b}});
  }
  json["only_in_a"] = only_json(compared.only_a);
  json["only_in_b"] = only_json(compared.only_b);
  json["cases"] = Row::array();
  for (const ComparedCase& item : compared.cases) json["cases"].push_back(case_json(item));
  // ASCII only: as it may be read on a terminal.
  return json.dump(2, ' ', /*ensure_ascii=*/true, Row::error_handler_t::replace) + "\n";
}

}  // namespace ringfold
