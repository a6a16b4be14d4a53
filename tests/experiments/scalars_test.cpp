#include "experiments/spec.h"
#include "tests/catch.h"

using namespace ringfold;

namespace {

int64_t integer(const std::string& text) {
  int64_t value = 0;
  CAPTURE(text);
  CHECK(parse_integer(text, value).empty());
  return value;
}

}  // namespace

TEST_CASE("integers: decimal, with suffixes, to the last") {
  CHECK(integer("0") == 0);
  CHECK(integer("-7") == -7);
  CHECK(integer("4Ki") == 4096);
  CHECK(integer("64K") == 64'000);
  CHECK(integer("1M") == 1'000'000);
  CHECK(integer("1Mi") == 1'048'576);
  CHECK(integer("3G") == 3'000'000'000);
  CHECK(integer("2Gi") == int64_t{1} << 31);
  CHECK(integer("1T") == 1'000'000'000'000);
  CHECK(integer("8388607Ti") == int64_t{8388607} << 40);
  CHECK(integer("9223372036854775807") == INT64_MAX);
  CHECK(integer("-9223372036854775808") == INT64_MIN);
}

TEST_CASE("what is no integer, and why") {
  int64_t value = 0;
  for (const char* text : {"", "-", "+1", "1.0", "1e3", "0x10", "1 ", " 1", "1k", "1KB", "Ki", "-Ki", "1KiKi", "1_000",
                           "--1", "\xD9\xA1"}) {
    CAPTURE(text);
    CHECK(parse_integer(text, value) == "is not an integer");
  }
  for (const char* text : {"010", "00", "-01", "01Ki"}) CHECK(parse_integer(text, value) == "has a leading zero");
  for (const char* text : {"9223372036854775808", "-9223372036854775809", "8388608Ti", "99999999999999999999999"}) {
    CAPTURE(text);
    CHECK(parse_integer(text, value) == "is out of range");
  }
}

TEST_CASE("numbers") {
  double value = 0;
  CHECK(parse_number("0.125", value).empty());
  CHECK(value == 0.125);
  CHECK(parse_number("-1E-3", value).empty());
  CHECK(value == -0.001);
  CHECK(parse_number("10", value).empty());
  CHECK(value == 10);
  CHECK(parse_number("0.35355339059327373", value).empty());
  CHECK(value == 0.35355339059327373);
  for (const char* text : {"", ".5", "5.", "1e", "1e+", "01", "+1", "inf", ".inf", "nan", "0x1", "1 ", "1,5"}) {
    CAPTURE(text);
    CHECK(parse_number(text, value) == "is not a number");
  }
  CHECK(parse_number("1e999", value) == "is out of range");
}
