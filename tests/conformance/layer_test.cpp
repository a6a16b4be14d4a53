// Projections under every strategy, source of K and V, grid of ranks and kernel; and what a wrong one looks like.
#include "lib/cost.h"
#include "lib/dtype.h"
#include "lib/kernel.h"
#include "lib/projected_inputs.h"
#include "tests/catch.h"
#include "tests/conformance/harness.h"

#include <cmath>
#include <cstring>
#include <map>
#include <set>

namespace ringfold {
namespace {

Problem layered(std::vector<Sequence> sequences, Heads heads, int64_t hidden) {
  Problem problem;
  problem.sequences = std::move(sequences);
  problem.heads = heads;
  problem.layer = Layer{hidden, KvSource::exchange};
  return problem;
}

/// kv heads that the ranks divide and do not, and fewer of them than ranks; hidden states wider and narrower than
/// heads.
std::vector<Problem> shapes() {
  return {layered({{45, 0}}, {28, 7, 16}, 48), layered({{33, 20}, {0, 7}, {1, 24}, {20, 0}}, {6, 2, 34}, 300),
          layered({{30, 0}, {9, 0}}, {8, 1, 8}, 5)};
}

void check_everywhere(const Problem& problem) {
  const auto inputs = generated_inputs(problem, InputKind::gauss, 3);
  Judge judge(*inputs, 1e9, {});
  judge.prepare(query_set(problem), {0, problem.heads.query});
  for (const Variant& strategy : all_variants()) {
    for (const Cluster cluster : {Cluster{1, 1}, Cluster{4, 1}, Cluster{3, 2}}) {
      const Schedule schedule = proved_plan(strategy, problem, cluster);
      if (schedule.ranks.empty()) continue;
      const Cost cost = cost_of(schedule);
      for (const std::string_view kernel : {"cpu_reference", "cpu_fast"}) {
        INFO(strategy.text() << " sp " << cluster.sp << " tp " << cluster.tp << " " << to_string(problem.mask)
                             << variants_text(problem) << " " << to_string(problem.dtype) << " "
                             << to_string(problem.placement) << " " << kernel);
        Execution execution;
        execution.kernel = kernel;
        execution.poison = true;
        const Outcome outcome = run(schedule, *inputs, judge, execution);
        CHECK(outcome.failure == "");
        CHECK(outcome.sent_bytes == cost.sent_bytes);
        CHECK(outcome.peak_bytes == cost.peak_bytes);
      }
      if (problem.layer->source == KvSource::recompute) {
        CHECK(cost.sent_bytes == std::vector<int64_t>(schedule.ranks.size(), 0));
      }
    }
  }
}

TEST_CASE("every strategy projects what it attends, from either source, under every variant") {
  size_t turn = 0;
  for (Problem problem : shapes()) {
    for (const KvSource source : {KvSource::exchange, KvSource::recompute}) {
      for (int variant = 0; variant < 4; ++variant, ++turn) {
        problem.layer->source = source;
        problem.dtype = static_cast<DType>(turn % 3);
        problem.placement = static_cast<PlacementKind>(variant);
        problem.mask = variant == 1 ? Mask{MaskKind::window, 9} : variant == 2 ? Mask{MaskKind::full, 0} : Mask{};
        problem.rope.reset();
        if (variant % 2 == 0) problem.rope = Rope{};
        problem.page_size.reset();
        if (variant > 1) problem.page_size = 7;
        problem.softcap.reset();
        if (variant == 3) problem.softcap = 5.0;
        check_everywhere(problem);
      }
    }
  }
}

/// The projections of another kernel, made wrong.
class WrongProjection final : public Kernel {
 public:
  using Fault = std::function<void(Kernel&, Queue&, const ProjectTask&)>;
  WrongProjection(std::unique_ptr<Kernel> inner, Fault fault) : inner_(std::move(inner)), fault_(std::move(fault)) {}
  Capabilities capabilities() const override { return inner_->capabilities(); }
  Device& device() override { return inner_->device(); }
  void attend(Queue& queue, const AttendTask& task) override { inner_->attend(queue, task); }
  void merge(Queue& queue, const MergeTask& task) override { inner_->merge(queue, task); }
  void finish(Queue& queue, const FinishTask& task) override { inner_->finish(queue, task); }
  void copy(Queue& queue, const CopyTask& task) override { inner_->copy(queue, task); }
  void rotate(Queue& queue, const RotateTask& task) override { inner_->rotate(queue, task); }
  void project(Queue& queue, const ProjectTask& task) override { fault_(*inner_, queue, task); }

 private:
  std::unique_ptr<Kernel> inner_;
  Fault fault_;
};

/// Sums in 16 bits, rounded after each 16 channels.
void project_narrowly(Kernel&, Queue&, const ProjectTask& task) {
  const auto at = [](const Tensor& tensor, int64_t head, int64_t row, int64_t channel) {
    const int64_t element = (head - tensor.heads.begin) * tensor.head_stride + row * tensor.row_stride + channel;
    float value = 0;
    load_floats(tensor.dtype, tensor.data + element * bytes_of(tensor.dtype), 1, &value);
    return value;
  };
  const DType narrow = task.to.dtype == DType::fp32 ? DType::bf16 : task.to.dtype;
  for (int64_t head = task.to.heads.begin; head < task.to.heads.end; ++head) {
    for (const Segment& part : task.to.segments) {
      for (int64_t i = 0; i < part.end - part.begin; ++i) {
        int64_t x_row = -1;
        for (const Segment& from : task.x.segments) {
          if (from.sequence == part.sequence && from.begin <= part.begin + i && part.begin + i < from.end) {
            x_row = from.row + part.begin + i - from.begin;
          }
        }
        for (int64_t c = 0; c < task.dim; ++c) {
          float sum = 0;
          for (int64_t channel = 0; channel < task.hidden; ++channel) {
            sum += at(task.x, task.x.heads.begin, x_row, channel) * at(task.w, head, channel, c);
            if (channel % 16 == 15) sum = round_to(narrow, sum);
          }
          const int64_t element =
              (head - task.to.heads.begin) * task.to.head_stride + (part.row + i) * task.to.row_stride + c;
          store_floats(task.to.dtype, &sum, 1, task.to.data + element * bytes_of(task.to.dtype));
        }
      }
    }
  }
}

std::map<std::string, WrongProjection::Fault> faults() {
  std::map<std::string, WrongProjection::Fault> faults;
  faults["none"] = [](Kernel& kernel, Queue& queue, const ProjectTask& task) { kernel.project(queue, task); };
  faults["the last 16 channels missing"] = [](Kernel& kernel, Queue& queue, ProjectTask task) {
    task.hidden -= 16;
    kernel.project(queue, task);
  };
  faults["weights of the next head"] = [](Kernel& kernel, Queue& queue, ProjectTask task) {
    const HeadRange heads = task.to.heads;
    for (int64_t head = heads.begin; head < heads.end; ++head) {
      ProjectTask one = task;
      const int64_t next = head + 1 < heads.end ? head + 1 : heads.begin;
      one.w.data += (next - heads.begin) * task.w.head_stride * bytes_of(task.w.dtype);
      one.to.data += (head - heads.begin) * task.to.head_stride * bytes_of(task.to.dtype);
      one.w.heads = one.to.heads = {head, head + 1};
      kernel.project(queue, one);
    }
  };
  faults["weights transposed"] = [](Kernel& kernel, Queue& queue, ProjectTask task) {
    // [hidden][dim] read as [dim][hidden]; the shapes below have hidden == dim.
    const auto bytes = static_cast<size_t>(bytes_of(task.w.dtype));
    const auto dim = static_cast<size_t>(task.dim);
    std::vector<std::byte> turned(dim * dim * bytes * static_cast<size_t>(task.w.heads.size()));
    for (size_t head = 0; head < static_cast<size_t>(task.w.heads.size()); ++head) {
      for (size_t i = 0; i < dim; ++i) {
        for (size_t c = 0; c < dim; ++c) {
          std::memcpy(turned.data() + ((head * dim + c) * dim + i) * bytes,
                      task.w.data + (head * static_cast<size_t>(task.w.head_stride) + i * dim + c) * bytes, bytes);
        }
      }
    }
    task.w.data = turned.data();
    task.w.head_stride = task.dim * task.dim;
    kernel.project(queue, task);
  };
  faults["rows shifted by one"] = [](Kernel& kernel, Queue& queue, ProjectTask task) {
    // From the middle of each run on.
    std::vector<Segment> shifted;
    for (const Segment& part : task.x.segments) {
      const int64_t half = (part.end - part.begin) / 2;
      shifted.push_back({part.sequence, part.begin, part.begin + half, part.row});
      shifted.push_back({part.sequence, part.begin + half, part.end, part.row + half - 1});
    }
    task.x.segments = std::move(shifted);
    kernel.project(queue, task);
  };
  faults["sums in 16 bits"] = project_narrowly;
  return faults;
}

/// What the criterion says of each fault, on one rank.
std::map<std::string, bool> caught(const Problem& problem, const InputSource& inputs) {
  Judge judge(inputs, 1e9, {});
  judge.prepare(query_set(problem), {0, problem.heads.query});
  const Schedule schedule = proved_plan({"naive_ring", {}}, problem, {1, 1});
  std::map<std::string, bool> caught;
  for (const auto& [name, fault] : faults()) {
    Execution execution;
    execution.wrap_kernel = [&fault = fault](std::unique_ptr<Kernel> kernel) {
      return std::make_unique<WrongProjection>(std::move(kernel), fault);
    };
    caught[name] = !run(schedule, inputs, judge, execution).failure.empty();
  }
  return caught;
}

/// Normal numbers of any fp32 bits: their projections depend on the order of the sums.
StoredInputs rough_inputs(const Problem& problem, float size = 1) {
  Problem shape = problem;
  shape.layer.reset();
  std::vector<std::vector<float>> tensors;
  for (const InputTensor tensor : given_tensors(problem)) {
    const InputShape wanted = input_shape(problem, tensor);
    shape.sequences = {{wanted.rows.size(), 0}};
    shape.heads = {wanted.heads, wanted.heads, wanted.channels};
    shape.dtype = DType::fp32;
    const GeneratedInputs normal(shape, InputKind::gauss, 7 + static_cast<uint64_t>(tensor));
    std::vector<float> head(static_cast<size_t>(wanted.rows.size() * wanted.channels));
    std::vector<float> values(static_cast<size_t>(wanted.elements()));
    const float scale = tensor == InputTensor::x ? size : 1.0f / std::sqrt(static_cast<float>(problem.layer->hidden));
    for (int64_t h = 0; h < wanted.heads; ++h) {
      normal.read(InputTensor::q, {0, 0, wanted.rows.size()}, h, head.data());
      for (int64_t row = 0; row < wanted.rows.size(); ++row) {
        for (int64_t c = 0; c < wanted.channels; ++c) {
          values[static_cast<size_t>((row * wanted.heads + h) * wanted.channels + c)] =
              scale * head[static_cast<size_t>(row * wanted.channels + c)];
        }
      }
    }
    tensors.push_back(std::move(values));
  }
  return {problem, std::move(tensors)};
}

TEST_CASE("a wrong projection is caught, and a right one is not") {
  for (const DType dtype : {DType::fp32, DType::bf16, DType::fp16}) {
    Problem problem = layered({{300, 0}}, {4, 2, 64}, 64);
    problem.dtype = dtype;
    for (const bool is_rough : {false, true}) {
      INFO(to_string(dtype) << (is_rough ? " rough" : " generated"));
      const auto inputs = is_rough
                              ? std::make_unique<ProjectedInputs>(std::make_unique<StoredInputs>(rough_inputs(problem)))
                              : generated_inputs(problem, InputKind::gauss, 3);
      for (const auto& [name, is_caught] : caught(problem, *inputs)) {
        INFO(name);
        // fp16 holds every partial sum of these whole numbers, so that nothing is wrong.
        const bool is_exact = dtype == DType::fp16 && !is_rough && name == "sums in 16 bits";
        CHECK(is_caught == (name != "none" && !is_exact));
      }
    }
  }
}

TEST_CASE("rough projections keep to the bounds in every kernel, rotated too") {
  const std::pair<DType, float> kSizes[] = {{DType::fp32, 1.0f},   {DType::bf16, 1.0f},   {DType::fp16, 1.0f},
                                            {DType::fp32, 1e-40f}, {DType::bf16, 1e-38f}, {DType::fp16, 1e-5f}};
  for (const auto& [dtype, size] : kSizes) {
    for (const bool rotates : {false, true}) {
      Problem problem = layered({{150, 0}, {40, 60}}, {4, 2, 64}, 1000);
      problem.dtype = dtype;
      if (rotates) problem.rope = Rope{};
      const ProjectedInputs inputs(std::make_unique<StoredInputs>(rough_inputs(problem, size)));
      Judge judge(inputs, 1e9, {});
      judge.prepare(query_set(problem), {0, problem.heads.query});
      for (const KvSource source : {KvSource::exchange, KvSource::recompute}) {
        problem.layer->source = source;
        const Schedule schedule = proved_plan({"naive_ring", {}}, problem, {3, 1});
        for (const std::string_view kernel : {"cpu_reference", "cpu_fast"}) {
          Execution execution;
          execution.kernel = kernel;
          INFO(to_string(dtype) << " of size " << size << " " << kernel << " " << to_string(source)
                                << (rotates ? " rotated" : ""));
          CHECK(run(schedule, inputs, judge, execution).failure == "");
        }
      }
    }
  }
}

}  // namespace
}  // namespace ringfold
