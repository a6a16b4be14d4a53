#include "experiments/report_values.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace ringfold {

const Row* value_of(const Row& row, std::string_view pointer) {
  const Row* value = &row;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);  // '/'
    const size_t end = std::min(pointer.find('/'), pointer.size());
    const std::string key(pointer.substr(0, end));
    if (!value->is_object()) return nullptr;
    const auto found = value->find(key);
    if (found == value->end()) return nullptr;
    value = &*found;
    pointer.remove_prefix(end);
  }
  return value;
}

std::optional<double> number_of(const Row& row, std::string_view pointer) {
  const Row* value = value_of(row, pointer);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const double number = value->get<double>();
  if (!std::isfinite(number)) return std::nullopt;
  return number;
}

std::vector<double> numbers_of(const Row& row, std::string_view pointer) {
  const Row* list = value_of(row, pointer);
  if (list == nullptr || !list->is_array()) return {};
  std::vector<double> numbers;
  for (const Row& item : *list) {
    if (!item.is_number() || !std::isfinite(item.get<double>())) return {};
    numbers.push_back(item.get<double>());
  }
  return numbers;
}

std::string shortened(std::string text, size_t most_bytes) {
  if (text.size() <= most_bytes) return text;
  size_t end = most_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string text_of(const Row& row, std::string_view pointer, size_t most_bytes) {
  const Row* value = value_of(row, pointer);
  if (value == nullptr || !value->is_string()) return "";
  return shortened(value->get<std::string>(), most_bytes);
}

Row short_number(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (std::abs(value) < 1e15 && value == std::trunc(value)) return static_cast<int64_t>(value);
  return std::strtod(fmt::format("{:.6g}", value).c_str(), nullptr);
}

Row short_numbers(const std::vector<double>& values, size_t most) {
  Row json = Row::array();
  for (size_t i = 0; i < std::min(values.size(), most); ++i) json.push_back(short_number(values[i]));
  return json;
}

}  // namespace ringfold
