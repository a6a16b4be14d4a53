#include "lib/checking_kernel.h"

#include "lib/error.h"
#include "tests/catch.h"
#include "tests/ring_fixture.h"
#include "tests/toy_kernel.h"

#include <cstring>

namespace ringfold {
namespace {

using Catch::Matchers::ContainsSubstring;

enum class Wrong { nothing, attend, attend_nan, fold, merge, finish, copy };

void nudge(const Tensor& tensor, float by) {
  if (tensor.segments.empty()) return;
  auto* value = reinterpret_cast<float*>(tensor.data) + tensor.segments.back().row * tensor.row_stride;
  *value += by;
}

/// The toy kernel, but for one kind of task.
class SlipKernel final : public Kernel {
 public:
  explicit SlipKernel(Wrong wrong) : wrong_(wrong) {}
  Capabilities capabilities() const override { return {}; }
  Device& device() override { return toy_->device(); }
  void attend(Queue& queue, const AttendTask& task) override {
    toy_->attend(queue, task);
    if (wrong_ == Wrong::attend) nudge(task.state.lse, 1e-2F);
    if (wrong_ == Wrong::attend_nan) nudge(task.state.o, std::nanf(""));
    if (wrong_ == Wrong::fold && task.fold) nudge(task.state.o, 1e-2F);
  }
  void merge(Queue& queue, const MergeTask& task) override {
    toy_->merge(queue, task);
    if (wrong_ == Wrong::merge) nudge(task.state.o, 1e-2F);
  }
  void finish(Queue& queue, const FinishTask& task) override {
    toy_->finish(queue, task);
    if (wrong_ == Wrong::finish) nudge(task.lse, 1e-6F);
  }
  void copy(Queue& queue, const CopyTask& task) override {
    toy_->copy(queue, task);
    if (wrong_ == Wrong::copy) nudge(task.to, 1e-6F);
  }

 private:
  std::unique_ptr<Kernel> toy_ = make_toy_kernel();
  Wrong wrong_;
};

/// A program of every kind of task on two ranks: rank 0 copies its KV apart, attends in two steps, merges, finishes.
std::string error_of(Wrong wrong, int64_t* rows) {
  Schedule schedule = hand_written_ring(2, 10, {2, 1, 4});
  for (Program& program : schedule.ranks) {
    const auto state = std::get<Finish>(program.operations.back()).state;
    const auto again = static_cast<BlockId>(program.blocks.size());
    program.blocks.push_back(program.blocks[static_cast<size_t>(state.block)]);
    const auto copied = static_cast<BlockId>(program.blocks.size());
    program.blocks.push_back(program.blocks[static_cast<size_t>(state.block)]);
    const auto merge = program.operations.insert(program.operations.end() - 1, Merge{{state}, again});
    View merged = state;
    merged.block = again;
    program.operations.insert(merge + 1, Copy{{merged}, copied});
    std::get<Finish>(program.operations.back()).state.block = copied;
  }
  place_apart(schedule);
  const auto fabric = threads_fabric(2);
  try {
    run_ranks(*fabric, [&](RankContext& context) {
      SlipKernel judged(context.rank == 1 ? wrong : Wrong::nothing);
      const auto judge = make_toy_kernel();
      CheckingKernel checking(judged, *judge);
      Executor executor(schedule, context.rank, checking, context.transport, context.control);
      const Program& program = schedule.ranks[static_cast<size_t>(context.rank)];
      for (const BlockId input : program.inputs) {
        const BoundBlock bound = executor.bound(input);
        auto* values = reinterpret_cast<float*>(bound.data);
        for (int64_t i = 0; i < bytes_of(*bound.block, 4) / 4; ++i) values[i] = static_cast<float>(i % 7) - 3;
      }
      executor.run();
      if (context.rank == 1) *rows = checking.rows();
    });
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::numerics);
    return error.what();
  }
  return "";
}

TEST_CASE("kernels that agree pass, and every row of every task is compared") {
  int64_t rows = 0;
  CHECK(error_of(Wrong::nothing, &rows) == "");
  // 5 rows x 2 heads: two attends and a copy of O and LSE between them, a merge, a copy and a finish of O and LSE.
  CHECK(rows == 10 * (2 + 2 + 1 + 2 + 2));
}

TEST_CASE("a kernel that slips is named with operation, task and row") {
  int64_t rows = 0;
  CHECK_THAT(error_of(Wrong::attend, &rows), ContainsSubstring("rank 1, operation 1 (attend") &&
                                                 ContainsSubstring("attend: the kernels") &&
                                                 ContainsSubstring("sequence 0, position 5, head 0"));
  CHECK_THAT(error_of(Wrong::attend_nan, &rows), ContainsSubstring("attend: the kernels differ"));
  CHECK_THAT(error_of(Wrong::fold, &rows), ContainsSubstring("rank 1, operation 2 (attend"));
  CHECK_THAT(error_of(Wrong::merge, &rows), ContainsSubstring("merge: the kernels differ"));
  CHECK_THAT(error_of(Wrong::copy, &rows), ContainsSubstring("copy: the kernels differ in bits"));
  CHECK_THAT(error_of(Wrong::finish, &rows), ContainsSubstring("finish, LSE: the kernels differ in bits"));
}

}  // namespace
}  // namespace ringfold
