// K and V out of pages for libraries that take rectangles: planned here, copied by the host.
#include "kernels/gather_pages.h"

#include "kernels/host_state.h"
#include "lib/dtype.h"
#include "tests/catch.h"
#include "tests/kernels/attend_case.h"

namespace ringfold::testing {
namespace {

TEST_CASE("what queries see is gathered by position, and no more") {
  for (const int64_t page_size : {1, 7, 16}) {
    for (const Layout layout : {Layout::heads_outer, Layout::tokens_outer}) {
      Plane k(DType::bf16, TokenSet({{0, 0, 90}, {0, 100, 130}, {1, 0, 8}, {2, 3, 20}}), {1, 4}, 8, 0, layout, 123.0f,
              page_size);
      for (int64_t head = 1; head < 4; ++head) {
        for (const Segment& segment : k.tensor().segments) {
          for (int64_t p = segment.begin; p < segment.end; ++p) {
            k.write(head, segment.row + p - segment.begin, std::vector<float>(8, static_cast<float>(p + head)));
          }
        }
      }
      Tensor q;
      q.segments = {{0, 80, 85, 0}, {0, 104, 106, 5}, {2, 19, 20, 7}};
      AttendTask task;
      task.q = q;
      task.kv = {{k.tensor(), k.tensor()}};
      task.dim = 8;
      task.mask = {MaskKind::window, 10};
      std::vector<std::byte> memory(static_cast<size_t>(gather_pages(task, nullptr).bytes));
      const GatheredPages gathered = gather_pages(task, memory.data());
      REQUIRE(gathered.copies.size() == 2);
      for (const CopyTask& copy : gathered.copies) copy_on_host(copy);
      const Tensor& dense = gathered.task.kv[0].v;
      CHECK(dense.page_size == 0);
      // Positions from 80 + 1 - 10 to 105, without the gap; of sequence 2 from 10 on.
      REQUIRE(dense.segments.size() == 3);
      CHECK(dense.segments[0].begin == 71);
      CHECK(dense.segments[1].begin == 100);
      CHECK(dense.segments[1].end == 106);
      CHECK(dense.segments[1].row == 19);
      CHECK(dense.segments[2].sequence == 2);
      CHECK(dense.segments[2].begin == 10);
      for (const Segment& segment : dense.segments) {
        for (int64_t p = segment.begin; p < segment.end; ++p) {
          const int64_t row = segment.row + p - segment.begin;
          const auto* values =
              reinterpret_cast<const uint16_t*>(dense.data) + 2 * dense.head_stride + row * dense.row_stride;
          for (int64_t c = 0; c < 8; ++c) CHECK(bf16_to_float(values[c]) == static_cast<float>(p + 3));
        }
      }
    }
  }
}

TEST_CASE("what lies in no pages stays where it is") {
  const Plane k(DType::bf16, TokenSet::range(0, 0, 9), {0, 1}, 8);
  AttendTask task;
  task.kv = {{k.tensor(), k.tensor()}};
  const GatheredPages gathered = gather_pages(task, nullptr);
  CHECK(gathered.copies.empty());
  CHECK(gathered.bytes == 0);
  CHECK(gathered.task.kv[0].k.data == k.tensor().data);
}

}  // namespace
}  // namespace ringfold::testing
