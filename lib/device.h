#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace ringfold {

enum class MemoryKind { host, cuda };

/// Marks a point in a queue's or a transport's work; recorded again for every repetition, never reallocated.
class Fence {
 public:
  virtual ~Fence() = default;
  /// Has everything before the mark ended? Does not block.
  virtual bool ready() = 0;
  /// Blocks the calling thread until ready(); throws Error(deadline | peer_lost) when that will not happen.
  virtual void wait() = 0;
  /// For whoever can wait for the mark without the host: a cudaEvent_t. Null: only the host can wait.
  virtual void* native() { return nullptr; }
};

/// A fence that knows when it became ready.
class Stamp : public Fence {
 public:
  /// ms from `earlier`, of a queue of the same device, to this one. Both must be ready.
  virtual double ms_since(const Stamp& earlier) const = 0;
};

class Queue;

/// Work of one or more queues that was noted down instead of started, to be started as often as wanted.
class RecordedWork {
 public:
  virtual ~RecordedWork() = default;
  virtual void start(Queue& queue) = 0;
};

/// An in-order stream of work on one device. A host queue runs work before the call that enqueues it returns.
class Queue {
 public:
  virtual ~Queue() = default;
  virtual std::unique_ptr<Fence> make_fence() = 0;
  virtual std::unique_ptr<Stamp> make_stamp() = 0;
  virtual void record(Fence& fence) = 0;
  /// Later work on this queue starts only when the fence (of any queue or transport) is ready.
  virtual void wait(Fence& fence) = 0;
  /// Blocks until all work enqueued so far has ended.
  virtual void synchronize() = 0;
  /// Sign of life from inside long work, e.g. after each tile of an attend; resets peers' deadlines.
  virtual void tick() = 0;
  /// Host threads that one operation may use.
  virtual int threads() const = 0;
  /// The queue as its device's runtime knows it, a cudaStream_t; null for a host queue.
  virtual void* native() { return nullptr; }
  /// From now on work enqueued here, and on queues that wait for fences of it, is noted down and not started. False if
  /// the device cannot. Before it is ended, all those queues must have been waited for here.
  virtual bool begin_recording() { return false; }
  virtual std::unique_ptr<RecordedWork> end_recording() { return nullptr; }
};

/// Memory of one kind and what makes queues on it.
class Device {
 public:
  virtual ~Device() = default;
  virtual MemoryKind memory_kind() const = 0;
  /// 64-byte aligned; freed with the handle, which may outlive the device. Throws Error(unavailable) naming the size
  /// when there is not enough.
  virtual std::shared_ptr<std::byte> allocate(int64_t bytes) = 0;
  /// Bytes handed out by allocate() and not freed, now and at most.
  virtual int64_t allocated_bytes() const = 0;
  virtual int64_t peak_bytes() const = 0;
  virtual std::unique_ptr<Queue> make_queue() = 0;
  virtual void copy_to_device(std::byte* to, const std::byte* from, int64_t bytes) = 0;
  virtual void copy_to_host(std::byte* to, const std::byte* from, int64_t bytes) = 0;
};

}  // namespace ringfold
