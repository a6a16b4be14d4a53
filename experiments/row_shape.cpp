#include "experiments/row_shape.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace ringfold {
namespace {

constexpr int64_t kLargest = int64_t{1} << 60;     // of whole numbers: some of them can be added up
constexpr int64_t kMostTokens = int64_t{1} << 40;  // of a sequence

using IsRight = bool (*)(const Row& value);

bool is_text(const Row& value) { return value.is_string(); }
bool is_map(const Row& value) { return value.is_object(); }

/// Numbers that JSON lacks are strings.
bool is_number(const Row& value) { return value.is_number() || value == "nan" || value == "inf" || value == "-inf"; }

bool is_plain_number(const Row& value) { return value.is_number(); }

bool is_whole(const Row& value, int64_t most) {
  if (value.is_number_unsigned()) return value.get<uint64_t>() <= static_cast<uint64_t>(most);
  return value.is_number_integer() && value.get<int64_t>() >= 0 && value.get<int64_t>() <= most;
}

bool is_count(const Row& value) { return is_whole(value, kLargest); }
bool is_tokens(const Row& value) { return is_whole(value, kMostTokens); }
bool is_some(const Row& value) { return is_count(value) && value != 0; }
bool is_exit(const Row& value) { return is_whole(value, 255); }

bool is_list(const Row& value, IsRight is_right) {
  return value.is_array() && std::all_of(value.begin(), value.end(), is_right);
}

bool is_numbers(const Row& value) { return is_list(value, is_number); }
bool is_plain_numbers(const Row& value) { return is_list(value, is_plain_number); }
bool is_counts(const Row& value) { return is_list(value, is_count); }
bool is_texts(const Row& value) { return is_list(value, is_text); }
bool is_pair(const Row& value) { return is_numbers(value) && value.size() == 2; }

/// [repeat][rank], as many ranks in all repeats.
bool is_repeats(const Row& value) {
  if (!is_list(value, is_numbers) || value.empty() || value.front().empty()) return false;
  return std::all_of(value.begin(), value.end(),
                     [&](const Row& ranks) { return ranks.size() == value.front().size(); });
}

bool is_status(const Row& value) {
  return value == "passed" || value == "failed" || value == "skipped" || value == "refuted";
}

bool is_options(const Row& value) { return value.is_object() && std::all_of(value.begin(), value.end(), is_text); }

bool is_sequences(const Row& value) {
  return !value.empty() && is_list(value, [](const Row& sequence) {
    return sequence.is_object() && sequence.contains("query") && is_tokens(sequence["query"]) &&
           sequence.contains("cached") && is_tokens(sequence["cached"]);
  });
}

/// Where a value stands, whether a row without it is none, and what it must be.
struct Field {
  const char* place;
  bool is_required;  ///< in the map that would hold it
  IsRight is_right;
  const char* what;
};

constexpr auto kFields = std::to_array<Field>({
    {"/id", true, is_text, "a text"},
    {"/name", true, is_text, "a text"},
    {"/round", false, is_count, "a whole number"},
    {"/status", true, is_status, "passed, failed, skipped or refuted"},
    {"/exit", true, is_exit, "an exit code"},
    {"/reason", true, is_text, "a text"},
    {"/strategy", true, is_text, "a text"},
    {"/options", true, is_options, "a map of texts"},
    {"/transport", true, is_text, "a text"},
    {"/kernel", true, is_text, "a text"},
    {"/environment", true, is_map, "a map"},
    {"/command", true, is_text, "a text"},
    {"/case", true, is_map, "a map"},
    {"/case/problem", true, is_map, "a map"},
    {"/case/problem/sequences", true, is_sequences, "a list of sequences with query and cached tokens"},
    {"/case/problem/heads", true, is_map, "a map"},
    {"/case/problem/heads/query", true, is_some, "a whole number above 0"},
    {"/case/problem/heads/kv", true, is_some, "a whole number above 0"},
    {"/case/problem/heads/dim", true, is_some, "a whole number above 0"},
    {"/case/problem/scale", false, is_plain_number, "a number"},
    {"/case/cluster", true, is_map, "a map"},
    {"/case/cluster/sp", true, is_some, "a whole number above 0"},
    {"/case/cluster/tp", true, is_some, "a whole number above 0"},
    {"/case/inputs", false, is_map, "a map"},
    {"/case/measure", false, is_map, "a map"},
    {"/plan", false, is_map, "a map"},
    {"/plan/sent_bytes", true, is_counts, "a list of whole numbers"},
    {"/plan/received_bytes", true, is_counts, "a list of whole numbers"},
    {"/plan/flops", true, is_plain_numbers, "a list of numbers"},
    {"/plan/projection_flops", false, is_plain_numbers, "a list of numbers"},
    {"/plan/peak_bytes", true, is_counts, "a list of whole numbers"},
    {"/plan/attends", true, is_counts, "a list of whole numbers"},
    {"/plan/imbalance", true, is_number, "a number"},
    {"/plan/minimum_sent_bytes", true, is_counts, "a list of whole numbers"},
    {"/plan/pages", false, is_counts, "a list of whole numbers"},
    {"/traffic", false, is_map, "a map"},
    {"/traffic/sent_bytes", true, is_counts, "a list of whole numbers"},
    {"/numerics", false, is_map, "a map"},
    {"/numerics/output", true, is_map, "a map"},
    {"/numerics/output/error", true, is_number, "a number"},
    {"/numerics/output/bound", true, is_number, "a number"},
    {"/numerics/lse", true, is_map, "a map"},
    {"/numerics/lse/error", true, is_number, "a number"},
    {"/numerics/lse/bound", true, is_number, "a number"},
    {"/numerics/rows_checked", true, is_count, "a whole number"},
    {"/timing", false, is_map, "a map"},
    {"/timing/median_ms", true, is_number, "a number"},
    {"/timing/ranks_ms", true, is_repeats, "a list of repeats, each with a number for every rank"},
    {"/timing/tflops_per_rank", false, is_number, "a number"},
    {"/timing/tokens_per_second", false, is_number, "a number"},
    {"/timing/kv_gbps", false, is_number, "a number"},
    {"/timing/memory_gbps", false, is_number, "a number"},
    {"/timing/ideal_ms", false, is_number, "a number"},
    {"/timing/confidence_ms", false, is_pair, "a list of two numbers"},
    {"/timing/notes", false, is_texts, "a list of texts"},
    {"/timing/breakdown", false, is_map, "a map"},
    {"/timing/breakdown/compute_ms", false, is_numbers, "a list of numbers"},
    {"/timing/breakdown/merge_ms", false, is_numbers, "a list of numbers"},
    {"/timing/breakdown/communicate_ms", false, is_numbers, "a list of numbers"},
    {"/timing/breakdown/exposed_ms", false, is_numbers, "a list of numbers"},
    {"/timing/breakdown/idle_ms", false, is_numbers, "a list of numbers"},
    {"/timing/breakdown/total_ms", false, is_numbers, "a list of numbers"},
    {"/environment/peak_gflops_core", false, is_number, "a number"},
    {"/environment/link_gbps", false, is_number, "a number"},
    {"/environment/gpu_clocks", false, is_text, "a text"},
});

std::string dotted(std::string_view place) {
  std::string text(place.substr(1));
  std::replace(text.begin(), text.end(), '/', '.');
  return text;
}

/// The value that `place` names, walking maps; null if one on the way is missing. `parent` is told apart: it is there.
const Row* find(const Row& json, std::string_view place, bool& has_parent) {
  const Row* value = &json;
  has_parent = true;
  while (!place.empty()) {
    place.remove_prefix(1);
    const std::string_view word = place.substr(0, place.find('/'));
    place.remove_prefix(word.size());
    const auto found = value->find(std::string(word));
    if (found == value->end()) {
      has_parent = place.empty();
      return nullptr;
    }
    value = &*found;
  }
  return value;
}

}  // namespace

std::string row_fault(const Row& json) {
  if (!json.is_object()) return "no row: not a JSON object";
  if (!json.contains("schema")) return "no row: no field schema";
  const Row& schema = json["schema"];
  if (schema != 1) {
    if (schema.is_number_integer()) return fmt::format("schema {}, and this program reads schema 1", schema.dump());
    return "no row: schema is no whole number";
  }
  for (const Field& field : kFields) {
    bool has_parent = false;
    const Row* value = find(json, field.place, has_parent);
    if (value == nullptr) {
      if (field.is_required && has_parent) return fmt::format("no whole row: no field {}", dotted(field.place));
    } else if (!field.is_right(*value)) {
      return fmt::format("no whole row: {} is not {}", dotted(field.place), field.what);
    }
  }
  return {};
}

}  // namespace ringfold
