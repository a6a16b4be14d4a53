#include "experiments/csv.h"

#include <nlohmann/json.hpp>

namespace ringfold {
namespace {

using OnCell = std::function<void(const std::string& name, std::string text)>;

void flatten_into(const Row& json, const std::string& prefix, const OnCell& on_cell) {
  for (const auto& [key, value] : json.items()) {
    const std::string name = prefix.empty() ? key : prefix + "." + key;
    if (value.is_object()) {
      flatten_into(value, name, on_cell);
    } else if (value.is_string()) {
      on_cell(name, csv_text(value.get_ref<const std::string&>()));
    } else {
      on_cell(name, value.is_null() ? "" : value.dump());
    }
  }
}

}  // namespace

std::string csv_cell(std::string_view text) {
  if (text.find_first_of("\",\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string csv_text(std::string_view text) {
  const bool is_formula = !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  return (is_formula ? "'" : "") + std::string(text);
}

void flatten(const Row& row, const OnCell& on_cell) { flatten_into(row, "", on_cell); }

}  // namespace ringfold
