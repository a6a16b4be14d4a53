#include "kernels/host_device.h"

#include "lib/error.h"
#include "tests/catch.h"

using namespace ringfold;

TEST_CASE("host memory is aligned and accounted for until its handle goes") {
  HostDevice device;
  CHECK(device.memory_kind() == MemoryKind::host);
  auto first = device.allocate(1000);
  auto second = device.allocate(1);
  const auto nothing = device.allocate(0);
  CHECK(nothing != nullptr);
  for (const auto& memory : {first, second, nothing}) CHECK(reinterpret_cast<uintptr_t>(memory.get()) % 64 == 0);
  CHECK(device.allocated_bytes() == 1001);
  second.reset();
  CHECK(device.allocated_bytes() == 1000);
  second = device.allocate(500);
  CHECK(device.peak_bytes() == 1500);
  first.reset();
  second.reset();
  CHECK(device.allocated_bytes() == 0);
  CHECK(device.peak_bytes() == 1500);
}

TEST_CASE("a handle may outlive the device that made it") {
  std::shared_ptr<std::byte> memory;
  {
    HostDevice device;
    memory = device.allocate(64);
  }
  memory.get()[63] = std::byte{1};
  CHECK(memory.get()[63] == std::byte{1});
}

TEST_CASE("too much host memory is refused by its size") {
  HostDevice device;
  for (const int64_t bytes : {INT64_MAX, INT64_MAX - 64, int64_t{1} << 60}) {
    try {
      device.allocate(bytes);
      FAIL("allocated " << bytes);
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::unavailable);
      CHECK(std::string(error.what()).find(std::to_string(bytes)) != std::string::npos);
    }
  }
  CHECK(device.allocated_bytes() == 0);
}

TEST_CASE("a host queue waits for foreign fences and passes signs of life on") {
  int ticks = 0;
  HostDevice device(3, [&] { ++ticks; });
  const auto queue = device.make_queue();
  CHECK(queue->threads() == 3);
  queue->tick();
  CHECK(ticks == 1);

  struct Late : Fence {
    int waits = 0;
    bool ready() override { return waits > 0; }
    void wait() override { ++waits; }
  } late;
  queue->wait(late);
  CHECK(late.waits == 1);

  const auto fence = queue->make_fence();
  queue->record(*fence);
  CHECK(fence->ready());
  fence->wait();
  queue->synchronize();
}
