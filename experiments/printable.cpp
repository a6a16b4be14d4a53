#include "experiments/printable.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace ringfold {
namespace {

struct Character {
  uint32_t code = 0;
  size_t bytes = 0;  ///< 0: no UTF-8 begins here
};

Character character_at(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return {};
  uint32_t code = first & (0xffU >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fU);
  }
  const bool is_too_long = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  return is_too_long || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? Character{} : Character{code, bytes};
}

/// Controls of ASCII and of Latin 1, line and paragraph separators, and all that turns text around or is never seen.
bool is_control(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x61c ||
         (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2060 && code <= 0x206f) || code == 0xfeff || (code >= 0xfff9 && code <= 0xfffb) ||
         (code >= 0xe0000 && code <= 0xe0fff);
}

/// Needs no closer look.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::string escape(uint32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\t') return "\\t";
  if (code == '\r') return "\\r";
  return code < 0x100 ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{:04x}", code);
}

}  // namespace

std::string printable(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string result;
  while (!text.empty()) {
    const Character next = character_at(text);
    if (next.bytes == 0) {
      result += escape(static_cast<unsigned char>(text.front()));
      text.remove_prefix(1);
      continue;
    }
    result += is_control(next.code) ? escape(next.code) : std::string(text.substr(0, next.bytes));
    text.remove_prefix(next.bytes);
  }
  return result;
}

void make_printable(Row& json) {
  if (json.is_string()) {
    auto& text = json.get_ref<std::string&>();
    if (!is_plain(text)) text = printable(text);
  } else if (json.is_array()) {
    auto& list = json.get_ref<Row::array_t&>();
    for (Row& value : list) make_printable(value);
    list.shrink_to_fit();
  } else if (json.is_object()) {
    auto& map = json.get_ref<Row::object_t&>();
    const bool are_plain = std::all_of(map.begin(), map.end(), [](const auto& item) { return is_plain(item.first); });
    if (!are_plain) {
      Row::object_t renamed;
      for (auto& [key, value] : map) renamed[printable(key)] = std::move(value);
      map = std::move(renamed);
    }
    for (auto& item : map) make_printable(item.second);
    map.shrink_to_fit();
  }
}

}  // namespace ringfold
