#pragma once

#include "lib/control.h"
#include "lib/kernel.h"
#include "lib/schedule.h"
#include "lib/transport.h"

#include <chrono>
#include <memory>
#include <vector>

namespace ringfold {

/// A block's memory on this rank.
struct BoundBlock {
  const Block* block = nullptr;
  std::byte* data = nullptr;
};

/// When a compute operation was done on a device, of the steady clock.
struct ComputeSpan {
  std::chrono::steady_clock::time_point begin{};
  std::chrono::steady_clock::time_point start{};
  std::chrono::steady_clock::time_point end{};
};

/// Sees a rank's operations go by on the host, for timelines. On a host queue a compute operation has ended at end().
class ExecutionObserver {
 public:
  virtual ~ExecutionObserver() = default;
  virtual void begin(int operation) = 0;  ///< its turn has come: it may have to wait for the other queue
  virtual void start(
      int operation) = 0;               ///< what it depends on has ended, or has been handed to the device to wait for
  virtual void end(int operation) = 0;  ///< it has been enqueued
  /// Of a compute operation on a device queue, once all has ended, in program order: the same three as the device has
  /// seen them.
  virtual void computed(int, const ComputeSpan&) {}
  /// Once all has ended, for each exchange in program order: when it was in flight, as the transport says.
  virtual void exchanged(int, const ExchangeSpan&) {}
};

/// Runs one rank's program. Memory is allocated and all operands are resolved in the constructor; run() only enqueues,
/// in program order, and waits once at the end; where transport and device allow it, record() makes one piece of
/// work of the whole program. The schedule must have buffers assigned and be proved, and must outlive this.
class Executor {
 public:
  Executor(const Schedule& schedule, int rank, Kernel& kernel, Transport& transport, Control& control);
  ~Executor();

  /// Memory of the blocks, to fill inputs before run() and to read outputs after it (by the plane_tensor functions).
  BoundBlock bound(BlockId block) const;
  /// Records the program if it has run once and can be recorded. Collective. Call before a run that is timed.
  void record();
  /// Will run() start the recorded program, so that transport and kernel are not called?
  bool starts_recorded() const;
  /// One forward. May be repeated; inputs are kept. Throws Error naming the rank and the operation; the transport is
  /// cancelled then, and this object fit only to be destroyed.
  void run();
  /// How long the latest run took on the kernel's queue: from when it could begin to when all had ended.
  double latest_ms() const;
  /// Whether runs may be recorded; they may be if nothing is said. Does nothing where they cannot be.
  void allow_recording(bool allowed);
  /// Null (the default) for none; must outlive the runs. Without one, nothing but two tests of a pointer is spent on
  /// it.
  void observe(ExecutionObserver* observer);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A plane of a block (part) as a kernel sees it: plane 0, or 1 for V and for a state's LSE.
Tensor plane_tensor(const Block& block, std::byte* data, int plane, int64_t dim);
Tensor plane_tensor(const Block& block, std::byte* data, int plane, int64_t dim, const TokenSet& tokens,
                    const HeadRange& heads);

/// For each operation, the latest operation on the other queue (exchange against compute) that must have ended before
/// it starts: it made an operand, or it still uses memory that this one fills. -1 if there is none. Queues are in
/// order, so one index is enough.
std::vector<int> other_queue_dependencies(const Program& program, int64_t dim);

}  // namespace ringfold
