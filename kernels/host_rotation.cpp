#include "kernels/host_rotation.h"

#include "kernels/rows.h"
#include "lib/dtype.h"

#include <cmath>
#include <memory>
#include <utility>

namespace ringfold {

namespace {

struct KeptAngles : PreparedTask {
  explicit KeptAngles(RotationAngles made) : angles(std::move(made)) {}
  RotationAngles angles;
};

/// Pairs stand `apart` channels apart, and `step` from one to the next. Products of fp32 values are exact in fp64.
void rotate(const float* cosines, const float* sines, int64_t pairs, int64_t apart, int64_t step, const float* from,
            float* to) {
  for (int64_t pair = 0; pair < pairs; ++pair) {
    const double x = from[pair * step];
    const double y = from[pair * step + apart];
    const double c = cosines[pair];
    const double s = sines[pair];
    to[pair * step] = static_cast<float>(x * c - y * s);
    to[pair * step + apart] = static_cast<float>(x * s + y * c);
  }
}

}  // namespace

RotationAngles rotation_angles(const RotateTask& task) {
  const int64_t pairs = task.dim / 2;
  std::vector<double> speeds;
  for (int64_t pair = 0; pair < pairs; ++pair) {
    speeds.push_back(std::pow(task.rope.theta, -2.0 * static_cast<double>(pair) / static_cast<double>(task.dim)));
  }
  RotationAngles angles;
  const auto size = static_cast<size_t>(rows_in(task.to.segments) * pairs);
  angles.cosines.reserve(size);
  angles.sines.reserve(size);
  for (const Segment& segment : task.to.segments) {
    for (int64_t position = segment.begin; position < segment.end; ++position) {
      for (const double speed : speeds) {
        angles.cosines.push_back(static_cast<float>(std::cos(static_cast<double>(position) * speed)));
        angles.sines.push_back(static_cast<float>(std::sin(static_cast<double>(position) * speed)));
      }
    }
  }
  return angles;
}

void rotate_on_host(const RotateTask& task) {
  auto kept = std::static_pointer_cast<const KeptAngles>(task.prepared);
  if (!kept) kept = std::make_shared<KeptAngles>(rotation_angles(task));
  const RotationAngles& angles = kept->angles;
  const int64_t pairs = task.dim / 2;
  const bool half = task.rope.style == RopeStyle::half;
  std::vector<float> row(static_cast<size_t>(task.dim));
  std::vector<float> turned(row.size());
  for (int64_t head = task.to.heads.begin; head < task.to.heads.end; ++head) {
    int64_t index = 0;
    for_common_rows(task.from.segments, task.to.segments, [&](const CommonRows& run) {
      for (int64_t i = 0; i < run.tokens.size(); ++i, ++index) {
        load_floats(task.from.dtype, row_of(task.from, head, run.a_row + i), task.dim, row.data());
        rotate(angles.cosines.data() + index * pairs, angles.sines.data() + index * pairs, pairs, half ? pairs : 1,
               half ? 1 : 2, row.data(), turned.data());
        store_floats(task.to.dtype, turned.data(), task.dim, row_of(task.to, head, run.b_row + i));
      }
    });
  }
}

void prepare_on_host(KernelTask& task) {
  auto* rotate = std::get_if<RotateTask>(&task);
  if (rotate != nullptr) rotate->prepared = std::make_shared<KeptAngles>(rotation_angles(*rotate));
}

}  // namespace ringfold
