// Memory, queues, fences and recordings of a GPU.
#include "kernels/cuda_device.h"

#include "kernels/cuda_check.h"
#include "kernels/cuda_queue.h"
#include "lib/error.h"
#include "tests/catch.h"
#include "tests/kernels/cuda_planes.h"

#include <atomic>
#include <thread>

using namespace ringfold;
using namespace ringfold::testing;

namespace {

using Memory = std::shared_ptr<std::byte>;

std::vector<std::byte> pattern(int64_t bytes, int seed) {
  std::vector<std::byte> values(static_cast<size_t>(bytes));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::byte>((i * 131 + i / 977 + seed) & 255);
  return values;
}

std::vector<std::byte> read(CudaDevice& device, const Memory& memory, int64_t bytes) {
  std::vector<std::byte> values(static_cast<size_t>(bytes));
  device.copy_to_host(values.data(), memory.get(), bytes);
  return values;
}

void enqueue_copy(Queue& queue, const Memory& to, const Memory& from, int64_t bytes) {
  RINGFOLD_CUDA_CHECK(cudaMemcpyAsync(to.get(), from.get(), static_cast<size_t>(bytes), cudaMemcpyDeviceToDevice,
                                      static_cast<cudaStream_t>(queue.native())));
}

constexpr int64_t kLongBytes = int64_t{256} << 20;

/// Some tens of ms of work.
void enqueue_long_work(Queue& queue, const Memory& memory) {
  for (int i = 0; i < 200; ++i) {
    RINGFOLD_CUDA_CHECK(
        cudaMemsetAsync(memory.get(), i, static_cast<size_t>(kLongBytes), static_cast<cudaStream_t>(queue.native())));
  }
}

}  // namespace

TEST_CASE("a GPU's memory is aligned, accounted for and open to other processes") {
  if (!has_cuda_device()) return;
  Memory last;
  {
    CudaDevice device(0);
    CHECK(device.memory_kind() == MemoryKind::cuda);
    auto first = device.allocate(1000);
    last = device.allocate(24);
    const auto nothing = device.allocate(0);
    CHECK(nothing != nullptr);
    for (const auto& memory : {first, last, nothing}) CHECK(reinterpret_cast<uintptr_t>(memory.get()) % 64 == 0);
    CHECK(device.allocated_bytes() == 1024);
    cudaIpcMemHandle_t handle;
    CHECK(cudaIpcGetMemHandle(&handle, first.get()) == cudaSuccess);
    std::thread([&] { first.reset(); }).join();
    CHECK(device.allocated_bytes() == 24);
    CHECK(device.peak_bytes() == 1024);
  }
  last.reset();
}

TEST_CASE("too much GPU memory is refused by its size and what is free") {
  if (!has_cuda_device()) return;
  CudaDevice device(0);
  const int64_t free = cuda_free_bytes(0).value();
  CHECK(free > 0);
  for (const int64_t bytes : {INT64_MAX, int64_t{1} << 50, 2 * free}) {
    try {
      device.allocate(bytes);
      FAIL("allocated " << bytes);
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::unavailable);
      CHECK(std::string(error.what()).find(fmt::format("{} bytes could not", bytes)) != std::string::npos);
      CHECK(std::string(error.what()).find("bytes are free") != std::string::npos);
    }
  }
  CHECK(device.allocated_bytes() == 0);
  CHECK(cudaGetLastError() == cudaSuccess);
  CHECK_THROWS_AS(CudaDevice(cuda_devices()), Error);
}

TEST_CASE("a command that fails is told with its place and text") {
  if (!has_cuda_device()) return;
  try {
    RINGFOLD_CUDA_CHECK(cudaSetDevice(1 << 20));
    FAIL("no error");
  } catch (const Error& error) {
    const std::string text = error.what();
    INFO(text);
    CHECK(text.find("cuda_device_test.cpp:") != std::string::npos);
    CHECK(text.find("cudaErrorInvalidDevice") != std::string::npos);
    CHECK(text.find("cudaSetDevice(1 << 20)") != std::string::npos);
  }
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("copies arrive whole, and long ones give signs of life") {
  if (!has_cuda_device()) return;
  int ticks = 0;
  CudaDevice device(0, 3, [&] { ++ticks; });
  constexpr int64_t kBytes = (int64_t{130} << 20) + 5;
  const auto memory = device.allocate(kBytes);
  const auto values = pattern(kBytes, 1);
  device.copy_to_device(memory.get(), values.data(), kBytes);
  CHECK(read(device, memory, kBytes) == values);
  CHECK(ticks >= 4);
  const auto queue = device.make_queue();
  CHECK(queue->threads() == 3);
  CHECK(queue->native() != nullptr);
}

TEST_CASE("fences and stamps follow a queue's work") {
  if (!has_cuda_device()) return;
  int ticks = 0;
  CudaDevice device(0, 1, [&] { ++ticks; });
  const auto memory = device.allocate(kLongBytes);
  const auto queue = device.make_queue();
  const auto fence = queue->make_fence();
  const auto begin = queue->make_stamp();
  const auto end = queue->make_stamp();
  CHECK(fence->ready());
  for (int repetition = 0; repetition < 2; ++repetition) {
    ticks = 0;
    queue->record(*begin);
    enqueue_long_work(*queue, memory);
    queue->record(*end);
    queue->record(*fence);
    CHECK_FALSE(fence->ready());
    fence->wait();
    CHECK(fence->ready());
    CHECK(ticks > 0);
    ticks = 0;
    enqueue_long_work(*queue, memory);
    queue->synchronize();
    CHECK(ticks > 0);
    CHECK(end->ms_since(*begin) > 1.0);
    CHECK(end->ms_since(*begin) < 10000.0);
  }
  CHECK(read(device, memory, 3) == std::vector<std::byte>(3, std::byte{199}));
}

TEST_CASE("queues wait for one another, for urgent ones too, and for fences of the host") {
  if (!has_cuda_device()) return;
  CudaDevice device(0);
  const auto source = device.allocate(kLongBytes);
  const auto target = device.allocate(16);
  const auto first = device.make_queue();
  const auto second = device.make_cuda_queue(true);
  const auto fence = first->make_fence();
  enqueue_long_work(*first, source);
  first->record(*fence);
  second->wait(*fence);
  enqueue_copy(*second, target, source, 16);
  second->synchronize();
  CHECK(read(device, target, 16) == std::vector<std::byte>(16, std::byte{199}));

  struct Late : Fence {
    int waits = 0;
    bool ready() override { return waits > 0; }
    void wait() override { ++waits; }
  } late;
  second->wait(late);
  CHECK(late.waits == 1);
  first->synchronize();
}

TEST_CASE("recorded work starts when told, with the work of queues that waited, as often as wanted") {
  if (!has_cuda_device()) return;
  CudaDevice device(0);
  const Memory a = device.allocate(64);
  const Memory b = device.allocate(64);
  const Memory c = device.allocate(64);
  const auto queue = device.make_queue();
  const auto other = device.make_queue();
  const auto there = queue->make_fence();
  const auto back = other->make_fence();
  const auto set = [&](const Memory& memory, int seed) {
    device.copy_to_device(memory.get(), pattern(64, seed).data(), 64);
  };
  set(a, 1), set(b, 2), set(c, 3);

  REQUIRE(queue->begin_recording());
  enqueue_copy(*queue, b, a, 64);
  queue->record(*there);
  other->wait(*there);
  enqueue_copy(*other, c, b, 64);
  other->record(*back);
  queue->wait(*back);
  const auto work = queue->end_recording();
  queue->synchronize();
  CHECK(read(device, b, 64) == pattern(64, 2));
  for (int seed : {4, 5}) {
    set(a, seed);
    work->start(*queue);
    queue->synchronize();
    CHECK(read(device, b, 64) == pattern(64, seed));
    CHECK(read(device, c, 64) == pattern(64, seed));
  }
}

TEST_CASE("a queue may go while it records") {
  if (!has_cuda_device()) return;
  CudaDevice device(0);
  const Memory a = device.allocate(64);
  const Memory b = device.allocate(64);
  {
    const auto queue = device.make_queue();
    REQUIRE(queue->begin_recording());
    enqueue_copy(*queue, b, a, 64);
  }
  const auto queue = device.make_queue();
  enqueue_copy(*queue, b, a, 64);
  queue->synchronize();
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("ranks that are threads have a device each") {
  if (!has_cuda_device()) return;
  std::vector<std::thread> ranks;
  std::atomic<int> right = 0;
  const int devices = cuda_devices();
  std::vector<std::unique_ptr<CudaDevice>> gpus;
  for (int rank = 0; rank < devices; ++rank) gpus.push_back(std::make_unique<CudaDevice>(rank));
  for (int rank = 0; rank < devices; ++rank) {
    ranks.emplace_back([&, rank] {
      // Made in the main thread, whose current device is the last one.
      CudaDevice& device = *gpus[static_cast<size_t>(rank)];
      const auto queue = device.make_queue();
      const Memory a = device.allocate(64);
      const Memory b = device.allocate(64);
      device.copy_to_device(a.get(), pattern(64, rank).data(), 64);
      enqueue_copy(*queue, b, a, 64);
      queue->synchronize();
      right += read(device, b, 64) == pattern(64, rank);
    });
  }
  for (std::thread& rank : ranks) rank.join();
  CHECK(right == devices);
}
