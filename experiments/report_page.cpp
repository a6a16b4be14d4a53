#include "experiments/report_page.h"

#include "experiments/report_assets.h"
#include "experiments/sha256.h"
#include "lib/error.h"

#include <cstdint>
#include <cstdlib>

namespace ringfold {
namespace {

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      text += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63U] : '=';
    }
  }
  return text;
}

/// Puts `value` in place of the only `name` in `page`.
void put(std::string& page, std::string_view name, std::string_view value) {
  const size_t at = page.find(name);
  RINGFOLD_INVARIANT(at != std::string::npos, "the page's template lacks {}", name);
  page.replace(at, name.size(), value);
}

}  // namespace

std::string escaped_json(std::string_view json) {
  std::string text;
  text.reserve(json.size() + json.size() / 64);
  for (size_t i = 0; i < json.size(); ++i) {
    const std::string_view rest = json.substr(i, 3);
    if (json[i] == '<') {
      text += "\\u003c";
    } else if (json[i] == '>') {
      text += "\\u003e";
    } else if (json[i] == '&') {
      text += "\\u0026";
    } else if (rest == "\xE2\x80\xA8" || rest == "\xE2\x80\xA9") {
      text += rest.back() == '\xA8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      text += json[i];
    }
  }
  return text;
}

std::string escaped_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '&': escaped += "&amp;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

std::string policy_hash(std::string_view text) {
  const std::string hex = sha256_hex(text);
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::strtoul(hex.substr(i, 2).c_str(), nullptr, 16));
  }
  return "sha256-" + base64(bytes);
}

std::string report_page(std::string_view title, std::string_view json) {
  std::string page(report_template());
  // Data last: no name of a place is looked for in what others wrote.
  put(page, "{{STYLE_HASH}}", policy_hash(report_style()));
  put(page, "{{SCRIPT_HASH}}", policy_hash(report_script()));
  put(page, "{{STYLE}}", report_style());
  put(page, "{{SCRIPT}}", report_script());
  const size_t data = page.find("{{DATA}}");
  RINGFOLD_INVARIANT(data != std::string::npos, "the page's template lacks its data");
  page.replace(data, std::string_view("{{DATA}}").size(), escaped_json(json));
  put(page, "{{TITLE}}", escaped_html(title));
  return page;
}

size_t empty_page_bytes() { return report_template().size() + report_style().size() + report_script().size() + 128; }

}  // namespace ringfold
