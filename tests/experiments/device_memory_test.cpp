// Whether plans fit into the memory of devices, asked of devices that are only said to be there.
#include "experiments/device_memory.h"

#include "experiments/planned_case.h"
#include "lib/error.h"
#include "tests/catch.h"
#include "tests/toy_kernel.h"

namespace ringfold::testing {
namespace {

constexpr int64_t kFree = int64_t{1} << 30;

/// Two devices, the second of which has less left.
KernelInfo two_devices() {
  KernelInfo info;
  info.devices = [] { return 2; };
  info.free_bytes = [](int device) { return std::optional<int64_t>(device == 0 ? 2 * kFree : kFree); };
  return info;
}

PlannedCase proved(int64_t arena_bytes, int64_t device_bytes) {
  PlannedCase planned;
  planned.schedule.emplace();
  planned.schedule->ranks.resize(2);
  for (Program& program : planned.schedule->ranks) program.arena_bytes = arena_bytes;
  planned.device_bytes = device_bytes;
  return planned;
}

TEST_CASE("ranks need a device each, and the memory that the fullest one has left") {
  const KernelInfo info = two_devices();
  CHECK(missing_devices(info, 2, kFree).empty());
  CHECK(missing_devices(info, 1, 2 * kFree).empty());
  CHECK(missing_devices(info, 2, kFree + 1) == "a rank needs 1.00 GiB of memory, GPU 1 has 1.00 GiB free");
  CHECK(missing_devices(info, 3, 0) == "3 ranks on this host need a GPU each, it has 2");
  CHECK(missing_devices({}, 3, INT64_MAX).empty());
}

TEST_CASE("cases whose ranks live at once must fit together, on the devices or on the host") {
  const KernelInfo info = two_devices();
  const PlannedCase half = proved(INT64_MAX / 4, kFree / 2);
  const PlannedCase more = proved(0, kFree / 2 + 1);
  PlannedCase refuted = proved(0, 4 * kFree);
  refuted.schedule.reset();
  CHECK(fit_together(std::vector<const PlannedCase*>{&half, &half}, &info, 2, 0));
  CHECK_FALSE(fit_together(std::vector<const PlannedCase*>{&half, &more}, &info, 2, 0));
  CHECK(fit_together(std::vector<const PlannedCase*>{&half, &more}, &info, 1, 0));
  CHECK(fit_together(std::vector<const PlannedCase*>{&half, &refuted}, &info, 2, 0));
  // What devices hold takes no memory of the host, what is shared there does.
  CHECK_FALSE(fit_together(std::vector<const PlannedCase*>{&more}, &info, 2, INT64_MAX));
  const KernelInfo on_host{};
  CHECK(fit_together(std::vector<const PlannedCase*>{&more, &more}, &on_host, 2, 0));
  CHECK_FALSE(fit_together(std::vector<const PlannedCase*>{&half}, &on_host, 2, 0));
}

/// Takes scratch memory for its merges, and cannot copy.
class Scratchy final : public Kernel {
 public:
  Capabilities capabilities() const override { return inner_->capabilities(); }
  Device& device() override { return inner_->device(); }
  void attend(Queue&, const AttendTask&) override {}
  void merge(Queue&, const MergeTask&) override {}
  void finish(Queue&, const FinishTask&) override {}
  void copy(Queue&, const CopyTask&) override {}
  int64_t scratch_bytes(const KernelTask& task) const override {
    RINGFOLD_CHECK(!std::holds_alternative<CopyTask>(task), ExitCode::unavailable, "no copies");
    const auto* merge = std::get_if<MergeTask>(&task);
    return merge == nullptr ? 0 : 100 * std::ssize(merge->parts);
  }

 private:
  std::unique_ptr<Kernel> inner_ = make_toy_kernel();
};

/// Each of `merges` joins so many empty states of one token and head; then, if wanted, one is copied.
Program program_of(const std::vector<size_t>& merges, bool copies) {
  Program program;
  const auto add = [&](BlockKind kind) {
    Block block;
    block.kind = kind;
    block.tokens = TokenSet({{0, 0, 1}});
    block.heads = {0, 1};
    program.blocks.push_back(block);
    program.offsets.push_back(0);
    return static_cast<BlockId>(program.blocks.size() - 1);
  };
  for (const size_t parts : merges) {
    Merge merge;
    for (size_t i = 0; i < parts; ++i) merge.parts.push_back({add(BlockKind::state), TokenSet({{0, 0, 1}}), {0, 1}});
    merge.state = add(BlockKind::state);
    program.operations.emplace_back(merge);
  }
  if (copies) {
    Copy copy;
    copy.parts.push_back({0, TokenSet({{0, 0, 1}}), {0, 1}});
    copy.block = add(BlockKind::state);
    program.operations.emplace_back(copy);
  }
  program.arena_bytes = 1000;
  return program;
}

TEST_CASE("a plan takes its memory and the scratch memory of the task that needs most, on its fullest rank") {
  const Scratchy kernel;
  Schedule schedule;
  schedule.problem.sequences = {{1, 0}};
  schedule.problem.heads = {1, 1, 8};
  schedule.ranks = {program_of({1, 3, 2}, false), program_of({2}, false)};
  CHECK(device_bytes(kernel, schedule) == 1300);
  schedule.ranks.push_back(program_of({2}, true));
  CHECK_THROWS_AS(device_bytes(kernel, schedule), Error);
}

}  // namespace
}  // namespace ringfold::testing
