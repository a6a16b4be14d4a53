#include "experiments/csv.h"

#include <nlohmann/json.hpp>

namespace ringfold {
namespace {

using OnCell = std::function<void(const std::string& name, const std::string& text)>;

/// `name` is the prefix, and is so again at the end.
void flatten_into(const Row& json, std::string& name, const OnCell& on_cell) {
  const size_t prefix = name.size();
  for (const auto& [key, value] : json.get_ref<const Row::object_t&>()) {
    if (prefix > 0) name += '.';
    name += key;
    if (value.is_object()) {
      flatten_into(value, name, on_cell);
    } else if (value.is_string()) {
      on_cell(name, csv_text(value.get_ref<const std::string&>()));
    } else {
      on_cell(name, value.is_null() ? "" : value.dump());
    }
    name.resize(prefix);
  }
}

}  // namespace

void add_csv_cell(std::string& line, std::string_view text) {
  if (text.find_first_of("\",\r\n") == std::string_view::npos) {
    line += text;
    return;
  }
  line += '"';
  for (const char c : text) {
    if (c == '"') line += c;
    line += c;
  }
  line += '"';
}

std::string csv_cell(std::string_view text) {
  std::string cell;
  add_csv_cell(cell, text);
  return cell;
}

std::string csv_text(std::string_view text) {
  const bool is_formula = !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  return (is_formula ? "'" : "") + std::string(text);
}

void flatten(const Row& row, const OnCell& on_cell) {
  std::string name;
  flatten_into(row, name, on_cell);
}

}  // namespace ringfold
