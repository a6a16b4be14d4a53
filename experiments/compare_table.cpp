#include "experiments/compare_output.h"
#include "experiments/grid.h"
#include "experiments/printable.h"
#include "experiments/table.h"
#include "experiments/variation.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace ringfold {
namespace {

constexpr int64_t kAnyWidth = 100;
constexpr size_t kMostListed = 20;

/// How many of so many cases are named where each is only a word in a note.
size_t listed(size_t count) { return std::min(count, kMostListed); }

/// What tells the cases of both sides apart: of all that are compared, and of those others that are listed.
struct Names {
  std::vector<std::string> keys;
  std::map<const SideCase*, std::vector<std::string>> values;
  std::map<const SideCase*, std::string> strategies;

  std::string label(const SideCase* item) const {
    std::string text = strategies.at(item);
    for (size_t i = 0; i < keys.size(); ++i) text += fmt::format(" {}={}", keys[i], values.at(item)[i]);
    return text;
  }
};

Names names_of(const Compared& compared) {
  std::vector<const SideCase*> items;
  for (const ComparedCase& item : compared.cases) items.push_back(item.a);
  for (const auto* only : {&compared.only_a, &compared.only_b}) {
    items.insert(items.end(), only->begin(), only->begin() + static_cast<std::ptrdiff_t>(listed(only->size())));
  }
  Names names;
  std::vector<Row> cases;
  for (const SideCase* item : items) {
    Row row = Row::parse(item->identity);
    make_printable(row);
    names.strategies[item] = strategy_label(row);
    cases.push_back(std::move(row["case"]));
    // Matched cases may differ in how often they were measured: that is no name.
    Row& measure = cases.back()["measure"];
    const Row threads = measure.value("threads", Row(1));
    measure = {{"threads", threads}};
  }
  Variation variation = variation_of(cases);
  names.keys = variation.keys;
  for (size_t i = 0; i < items.size(); ++i) names.values[items[i]] = std::move(variation.values[i]);
  return names;
}

std::string side_text(const char* name, const Side& side) {
  std::string revisions;
  for (const std::string& revision : side.revisions) {
    if (side.revisions.size() <= 3 && !revision.empty()) revisions += ", revision " + printable(revision);
  }
  if (side.revisions.size() > 3) revisions = fmt::format(", {} revisions", side.revisions.size());
  return fmt::format("{}  {}: {} case{}{}{}\n", name, printable(side.source), side.cases.size(),
                     side.cases.size() == 1 ? "" : "s", revisions,
                     side.files.size() == 1 ? "" : fmt::format(", {} files", side.files.size()));
}

std::string verdict_text(const ComparedCase& item) {
  if (item.comparison) return std::string(to_string(item.comparison->verdict));
  return item.is_broken() ? "broken" : "not compared";
}

std::string interval_text(const ComparedCase& item) {
  if (!item.comparison || !item.comparison->ratio.interval) return "";
  const Interval& interval = *item.comparison->ratio.interval;
  return fmt::format("{:.3f} - {:.3f}", interval.low, interval.high);
}

std::string median_text(const SideCase& item) {
  return item.times_ms.empty() ? "" : number_text(median(item.times_ms));
}

std::string pair_text(size_t a, size_t b) { return fmt::format("{} + {}", a, b); }

std::string outliers_text(const ComparedCase& item) {
  const size_t a = outliers(item.a->times_ms).size();
  const size_t b = outliers(item.b->times_ms).size();
  return a + b == 0 ? "" : pair_text(a, b);
}

std::vector<Column> columns_of(const Compared& compared, const Names& names, const Criterion& criterion) {
  std::vector<Column> columns;
  for (size_t key = 0; key < names.keys.size(); ++key) {
    Column column{names.keys[key], false, 20, {}};
    for (const ComparedCase& item : compared.cases) column.cells.push_back(names.values.at(item.a)[key]);
    columns.push_back(std::move(column));
  }
  const auto add = [&](const std::string& title, bool is_text, int importance, const auto& cell) {
    Column column{title, is_text, importance, {}};
    for (const ComparedCase& item : compared.cases) column.cells.push_back(cell(item));
    const auto is_empty = [](const std::string& text) { return text.empty(); };
    if (!std::all_of(column.cells.begin(), column.cells.end(), is_empty)) columns.push_back(std::move(column));
  };
  add("strategy", true, 30, [&](const ComparedCase& item) { return names.strategies.at(item.a); });
  add("verdict", true, 29, verdict_text);
  add("B / A", false, 28, [](const ComparedCase& item) {
    return item.comparison ? fmt::format("{:.3f}", item.comparison->ratio.ratio) : "";
  });
  add(fmt::format("{:.0f} % interval", 100 * criterion.confidence), false, 27, interval_text);
  add("A ms", false, 15, [](const ComparedCase& item) { return median_text(*item.a); });
  add("B ms", false, 16, [](const ComparedCase& item) { return median_text(*item.b); });
  add("p", false, 12, [](const ComparedCase& item) { return item.comparison ? number_text(item.comparison->p) : ""; });
  add("repeats", false, 11,
      [](const ComparedCase& item) { return pair_text(item.a->times_ms.size(), item.b->times_ms.size()); });
  add("outliers", false, 13, outliers_text);
  return columns;
}

std::vector<LineStyle> styles_of(const Compared& compared, const Style& style) {
  std::vector<LineStyle> styles(compared.cases.size());
  for (size_t i = 0; i < styles.size() && !style.off.empty(); ++i) {
    const ComparedCase& item = compared.cases[i];
    if (!item.comparison) {
      styles[i] = {item.is_broken() ? style.bad : style.warn, style.off};
      continue;
    }
    switch (item.comparison->verdict) {
      case Verdict::same: break;
      case Verdict::faster: styles[i] = {style.best, style.off}; break;
      case Verdict::slower: styles[i] = {style.bad, style.off}; break;
      case Verdict::cannot_tell: styles[i] = {style.warn, style.off}; break;
    }
  }
  return styles;
}

/// Notes of which many cases may have the same: each once, with the cases, in the order of the first.
class Notes {
 public:
  void add(const std::string& note, const std::string& label) {
    if (!notes_.contains(note)) order_.push_back(note);
    Note& of_all = notes_[note];
    if (++of_all.count <= kMostListed) of_all.labels.push_back(label);
  }

  void add_only(const std::string& note, const std::vector<const SideCase*>& items, const Names& names) {
    for (size_t i = 0; i < listed(items.size()); ++i) add(note, names.label(items[i]));
    if (!items.empty()) notes_[note].count = items.size();
  }

  std::string text(int64_t width) const {
    std::string text;
    for (const std::string& note : order_) {
      const auto& [labels, count] = notes_.at(note);
      const std::string more = count > labels.size() ? fmt::format(" and {} more", count - labels.size()) : "";
      text += wrapped(fmt::format("{}: {}{}", note, joined(labels, ", "), more), width, 4) + "\n";
    }
    return text;
  }

 private:
  struct Note {
    std::vector<std::string> labels;  ///< the first of them
    size_t count = 0;
  };
  std::vector<std::string> order_;
  std::map<std::string, Note> notes_;
};

void add_outliers(Notes& notes, const char* side, const SideCase& item, const std::string& label) {
  for (int64_t repeat : outliers(item.times_ms)) {
    notes.add("outliers, which count like all repeats",
              fmt::format("{} ({} repeat {}: {} ms)", label, side, repeat + 1,
                          number_text(item.times_ms[static_cast<size_t>(repeat)])));
  }
}

std::string notes_text(const Compared& compared, const Names& names, int64_t width) {
  Notes notes;
  for (const ComparedCase& item : compared.cases) {
    const std::string label = names.label(item.a);
    if (item.comparison && !item.comparison->reason.empty())
      notes.add("cannot tell, " + item.comparison->reason, label);
    for (const std::string& fault : item.a->faults) notes.add("A " + printable(fault), label);
    for (const std::string& fault : item.b->faults) notes.add("B " + printable(fault), label);
    add_outliers(notes, "A", *item.a, label);
    add_outliers(notes, "B", *item.b, label);
  }
  notes.add_only("only in A", compared.only_a, names);
  notes.add_only("only in B", compared.only_b, names);
  std::string text = notes.text(width);
  for (const EnvironmentDifference& difference : compared.environment) {
    const std::string line =
        fmt::format("different environments, {}: A {}, B {}", difference.field, difference.a, difference.b);
    text += wrapped(printable(line), width, 4) + "\n";
  }
  return text;
}

std::string summary_text(const Compared& compared, const Criterion& criterion) {
  std::string text;
  for (const Verdict verdict : {Verdict::slower, Verdict::faster, Verdict::same, Verdict::cannot_tell}) {
    text += fmt::format("{} {}, ", compared.count(verdict), to_string(verdict));
  }
  if (compared.broken() > 0) text += fmt::format("{} broken, ", compared.broken());
  const auto not_compared = std::count_if(compared.cases.begin(), compared.cases.end(), [](const ComparedCase& item) {
    return !item.comparison && !item.is_broken();
  });
  if (not_compared > 0) text += fmt::format("{} not compared, ", not_compared);
  return text + fmt::format("noise floor {:.3g} %\n", 100 * criterion.noise_floor);
}

}  // namespace

std::string compared_table(const Side& a, const Side& b, const Compared& compared, const Criterion& criterion,
                           const Style& style, int64_t columns) {
  const Names names = names_of(compared);
  const int64_t width = columns > 0 ? columns : kAnyWidth;
  std::string text = side_text("A", a) + side_text("B", b) + "\n";
  if (!compared.cases.empty()) {
    text += grid_text(columns_of(compared, names, criterion), styles_of(compared, style), columns) + "\n";
  }
  return text + notes_text(compared, names, width) + summary_text(compared, criterion);
}

}  // namespace ringfold
