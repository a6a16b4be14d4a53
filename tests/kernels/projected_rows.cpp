#include "tests/kernels/projected_rows.h"

#include "lib/projected_inputs.h"
#include "tests/kernels/attend_case.h"
#include "tests/skip.h"
#include "tests/staged_kernel.h"

namespace ringfold::testing {
namespace {

Plane plane_of(const InputSource& inputs, InputTensor which, const TokenSet& tokens, const HeadRange& heads) {
  const int64_t channels = input_shape(inputs.problem(), which).channels;
  Plane plane(inputs.problem().dtype, tokens, heads, channels);
  std::vector<float> values(static_cast<size_t>(channels));
  for (int64_t head = heads.begin; head < heads.end; ++head) {
    int64_t row = 0;
    for (const TokenRange& range : tokens.ranges()) {
      for (int64_t position = range.begin; position < range.end; ++position) {
        inputs.read(which, {range.sequence, position, position + 1}, head, values.data());
        plane.write(head, row++, values);
      }
    }
  }
  return plane;
}

/// Rows of some tokens, of more hidden states than are projected, for some heads of some weights.
void check_bits(Kernel& kernel, DType dtype, int64_t hidden, int64_t dim) {
  Problem problem;
  problem.sequences = {{40, 0}, {150, 21}};
  problem.heads = {6, 3, dim};
  problem.dtype = dtype;
  problem.layer = Layer{hidden, KvSource::exchange};
  const ProjectedInputs inputs(std::make_unique<GeneratedInputs>(problem, InputKind::gauss, 5));
  const TokenSet given({{0, 3, 40}, {1, 0, 171}});
  const TokenSet wanted({{0, 5, 6}, {0, 9, 30}, {1, 22, 171}});
  const HeadRange heads{1, 3};
  const Plane x = plane_of(inputs, InputTensor::x, given, {0, 1});
  const Plane w = plane_of(inputs, InputTensor::wk, weight_rows(*problem.layer), {0, 3});
  Plane to(dtype, wanted, heads, dim);
  ProjectTask task{x.tensor(), w.tensor(), to.tensor(), hidden, dim};
  // As the executor hands them over: the heads of hidden states are channels, and the heads wanted of the weights.
  task.x.heads = {0, hidden};
  task.x.head_stride = 1;
  task.w.data += heads.begin * task.w.head_stride * bytes_of(dtype);
  task.w.heads = heads;
  KernelTask prepared = task;
  kernel.prepare(prepared);
  const auto queue = kernel.device().make_queue();
  kernel.project(*queue, std::get<ProjectTask>(prepared));
  queue->synchronize();
  std::vector<float> expected(static_cast<size_t>(dim));
  for (int64_t head = heads.begin; head < heads.end; ++head) {
    int64_t row = 0;
    for (const TokenRange& range : wanted.ranges()) {
      for (int64_t position = range.begin; position < range.end; ++position, ++row) {
        inputs.read(InputTensor::k, {range.sequence, position, position + 1}, head, expected.data());
        REQUIRE(to.read(head, row) == expected);
      }
    }
  }
  CHECK(to.poison_intact());
}

}  // namespace

void check_projections(std::string_view id, std::initializer_list<DType> dtypes, std::initializer_list<int64_t> dims) {
  const KernelInfo* info = find_kernel(id);
  if (const auto reason = info->unavailable()) return skip_test(*reason);
  const auto kernel = make_on_host(*info, {});
  REQUIRE(kernel->capabilities().projects);
  for (const DType dtype : dtypes) {
    for (const int64_t dim : dims) {
      for (const int64_t hidden : {8, 40, 256, 1000, 4096}) {
        INFO(id << " " << to_string(dtype) << " dim " << dim << " hidden " << hidden);
        check_bits(*kernel, dtype, hidden, dim);
      }
    }
  }
}

}  // namespace ringfold::testing
