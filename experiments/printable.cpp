#include "experiments/printable.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdint>

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

std::string escape(uint32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\t') return "\\t";
  if (code == '\r') return "\\r";
  return code < 0x100 ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{:04x}", code);
}

}  // namespace

std::string printable(std::string_view text) {
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

Row printable_row(const Row& json) {
  if (json.is_string()) return printable(json.get_ref<const std::string&>());
  if (!json.is_structured()) return json;
  Row result = json.is_array() ? Row::array() : Row::object();
  // Of just the size that it needs: many may be kept.
  if (json.is_array()) {
    result.get_ref<Row::array_t&>().reserve(json.size());
    for (const Row& value : json) result.push_back(printable_row(value));
  } else {
    result.get_ref<Row::object_t&>().reserve(json.size());
    for (const auto& [key, value] : json.items()) result[printable(key)] = printable_row(value);
  }
  return result;
}

}  // namespace ringfold
