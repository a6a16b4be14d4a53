// Into how many parts decodes are cut.
#include "kernels/decode_split.h"

#include "kernels/decode_launch.h"
#include "tests/catch.h"

#include <vector>

namespace ringfold {
namespace {

struct Cut {
  int64_t parts = 0;  ///< a list, at most
  double busy = 0;    ///< share of the slots' time, all keys taking the same
};

/// Of lists that are all alike, whose blocks run in rounds.
Cut cut_of(int64_t lists, int64_t length, int64_t kv_heads, int64_t slots) {
  const int64_t keys = keys_of_decode_parts(std::vector<int64_t>(static_cast<size_t>(lists), length), kv_heads, slots);
  INFO(lists << " x " << length << ", " << kv_heads << " heads, " << slots << " slots: " << keys << " keys");
  CHECK((keys >= 256 && keys % kDecodeKeys == 0));
  const int64_t parts = (length + keys - 1) / keys;
  const int64_t rounds = (parts * lists * kv_heads + slots - 1) / slots;
  const int64_t longest = (length + parts - 1) / parts;
  return {parts, static_cast<double>(lists * length * kv_heads) / static_cast<double>(rounds * longest * slots)};
}

TEST_CASE("long decodes keep all slots busy to the end") {
  CHECK(cut_of(1, 262144, 8, 396).busy > 0.95);
  CHECK(cut_of(32, 32768, 8, 396).busy > 0.95);
  CHECK(cut_of(32, 4096, 8, 396).busy > 0.9);
  CHECK(cut_of(7, 50000, 4, 396).busy > 0.95);
  CHECK(cut_of(1, 1000000, 1, 264).busy > 0.95);
}

TEST_CASE("short decodes are cut no more than pays") {
  CHECK(cut_of(1, 100, 8, 396).parts == 1);
  CHECK(cut_of(1, 256, 8, 396).parts == 1);
  CHECK(cut_of(400, 1000, 1, 400).parts == 1);  // one round as it is
  CHECK(cut_of(256, 2048, 8, 396).parts <= 2);
  CHECK(cut_of(1, 10000000, 1, 100000).parts <= 256);
}

TEST_CASE("one long list among short ones is cut by its own length") {
  std::vector<int64_t> lengths(100, 300);
  lengths.push_back(100000);
  const int64_t keys = keys_of_decode_parts(lengths, 4, 396);
  CHECK(keys < 4000);  // whole, it would take as long as all others together twenty times over
  CHECK(keys_of_decode_parts({}, 4, 396) % kDecodeKeys == 0);
  CHECK(keys_of_decode_parts(lengths, 4, 0) % kDecodeKeys == 0);
}

}  // namespace
}  // namespace ringfold
