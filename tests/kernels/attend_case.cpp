#include "tests/kernels/attend_case.h"

#include "kernels/rows.h"
#include "lib/dtype.h"
#include "lib/pages.h"

#include <cmath>
#include <limits>

namespace ringfold::testing {

namespace {

// Uniform bits from integers (splitmix64's finaliser).
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

void fill(const AttendCase& input, Role role, Plane& plane) {
  for (int64_t head = plane.tensor().heads.begin; head < plane.tensor().heads.end; ++head) {
    for (const Segment& segment : plane.tensor().segments) {
      for (int64_t p = segment.begin; p < segment.end; ++p) {
        plane.write(head, segment.row + p - segment.begin, input_row(input, role, segment.sequence, p, head));
      }
    }
  }
}

HeadRange kv_heads(const AttendCase& input) {
  const int64_t group = input.heads.group();
  return {input.query_heads.begin / group, (input.query_heads.end + group - 1) / group};
}

}  // namespace

std::vector<float> input_row(const AttendCase& input, Role role, int64_t sequence, int64_t position, int64_t head) {
  std::vector<float> values;
  uint64_t state =
      mix(static_cast<uint64_t>(role) ^ mix(static_cast<uint64_t>(sequence) ^
                                            mix(static_cast<uint64_t>(position) ^ mix(static_cast<uint64_t>(head)))));
  const float factor = role == Role::query ? input.sharpness : 1.0f;
  for (int64_t c = 0; c < input.heads.dim; ++c) {
    state = mix(state);
    float sum = 0.0f;
    for (int part = 0; part < 4; ++part) sum += static_cast<float>((state >> (16 * part)) & 0xffffu) / 65536.0f - 0.5f;
    values.push_back(round_to(input.dtype, sum * 1.7320508f * factor));
  }
  return values;
}

bool visible(const Mask& mask, int64_t q, int64_t k) {
  switch (mask.kind) {
    case MaskKind::full: return true;
    case MaskKind::causal: return k <= q;
    case MaskKind::window: return k <= q && k > q - mask.window;
  }
  return false;
}

Plane::Plane(DType dtype, const TokenSet& tokens, const HeadRange& heads, int64_t channels, int64_t padding,
             Layout layout, float poison, int64_t page_size)
    : poison_(round_to(dtype, poison)), channels_(channels) {
  const Block block{BlockKind::kv, dtype, layout, tokens, heads, false, page_size};
  rows_ = page_size > 0 ? memory_rows(block) : tokens.size();
  constexpr int64_t kGuard = 64;
  const int64_t width = channels + padding;
  elements_ = 2 * kGuard + width * rows_ * std::max<int64_t>(heads.size(), 1);
  memory_.resize(static_cast<size_t>(elements_));
  const bool heads_outer = layout == Layout::heads_outer;
  tensor_ = {reinterpret_cast<std::byte*>(memory_.data()) + kGuard * bytes_of(dtype),
             dtype,
             heads_outer ? width : width * heads.size(),
             heads_outer ? width * rows_ : width,
             heads,
             page_size > 0 ? paged_segments(block, tokens) : std::vector<Segment>(),
             page_size};
  int64_t row = 0;
  for (const TokenRange& range : tokens.ranges()) {
    if (page_size > 0) break;
    tensor_.segments.push_back({range.sequence, range.begin, range.end, row});
    row += range.size();
  }
  const std::vector<float> poisons(static_cast<size_t>(elements_), poison);
  store_floats(dtype, poisons.data(), elements_, memory_.data());
}

Plane::Plane(const Plane& other)
    : memory_(other.memory_),
      poison_(other.poison_),
      elements_(other.elements_),
      channels_(other.channels_),
      rows_(other.rows_),
      tensor_(other.tensor_) {
  tensor_.data = memory().data() + (other.tensor_.data - other.memory().data());
}

void Plane::write(int64_t head, int64_t row, const std::vector<float>& values) {
  store_floats(tensor_.dtype, values.data(), channels_, row_of(tensor_, head, row));
}

std::vector<float> Plane::read(int64_t head, int64_t row) const {
  std::vector<float> values(static_cast<size_t>(channels_));
  load_floats(tensor_.dtype, row_of(tensor_, head, row), channels_, values.data());
  return values;
}

std::vector<bool> Plane::used_elements() const {
  std::vector<bool> used(static_cast<size_t>(elements_), false);
  for (int64_t head = tensor_.heads.begin; head < tensor_.heads.end; ++head) {
    for (const Segment& segment : tensor_.segments) {
      for (int64_t i = 0; i < segment.end - segment.begin; ++i) {
        const std::byte* row = row_of(tensor_, head, segment.row + i);
        const int64_t bytes = row - reinterpret_cast<const std::byte*>(memory_.data());
        std::fill_n(used.begin() + bytes / bytes_of(tensor_.dtype), channels_, true);
      }
    }
  }
  return used;
}

bool Plane::poison_intact() const {
  std::vector<float> values(static_cast<size_t>(elements_));
  load_floats(tensor_.dtype, memory_.data(), elements_, values.data());
  const std::vector<bool> used = used_elements();
  for (size_t i = 0; i < values.size(); ++i) {
    const bool same = std::isnan(poison_) ? std::isnan(values[i]) : values[i] == poison_;
    if (!used[i] && !same) return false;
  }
  return true;
}

double AttendCase::scale() const { return 1.0 / std::sqrt(static_cast<double>(heads.dim)); }

AttendResult attend(Kernel& kernel, const AttendCase& input, Plan plan) {
  const int64_t dim = input.heads.dim;
  Plane q(input.dtype, input.queries, input.query_heads, dim, input.padding, input.layout, input.poison);
  fill(input, Role::query, q);
  std::vector<Plane> planes;
  planes.reserve(2 * input.kv.size());
  Plane o(DType::fp32, input.queries, input.query_heads, dim, input.padding, Layout::heads_outer, input.poison);
  Plane lse(DType::fp32, input.queries, input.query_heads, 1, 0, Layout::heads_outer, input.poison);
  AttendTask task{q.tensor(), {},  {o.tensor(), lse.tensor()}, false,
                  input.mask, dim, input.heads.group(),        input.scale()};
  task.softcap = input.softcap;
  const auto queue = kernel.device().make_queue();
  for (const TokenSet& piece : input.kv) {
    const Plane& k = planes.emplace_back(input.dtype, piece, kv_heads(input), dim, input.padding, input.layout,
                                         input.poison, input.page_size);
    fill(input, Role::key, planes.back());
    const Plane& v = planes.emplace_back(input.dtype, piece, kv_heads(input), dim, input.padding, input.layout,
                                         input.poison, input.page_size);
    fill(input, Role::value, planes.back());
    if (plan == Plan::folded) task.kv.clear();
    task.kv.push_back({k.tensor(), v.tensor()});
    if (plan == Plan::folded) kernel.attend(*queue, task);
    task.fold = plan == Plan::folded;
  }
  if (plan == Plan::at_once || input.kv.empty()) kernel.attend(*queue, task);
  queue->synchronize();

  AttendResult result;
  for (int64_t head = input.query_heads.begin; head < input.query_heads.end; ++head) {
    for (int64_t row = 0; row < input.queries.size(); ++row) {
      for (float value : o.read(head, row)) result.o.push_back(value);
      result.lse.push_back(lse.read(head, row)[0]);
    }
  }
  result.poison_intact = q.poison_intact() && o.poison_intact() && lse.poison_intact();
  for (const Plane& plane : planes) result.poison_intact &= plane.poison_intact();
  return result;
}

AttendResult attend(std::string_view kernel, const AttendCase& input, Plan plan, int threads) {
  return attend(*find_kernel(kernel)->make({threads, {}}), input, plan);
}

}  // namespace ringfold::testing
