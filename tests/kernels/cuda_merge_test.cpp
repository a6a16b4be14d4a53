// What attention kernels ask of merges on a GPU: parts and targets in 16 bits, binary logarithms, folding, filling.
#include "kernels/cuda_queue.h"
#include "kernels/cuda_state.h"
#include "kernels/host_state.h"
#include "kernels/state_parts.h"
#include "lib/dtype.h"
#include "tests/catch.h"
#include "tests/kernels/cuda_planes.h"
#include "tests/kernels/random_states.h"

#include <cmath>
#include <list>

using namespace ringfold;
using namespace ringfold::testing;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int64_t kHeads = 3;
constexpr int64_t kRows = 41;

/// Planes on the host and their copies on the GPU.
struct Rows {
  Plane o;
  Plane lse;
  std::optional<DevicePlane> device_o;
  std::optional<DevicePlane> device_lse;

  Rows(std::mt19937_64& random, DType dtype, int64_t rows, int64_t heads, int64_t dim, Layout layout)
      : o(dtype, TokenSet::range(0, 0, rows), {0, heads}, dim, 0, layout),
        lse(DType::fp32, TokenSet::range(0, 0, rows), {0, heads}, 1, 0, layout) {
    fill_normal(random, o, rows, dim);
    fill_normal(random, lse, rows, 1);
    lse.write(0, rows / 2, {-kInfinity});
  }
  void send(CudaDevice& device) {
    device_o.emplace(device, o);
    device_lse.emplace(device, lse);
  }
  StateRows on_device() const {
    const Tensor tensor = device_lse->tensor();
    return state_rows(device_o->tensor(), &tensor);
  }
  void receive() {
    device_o->read(o.memory());
    device_lse->read(lse.memory());
  }
};

struct Expected {
  std::vector<float> o;
  float lse = 0.0f;
};

/// What a row of the target should be: the host's merge of what each part holds of it.
Expected expect(const std::vector<std::pair<const Rows*, StatePart>>& parts, int64_t head, int64_t row, int64_t dim) {
  std::list<std::vector<float>> values;
  std::vector<StateRow> rows;
  for (const auto& [from, part] : parts) {
    const int64_t part_row = row - part.target_row;
    const int64_t part_head = head - part.target_head;
    if (part_row < 0 || part_row >= part.rows || part_head < 0 || part_head >= part.heads) continue;
    const double lse = from->lse.read(part_head, part_row)[0];
    values.push_back(from->o.read(part_head, part_row));
    rows.push_back({values.back().data(), static_cast<float>(part.base_2 ? lse * std::log(2.0) : lse)});
  }
  Expected expected;
  expected.o.resize(static_cast<size_t>(dim));
  std::vector<double> sums(static_cast<size_t>(dim));
  expected.lse = merge_rows(rows, dim, sums.data(), expected.o.data());
  return expected;
}

/// A step of the dtype next to 1; in fp32 some, for LSEs that the host rounds once more.
double step_of(DType dtype) { return dtype == DType::fp32 ? 0x1p-19 : dtype == DType::fp16 ? 0x1p-10 : 0x1p-7; }

void check_rows(const Rows& got, const std::vector<std::pair<const Rows*, StatePart>>& parts, DType dtype,
                int64_t dim) {
  for (int64_t head = 0; head < kHeads; ++head) {
    for (int64_t row = 0; row < kRows; ++row) {
      const Expected expected = expect(parts, head, row, dim);
      const std::vector<float> o = got.o.read(head, row);
      const float lse = got.lse.read(head, row)[0];
      INFO("head " << head << " row " << row);
      const bool same_lse = lse == expected.lse || std::abs(lse - expected.lse) <= 1e-6f;
      if (!same_lse) FAIL_CHECK("LSE " << lse << ", not " << expected.lse);
      for (size_t c = 0; c < o.size(); ++c) {
        const double apart = std::abs(static_cast<double>(o[c]) - static_cast<double>(expected.o[c]));
        const bool is_near = apart <= step_of(dtype) * std::max(1.0, std::abs(static_cast<double>(expected.o[c])));
        if (!is_near) FAIL_CHECK("channel " << c << ": " << o[c] << ", not " << expected.o[c]);
      }
    }
  }
}

}  // namespace

TEST_CASE("parts and targets of any dtype merge, fold, and bring binary logarithms") {
  if (!has_cuda_device()) return;
  CudaDevice device(0);
  const auto queue = device.make_cuda_queue(false);
  const std::vector<DType> dtypes = {DType::fp32, DType::bf16, DType::fp16};
  std::mt19937_64 random(21);
  for (int round = 0; round < 72; ++round) {
    const DType dtype = dtypes[static_cast<size_t>(round) % 3];
    const int64_t dim = std::vector<int64_t>{64, 4, 5}[static_cast<size_t>(round / 3) % 3];
    const bool fold = round % 2 == 0;
    const Layout layout = round % 4 < 2 ? Layout::tokens_outer : Layout::heads_outer;
    Rows target(random, dtype, kRows, kHeads, dim, layout);
    const Rows before(target);
    target.send(device);
    std::list<Rows> sources;
    std::vector<StatePart> parts;
    std::vector<std::pair<const Rows*, StatePart>> expected;
    if (fold) expected.push_back({&before, {{}, 0, kRows, 0, kHeads, false}});
    for (int part = 0; part < round % 5; ++part) {
      const int64_t first = static_cast<int64_t>(random() % 20);
      const int64_t head = static_cast<int64_t>(random() % 2);
      Rows& source = sources.emplace_back(random, dtypes[random() % 3], 20, kHeads - head, dim, layout);
      source.send(device);
      parts.push_back({source.on_device(), first, 20, head, kHeads - head, random() % 2 == 0});
      expected.push_back({&source, parts.back()});
    }
    const CudaMerge merge(device, {target.on_device(), kHeads, {{10, kRows - 10}, {0, 10}}}, parts, dim,
                          {.fold = fold});
    merge.enqueue(queue->stream());
    queue->synchronize();
    target.receive();
    INFO("round " << round << " " << to_string(dtype) << " dim " << dim << " parts " << parts.size() << " fold "
                  << fold);
    CHECK(target.o.poison_intact());
    CHECK(target.lse.poison_intact());
    check_rows(target, expected, dtype, dim);
  }
}

TEST_CASE("a merge without parts fills rows, and only those") {
  if (!has_cuda_device()) return;
  CudaDevice device(0);
  const auto queue = device.make_cuda_queue(false);
  std::mt19937_64 random(22);
  Rows target(random, DType::fp32, kRows, kHeads, 6, Layout::heads_outer);
  const Rows before(target);
  target.send(device);
  const CudaMerge fill(device, {target.on_device(), kHeads, {{3, 5}, {20, 1}}}, {}, 6);
  fill.enqueue(queue->stream());
  queue->synchronize();
  target.receive();
  for (int64_t head = 0; head < kHeads; ++head) {
    for (int64_t row = 0; row < kRows; ++row) {
      const bool filled = (row >= 3 && row < 8) || row == 20;
      INFO("head " << head << " row " << row);
      CHECK(target.o.read(head, row) == (filled ? std::vector<float>(6, 0.0f) : before.o.read(head, row)));
      CHECK(target.lse.read(head, row) == (filled ? std::vector<float>{-kInfinity} : before.lse.read(head, row)));
    }
  }
}

TEST_CASE("work made on the spot lives until its queue has ended it") {
  if (!has_cuda_device()) return;
  PlainCudaKernel kernel;
  std::mt19937_64 random(23);
  Rows target(random, DType::fp32, kRows, kHeads, 8, Layout::heads_outer);
  target.send(kernel.gpu());
  const auto before = kernel.device().allocated_bytes();
  const auto queue = kernel.device().make_queue();
  const MergeTask task{{}, {target.device_o->tensor(), target.device_lse->tensor()}, 8};
  kernel.merge(*queue, task);
  CHECK(kernel.device().allocated_bytes() > before);
  queue->synchronize();
  CHECK(kernel.device().allocated_bytes() == before);
  REQUIRE(queue->begin_recording());
  kernel.merge(*queue, task);
  auto work = queue->end_recording();
  queue->synchronize();
  CHECK(kernel.device().allocated_bytes() > before);
  work->start(*queue);
  queue->synchronize();
  work.reset();
  CHECK(kernel.device().allocated_bytes() == before);
}
