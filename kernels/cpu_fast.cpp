// Flash attention in fp32 over tiles that stay in a core's caches: libxsmm's products, our own exponentials, storage in
// fp32, bf16 or fp16. See docs/kernels.md.
#include "kernels/cpu_fast.h"

#include "kernels/block_attender.h"
#include "kernels/host_kernel.h"
#include "kernels/tile_projector.h"
#include "kernels/workers.h"
#include "lib/error.h"

#include <atomic>

namespace ringfold {

namespace {

class CpuFast : public HostKernel {
 public:
  CpuFast(const KernelOptions& options, const VectorOps& ops) : HostKernel(options), workers_(options.threads) {
    for (int worker = 0; worker < options.threads; ++worker) attenders_.emplace_back(ops);
  }

  Capabilities capabilities() const override {
    Capabilities can;
    can.softcaps = can.rotates = can.pages = can.projects = true;
    return can;
  }

  void attend(Queue& queue, const AttendTask& task) override {
    plan_.build(task, attenders_.size() == 1 ? kBlockRows : kSharedBlockRows);
    std::atomic<size_t> next = 0;
    // Which thread takes a block changes nothing: blocks share no results.
    const auto work = [&](int worker) {
      BlockAttender& attender = attenders_[static_cast<size_t>(worker)];
      attender.start(task, plan_);
      for (size_t block = next++; block < plan_.blocks.size(); block = next++) {
        attender.attend(plan_.blocks[block], queue);
      }
    };
    workers_.run(std::ref(work));
  }

  void project(Queue& queue, const ProjectTask& task) override {
    const std::vector<ProjectedTile> tiles = tiles_of(task);
    std::atomic<size_t> next = 0;
    const auto work = [&](int) {
      TileProjector projector(task);
      for (size_t tile = next++; tile < tiles.size(); tile = next++) {
        projector.project(tiles[tile]);
        queue.tick();
      }
    };
    workers_.run(std::ref(work));
  }

 private:
  Workers workers_;
  AttendPlan plan_;
  std::vector<BlockAttender> attenders_;
};

std::optional<std::string> unavailable() { return std::nullopt; }

std::string describe() { return fmt::format("{}; loops for {}", describe_tile_products(), vector_ops().front()->name); }

std::unique_ptr<Kernel> make(const KernelOptions& options) { return make_cpu_fast(options, *vector_ops().front()); }

}  // namespace

std::unique_ptr<Kernel> make_cpu_fast(const KernelOptions& options, const VectorOps& ops) {
  return std::make_unique<CpuFast>(options, ops);
}

}  // namespace ringfold

RINGFOLD_KERNEL(cpu_fast, "libxsmm tile products, vectorised exp2, fp32 inside", ringfold::unavailable,
                ringfold::describe, ringfold::make)
