#include "experiments/spec.h"

#include <array>
#include <charconv>
#include <cmath>

namespace ringfold {

namespace {

struct Suffix {
  std::string_view text;
  int64_t factor;
};

constexpr int64_t kKilo = 1000;
constexpr int64_t kKibi = 1024;
constexpr std::array kSuffixes = {
    Suffix{"Ki", kKibi},
    Suffix{"Mi", kKibi* kKibi},
    Suffix{"Gi", kKibi* kKibi* kKibi},
    Suffix{"Ti", kKibi* kKibi* kKibi* kKibi},
    Suffix{"K", kKilo},
    Suffix{"M", kKilo* kKilo},
    Suffix{"G", kKilo* kKilo* kKilo},
    Suffix{"T", kKilo* kKilo* kKilo* kKilo},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

size_t skip_digits(std::string_view text, size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

/// [-]digits[.digits][(e|E)[+|-]digits], no leading zero.
bool is_number(std::string_view text) {
  size_t at = text.starts_with('-') ? 1 : 0;
  const size_t whole = at;
  at = skip_digits(text, at);
  if (at == whole || (text[whole] == '0' && at > whole + 1)) return false;
  if (at < text.size() && text[at] == '.') {
    const size_t fraction = at + 1;
    at = skip_digits(text, fraction);
    if (at == fraction) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const size_t exponent = at;
    at = skip_digits(text, exponent);
    if (at == exponent) return false;
  }
  return at == text.size();
}

}  // namespace

std::string parse_integer(std::string_view text, int64_t& value) {
  int64_t factor = 1;
  for (const Suffix& suffix : kSuffixes) {
    if (factor == 1 && text.ends_with(suffix.text)) {
      text.remove_suffix(suffix.text.size());
      factor = suffix.factor;
    }
  }
  const size_t first = text.starts_with('-') ? 1 : 0;
  if (first == text.size() || skip_digits(text, first) != text.size()) return "is not an integer";
  if (text[first] == '0' && text.size() > first + 1) return "has a leading zero";
  int64_t digits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), digits);
  if (error != std::errc() || end != text.data() + text.size() || __builtin_mul_overflow(digits, factor, &value)) {
    return "is out of range";
  }
  return "";
}

std::string parse_number(std::string_view text, double& value) {
  if (!is_number(text)) return "is not a number";
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return "is out of range";
  return "";
}

}  // namespace ringfold
