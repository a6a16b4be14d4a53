// Merges, finishes and copies on a GPU against the host's.
#include "kernels/cuda_state.h"

#include "kernels/host_state.h"
#include "kernels/rows.h"
#include "kernels/state_parts.h"
#include "lib/dtype.h"
#include "tests/catch.h"
#include "tests/kernels/cuda_planes.h"
#include "tests/kernels/random_states.h"

#include <cmath>
#include <cstring>
#include <list>

using namespace ringfold;
using namespace ringfold::testing;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> floats(std::span<const std::byte> memory) {
  std::vector<float> values(memory.size() / sizeof(float));
  std::memcpy(values.data(), memory.data(), memory.size());
  return values;
}

/// Elements that differ from the host's: at most by a step, of numbers not much above 1, and poison not at all.
struct Differences {
  int64_t elements = 0;
  int64_t different = 0;
  void compare(const Plane& expected, const DevicePlane& plane) {
    const std::vector<float> want = floats(expected.memory());
    const std::vector<float> got = floats(plane.read());
    int64_t wrong = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      if (same_values({&want[i], 1}, {&got[i], 1})) continue;
      ++different;
      const double apart = std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
      if (apart <= std::abs(static_cast<double>(want[i])) * 0x1p-23 + 0x1p-40) continue;
      if (wrong++ == 0) FAIL_CHECK("element " << i << " is " << got[i] << ", not " << want[i]);
    }
    elements += static_cast<int64_t>(want.size());
    if (wrong > 1) FAIL_CHECK(wrong << " of " << want.size() << " elements are wrong");
  }
};

/// Takes a segment out of a state, and whatever stood there.
StateTensor without_a_segment(RandomState& state, int64_t dim) {
  StateTensor tensor = state.tensor();
  if (tensor.o.segments.size() < 2) return tensor;
  const Segment gone = tensor.o.segments[1];
  for (int64_t head = tensor.o.heads.begin; head < tensor.o.heads.end; ++head) {
    for (int64_t i = 0; i < gone.end - gone.begin; ++i) {
      state.o.write(head, gone.row + i, std::vector<float>(static_cast<size_t>(dim), kNan));
      state.lse.write(head, gone.row + i, {kNan});
    }
  }
  tensor.o.segments.erase(tensor.o.segments.begin() + 1);
  tensor.lse.segments.erase(tensor.lse.segments.begin() + 1);
  return tensor;
}

struct DeviceState {
  DevicePlane o;
  DevicePlane lse;
  std::vector<Segment> segments;
  DeviceState(CudaDevice& device, const RandomState& state, const StateTensor& tensor, int64_t shift)
      : o(device, state.o, shift), lse(device, state.lse, 4), segments(tensor.o.segments) {}
  StateTensor tensor() const {
    StateTensor state{o.tensor(), lse.tensor()};
    state.o.segments = state.lse.segments = segments;
    return state;
  }
};

/// Merges `count` random states on both machines; with `in_place` >= 0 into that one of them.
void compare_merge(PlainCudaKernel& kernel, std::mt19937_64& random, int64_t dim, int count, int in_place, Way way,
                   const TokenSet& tokens, Differences& differences) {
  std::list<RandomState> states;
  std::vector<StateTensor> tensors;
  std::list<DeviceState> on_device;
  MergeTask host{{}, {}, dim};
  MergeTask device{{}, {}, dim};
  for (int part = 0; part < count; ++part) {
    const bool is_target = part == in_place;
    const TokenSet held = is_target || random() % 2 == 0 ? tokens : random_tokens(random);
    RandomState& state = states.emplace_back(random, held, is_target ? HeadRange{0, 4} : random_heads(random), dim);
    const StateTensor tensor = is_target ? state.tensor() : without_a_segment(state, dim);
    on_device.emplace_back(kernel.gpu(), state, tensor, 4 * static_cast<int64_t>(random() % 5));
    host.parts.push_back(tensor);
    device.parts.push_back(on_device.back().tensor());
  }
  if (in_place < 0) {
    RandomState& state = states.emplace_back(random, tokens, HeadRange{0, 4}, dim);
    on_device.emplace_back(kernel.gpu(), state, state.tensor(), 4 * static_cast<int64_t>(random() % 5));
  }
  const auto target = in_place < 0 ? std::prev(states.end()) : std::next(states.begin(), in_place);
  const auto target_on_device = in_place < 0 ? std::prev(on_device.end()) : std::next(on_device.begin(), in_place);
  host.state = target->tensor();
  device.state = target_on_device->tensor();
  merge_on_host(host);
  run(kernel, device, way, &CudaKernel::merge);
  differences.compare(target->o, target_on_device->o);
  differences.compare(target->lse, target_on_device->lse);
}

}  // namespace

TEST_CASE("merges on a GPU are the host's to the last bit but one, nearly always to the last") {
  if (!has_cuda_device()) return;
  PlainCudaKernel kernel;
  std::mt19937_64 random(11);
  Differences differences;
  const std::vector<int64_t> dims = {1, 2, 3, 4, 7, 8, 64, 100, 128, 256};
  for (int round = 0; round < 120; ++round) {
    const int count = round % 9;
    const int in_place = count > 0 && round % 4 == 0 ? static_cast<int>(random() % static_cast<uint64_t>(count)) : -1;
    const int64_t dim = dims[static_cast<size_t>(round) % dims.size()];
    INFO("round " << round << " dim " << dim << " parts " << count << " in place " << in_place);
    compare_merge(kernel, random, dim, count, in_place, way_of(round), random_tokens(random), differences);
  }
  CHECK(differences.different <= differences.elements / 10000);
}

TEST_CASE("a merge of many rows, and one of many parts") {
  if (!has_cuda_device()) return;
  PlainCudaKernel kernel;
  std::mt19937_64 random(12);
  Differences differences;
  compare_merge(kernel, random, 128, 3, -1, Way::prepared, TokenSet({{0, 0, 5003}, {1, 7, 4100}}), differences);
  compare_merge(kernel, random, 128, 2, 0, Way::prepared, TokenSet({{0, 0, 4096}}), differences);
  compare_merge(kernel, random, 64, 200, -1, Way::prepared, TokenSet({{0, 0, 40}}), differences);
  CHECK(differences.different <= differences.elements / 10000);
}

TEST_CASE("merges on a GPU are exact at the edges") {
  if (!has_cuda_device()) return;
  PlainCudaKernel kernel;
  const std::vector<float> os = {0.1f, -0.0f, 0.0f, kNan, kInfinity, -kInfinity, 3e38f, -7.0f};
  const std::vector<float> lses = {-kInfinity, -3e38f, -1e4f, 0.0f, 1.0f, 1e4f, 3e38f, kInfinity, kNan};
  std::vector<StateRow> firsts;
  for (const float& o : os) {
    for (const float lse : lses) firsts.push_back({&o, lse});
  }
  const auto rows = static_cast<int64_t>(firsts.size() * firsts.size());
  const TokenSet tokens({{0, 0, rows}});
  for (const int64_t dim : {1, 4}) {
    std::mt19937_64 random(13);
    std::vector<RandomState> states;
    for (int i = 0; i < 3; ++i) states.emplace_back(random, tokens, HeadRange{0, 1}, dim);
    for (int64_t row = 0; row < rows; ++row) {
      const auto count = static_cast<int64_t>(firsts.size());
      const StateRow pair[] = {firsts[static_cast<size_t>(row / count)], firsts[static_cast<size_t>(row % count)]};
      for (size_t i = 0; i < 2; ++i) {
        states[i].o.write(0, row, std::vector<float>(static_cast<size_t>(dim), *pair[i].o));
        states[i].lse.write(0, row, {pair[i].lse});
      }
    }
    std::list<DeviceState> on_device;
    for (const RandomState& state : states) on_device.emplace_back(kernel.gpu(), state, state.tensor(), 0);
    const auto at = [&](int i) { return std::next(on_device.begin(), i)->tensor(); };
    merge_on_host({{states[0].tensor(), states[1].tensor()}, states[2].tensor(), dim});
    run<MergeTask>(kernel, {{at(0), at(1)}, at(2), dim}, Way::prepared, &CudaKernel::merge);
    INFO("dim " << dim << ", " << firsts.size() << " first rows by as many second ones");
    Differences differences;
    differences.compare(states[2].o, on_device.back().o);
    differences.compare(states[2].lse, on_device.back().lse);
    CHECK(differences.different <= 4);
  }
}

TEST_CASE("finishing on a GPU gives the host's bits") {
  if (!has_cuda_device()) return;
  PlainCudaKernel kernel;
  std::mt19937_64 random(14);
  for (int round = 0; round < 60; ++round) {
    const int64_t dim = std::vector<int64_t>{1, 3, 4, 64, 128}[static_cast<size_t>(round) % 5];
    const DType dtype = std::vector{DType::fp32, DType::bf16, DType::fp16}[static_cast<size_t>(round / 5) % 3];
    const TokenSet tokens = random_tokens(random);
    const TokenSet held = TokenSet({tokens.ranges().front()});
    RandomState state(random, tokens, {0, 4}, dim);
    for (const float value : {kNan, kInfinity, 65520.0f, 65519.0f, 1e-7f, 3e38f, -0.0f}) {
      state.o.write(static_cast<int64_t>(random() % 4),
                    static_cast<int64_t>(random() % static_cast<uint64_t>(held.size())),
                    std::vector<float>(static_cast<size_t>(dim), value));
    }
    const Layout layout = round % 2 == 0 ? Layout::heads_outer : Layout::tokens_outer;
    Plane out(dtype, held, {1, 3}, dim, round % 4 == 0 ? 1 : 0, layout);
    Plane lse(DType::fp32, round % 3 == 0 ? tokens : held, {1, 3}, 1, 0, layout);
    const DeviceState from(kernel.gpu(), state, state.tensor(), 0);
    const DevicePlane out_on_device(kernel.gpu(), out,
                                    2 * static_cast<int64_t>(dtype != DType::fp32 && round % 7 == 0));
    const DevicePlane lse_on_device(kernel.gpu(), lse, 4);
    finish_on_host({state.tensor(), out.tensor(), lse.tensor(), dim});
    run<FinishTask>(kernel, {from.tensor(), out_on_device.tensor(), lse_on_device.tensor(), dim}, way_of(round),
                    &CudaKernel::finish);
    INFO("round " << round << " dim " << dim << " " << to_string(dtype));
    CHECK(std::ranges::equal(out_on_device.read(), out.memory()));
    CHECK(std::ranges::equal(lse_on_device.read(), lse.memory()));
  }
}

TEST_CASE("copies on a GPU are the host's, of any layout and alignment") {
  if (!has_cuda_device()) return;
  PlainCudaKernel kernel;
  std::mt19937_64 random(15);
  for (int round = 0; round < 200; ++round) {
    const DType dtype = round % 3 == 0 ? DType::fp32 : DType::bf16;
    const int64_t dim = std::vector<int64_t>{1, 2, 4, 8, 7, 64, 128}[static_cast<size_t>(round) % 7];
    const auto plane = [&](const TokenSet& tokens, const HeadRange& heads) {
      return Plane(dtype, tokens, heads, dim, random() % 3 == 0 ? 8 : 0,
                   random() % 2 == 0 ? Layout::heads_outer : Layout::tokens_outer);
    };
    const TokenSet tokens = round % 50 == 0 ? TokenSet({{0, 3, 9001}}) : random_tokens(random);
    Plane from = plane(tokens, random_heads(random));
    fill_normal(random, from, tokens.size(), dim);
    Plane to = plane(round % 2 == 0 ? tokens : random_tokens(random), random_heads(random));
    const int64_t width = bytes_of(dtype);
    const DevicePlane from_on_device(kernel.gpu(), from, width * static_cast<int64_t>(random() % 3));
    const DevicePlane to_on_device(kernel.gpu(), to, width * static_cast<int64_t>(random() % 3));
    copy_on_host({from.tensor(), to.tensor(), dim});
    run<CopyTask>(kernel, {from_on_device.tensor(), to_on_device.tensor(), dim}, way_of(round), &CudaKernel::copy);
    INFO("round " << round << " dim " << dim << " " << to_string(dtype));
    CHECK(std::ranges::equal(to_on_device.read(), to.memory()));
  }
}
