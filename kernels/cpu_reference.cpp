// The obvious kernel: for each query, all its logits, then their exponentials, then their sum, in fp64 from end to
// end. It judges other kernels, so it shares nothing with them but reading and writing of tensors.
#include "kernels/host_kernel.h"
#include "kernels/rows.h"
#include "lib/dtype.h"
#include "lib/error.h"

#include <Eigen/Core>

#include <cmath>
#include <vector>

namespace ringfold {

namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// The keys of one sequence that one kv head holds, ascending by position: k and v [keys, dim].
struct Keys {
  std::vector<int64_t> positions;
  Matrix k;
  Matrix v;
};

Eigen::VectorXd load_row(const Tensor& tensor, int64_t head, int64_t row, int64_t dim) {
  Eigen::VectorXf values(dim);
  load_floats(tensor.dtype, row_of(tensor, head, row), dim, values.data());
  return values.cast<double>();
}

// Consecutive rows of a head.
Matrix load_rows(const Tensor& tensor, int64_t head, int64_t first, int64_t rows, int64_t channels) {
  Matrix values(rows, channels);
  for (int64_t i = 0; i < rows; ++i) values.row(i) = load_row(tensor, head, first + i, channels);
  return values;
}

Keys gather_keys(const AttendTask& task, int64_t sequence, int64_t kv_head) {
  struct Key {
    int64_t position;
    const KvPiece* piece;
    int64_t row;
  };
  std::vector<Key> order;
  for (const KvPiece& piece : task.kv) {
    if (kv_head < piece.k.heads.begin || kv_head >= piece.k.heads.end) continue;
    for (const Segment& segment : piece.k.segments) {
      if (segment.sequence != sequence) continue;
      for (int64_t p = segment.begin; p < segment.end; ++p) {
        order.push_back({p, &piece, segment.row + p - segment.begin});
      }
    }
  }
  std::ranges::sort(order, {}, &Key::position);
  Keys keys;
  keys.k.resize(std::ssize(order), task.dim);
  keys.v.resize(std::ssize(order), task.dim);
  for (const Key& key : order) {
    const int64_t index = std::ssize(keys.positions);
    keys.k.row(index) = load_row(key.piece->k, kv_head, key.row, task.dim);
    keys.v.row(index) = load_row(key.piece->v, kv_head, key.row, task.dim);
    keys.positions.push_back(key.position);
  }
  return keys;
}

// O of one query into `o` [dim]; returns its LSE.
float attend_row(const AttendTask& task, const Keys& keys, const Eigen::VectorXd& q, int64_t position, float* o) {
  const auto first = keys.positions.begin();
  auto begin = first;
  auto end = keys.positions.end();
  if (task.mask.kind != MaskKind::full) end = std::upper_bound(first, end, position);
  if (task.mask.kind == MaskKind::window) begin = std::upper_bound(first, end, position - task.mask.window);
  const int64_t count = end - begin;
  if (count == 0) {
    std::fill_n(o, task.dim, 0.0f);
    return -std::numeric_limits<float>::infinity();
  }
  Eigen::VectorXd logits = keys.k.middleRows(begin - first, count) * q * task.scale;
  if (task.softcap > 0) logits = task.softcap * (logits / task.softcap).array().tanh();
  const double largest = logits.maxCoeff();
  const Eigen::VectorXd weights = (logits.array() - largest).exp();
  const double total = weights.sum();
  const Eigen::VectorXd sums = keys.v.middleRows(begin - first, count).transpose() * weights;
  Eigen::Map<Eigen::VectorXf>(o, task.dim) = (sums / total).cast<float>();
  return static_cast<float>(largest + std::log(total));
}

class CpuReference : public HostKernel {
 public:
  using HostKernel::HostKernel;

  Capabilities capabilities() const override {
    Capabilities can;
    can.softcaps = can.rotates = can.pages = can.projects = true;
    return can;
  }

  void attend(Queue& queue, const AttendTask& task) override {
    for (int64_t head = task.q.heads.begin; head < task.q.heads.end; ++head) {
      Keys keys;
      int64_t sequence = -1;
      for (const Segment& segment : task.q.segments) {
        if (segment.sequence != sequence) keys = gather_keys(task, segment.sequence, head / task.group);
        sequence = segment.sequence;
        attend_segment(queue, task, segment, head, keys);
      }
    }
  }

  void project(Queue& queue, const ProjectTask& task) override {
    constexpr int64_t kRowsAtOnce = 64;
    for (int64_t head = task.to.heads.begin; head < task.to.heads.end; ++head) {
      const Matrix w = load_rows(task.w, head, task.w.segments.front().row, task.hidden, task.dim);
      for_common_rows(task.x.segments, task.to.segments, [&](const CommonRows& run) {
        for (int64_t first = 0; first < run.tokens.size(); first += kRowsAtOnce) {
          const int64_t rows = std::min(kRowsAtOnce, run.tokens.size() - first);
          const Matrix x = load_rows(task.x, task.x.heads.begin, run.a_row + first, rows, task.hidden);
          const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> made = (x * w).cast<float>();
          for (int64_t i = 0; i < rows; ++i) {
            store_floats(task.to.dtype, made.row(i).data(), task.dim, row_of(task.to, head, run.b_row + first + i));
          }
          queue.tick();
        }
      });
    }
  }

 private:
  static void attend_segment(Queue& queue, const AttendTask& task, const Segment& segment, int64_t head,
                             const Keys& keys) {
    std::vector<float> mine(static_cast<size_t>(task.dim));
    std::vector<double> sums(static_cast<size_t>(task.dim));
    for_common_rows({&segment, 1}, task.state.o.segments, [&](const CommonRows& run) {
      for (int64_t i = 0; i < run.tokens.size(); ++i) {
        const Eigen::VectorXd q = load_row(task.q, head, run.a_row + i, task.dim);
        const float mine_lse = attend_row(task, keys, q, run.tokens.begin + i, mine.data());
        float* o = float_row(task.state.o, head, run.b_row + i);
        float* lse = float_row(task.state.lse, head, run.b_row + i);
        const StateRow rows[] = {{o, task.fold ? *lse : 0.0f}, {mine.data(), mine_lse}};
        *lse = merge_rows(task.fold ? std::span(rows) : std::span(rows).subspan(1), task.dim, sums.data(), o);
        if (i % 16 == 0) queue.tick();
      }
    });
  }
};

std::optional<std::string> unavailable() { return std::nullopt; }

std::string describe() {
  return fmt::format("Eigen {}.{}.{}, fp64", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION);
}

std::unique_ptr<Kernel> make(const KernelOptions& options) { return std::make_unique<CpuReference>(options); }

}  // namespace

}  // namespace ringfold

RINGFOLD_KERNEL(cpu_reference, "Eigen, fp64 inside, no blocking", ringfold::unavailable, ringfold::describe,
                ringfold::make)
