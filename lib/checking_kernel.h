#pragma once

#include "lib/kernel.h"

#include <cstdint>
#include <string_view>

namespace ringfold {

/// Runs every task on two kernels of host memory and compares: an error names the first row that differs too much. What
/// it computes, and its device, are those of `judged`; `judge` works in memory of this object. Owns neither kernel.
///
/// Allowed, for tolerance t, with V the longest row of v (or of a state merged or folded into) and S = 1 + scale |q|
/// |k| of the longest rows of q and k: |dO|_2 <= t S V and |dLSE| <= t S; merges likewise with S = 1 + the largest
/// finite |LSE|; projected rows may differ by a step of their dtype as well. finish, copy and rotate must agree in
/// every bit. A search light, not the criterion: what a run must keep to is derived in docs/numerics.md.
class CheckingKernel final : public Kernel {
 public:
  CheckingKernel(Kernel& judged, Kernel& judge, double tolerance = 1e-5);

  Capabilities capabilities() const override;
  Device& device() override { return judged_.device(); }
  /// Throw Error(numerics) where the kernels differ.
  void attend(Queue& queue, const AttendTask& task) override;
  void merge(Queue& queue, const MergeTask& task) override;
  void finish(Queue& queue, const FinishTask& task) override;
  void copy(Queue& queue, const CopyTask& task) override;
  void rotate(Queue& queue, const RotateTask& task) override;
  void project(Queue& queue, const ProjectTask& task) override;

  /// Rows compared so far.
  int64_t rows() const { return rows_; }

 private:
  void compare_states(std::string_view what, const StateTensor& got, const StateTensor& wanted, int64_t dim,
                      double o_allowed, double lse_allowed);
  void compare_bits(std::string_view what, const Tensor& got, const Tensor& wanted, int64_t channels);
  void compare_projected(const ProjectTask& task, const Tensor& wanted);
  template <typename Task, typename Compare>
  void do_both(Queue& queue, const Task& task, int64_t channels, void (Kernel::*call)(Queue&, const Task&),
               Compare&& compare);

  Kernel& judged_;
  Kernel& judge_;
  double tolerance_;
  int64_t rows_ = 0;
};

}  // namespace ringfold
