// Inputs made on a GPU are the host's, bit by bit.
#include "kernels/cuda_generate.h"

#include "kernels/cuda_queue.h"
#include "kernels/rows.h"
#include "lib/dtype.h"
#include "lib/inputs.h"
#include "tests/catch.h"
#include "tests/kernels/cuda_planes.h"

using namespace ringfold;
using namespace ringfold::testing;

namespace {

/// By the reading that the host uses.
void fill_on_host(const GeneratedInputs& inputs, InputTensor tensor, Plane& plane) {
  const Tensor& to = plane.tensor();
  std::vector<float> row(static_cast<size_t>(inputs.problem().heads.dim));
  for (int64_t head = to.heads.begin; head < to.heads.end; ++head) {
    for (const Segment& segment : to.segments) {
      for (int64_t p = segment.begin; p < segment.end; ++p) {
        inputs.read(tensor, {segment.sequence, p, p + 1}, head, row.data());
        plane.write(head, segment.row + p - segment.begin, row);
      }
    }
  }
}

void compare(PlainCudaKernel& kernel, const GeneratedInputs& inputs, InputTensor tensor, const TokenSet& tokens,
             const HeadRange& heads, Layout layout) {
  const Problem& problem = inputs.problem();
  Plane plane(problem.dtype, tokens, heads, problem.heads.dim, 0, layout);
  const DevicePlane on_device(kernel.gpu(), plane);
  const auto queue = kernel.device().make_queue();
  CHECK(kernel.generate(*queue, inputs, tensor, on_device.tensor()));
  queue->synchronize();
  fill_on_host(inputs, tensor, plane);
  std::vector<std::byte> made(plane.memory().size());
  on_device.read(made);
  CHECK(std::ranges::equal(made, plane.memory()));
}

}  // namespace

TEST_CASE("inputs made on a GPU have the host's bits") {
  if (!has_cuda_device()) return;
  PlainCudaKernel kernel;
  int round = 0;
  for (const InputKind kind :
       {InputKind::gauss, InputKind::peaked, InputKind::count, InputKind::needle, InputKind::cancel}) {
    for (const Mask& mask : {Mask{MaskKind::causal, 0}, Mask{MaskKind::full, 0}, Mask{MaskKind::window, 50}}) {
      for (const int64_t dim : {3, 8, 64, 128, 20}) {
        const DType dtype = std::vector{DType::fp32, DType::bf16, DType::fp16}[static_cast<size_t>(round++) % 3];
        Problem problem;
        problem.sequences = {{700, 0}, {3, 300}, {1, 0}, {130, 5}};
        problem.heads = {6, 2, dim};
        problem.mask = mask;
        problem.dtype = dtype;
        const GeneratedInputs inputs(problem, kind, 77 + static_cast<uint64_t>(round));
        INFO(to_string(kind) << " " << to_string(mask) << " dim " << dim << " " << to_string(dtype));
        const Layout layout = round % 2 == 0 ? Layout::heads_outer : Layout::tokens_outer;
        compare(kernel, inputs, InputTensor::q, query_set(problem), {0, 6}, layout);
        compare(kernel, inputs, InputTensor::q, TokenSet({{0, 13, 77}, {3, 50, 51}}), {2, 5}, layout);
        compare(kernel, inputs, InputTensor::k, kv_set(problem), {0, 2}, layout);
        compare(kernel, inputs, InputTensor::v, kv_set(problem), {1, 2}, layout);
      }
    }
  }
}

TEST_CASE("inputs of long sequences made on a GPU have the host's bits") {
  if (!has_cuda_device()) return;
  PlainCudaKernel kernel;
  for (const InputKind kind : {InputKind::count, InputKind::needle}) {
    Problem problem;
    problem.sequences = {{int64_t{1} << 20, int64_t{1} << 34}};
    problem.heads = {1, 1, 128};
    problem.dtype = DType::bf16;
    const GeneratedInputs inputs(problem, kind, 5);
    const int64_t last = problem.sequences[0].length();
    for (const InputTensor tensor : {InputTensor::q, InputTensor::k, InputTensor::v}) {
      INFO(to_string(kind) << " tensor " << static_cast<int>(tensor));
      compare(kernel, inputs, tensor, TokenSet({{0, last - 700, last - 3}}), {0, 1}, Layout::heads_outer);
    }
  }
}
