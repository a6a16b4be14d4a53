#include "kernels/cpu_fast.h"

#include "tests/catch.h"
#include "tests/kernels/attend_case.h"

#include <cstdlib>
#include <new>

using namespace ringfold;
using namespace ringfold::testing;

namespace {

// Heap allocations of this thread while it is set.
thread_local int64_t* counted_allocations = nullptr;

}  // namespace

// Replaced in this test program to count; std::aligned_alloc of the scratch memory is not counted, but grows only.
// Every unaligned form that does not call one of these by itself is here, so that what one allocates another may free.
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  if (counted_allocations) ++*counted_allocations;
  return std::malloc(bytes ? bytes : 1);
}
void* operator new(size_t bytes) {
  if (void* memory = operator new(bytes, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

TEST_CASE("doctor is told which products and which instruction set are used") {
  const std::string text = find_kernel("cpu_fast")->describe();
  CHECK(text.find("products by") != std::string::npos);
  CHECK(text.find(vector_ops().front()->name) != std::string::npos);
}

TEST_CASE("a repeated attend allocates nothing") {
  const TokenSet tokens({{0, 0, 300}, {1, 0, 33}});
  const auto kernel = make_cpu_fast({}, *vector_ops().front());
  const auto queue = kernel->device().make_queue();
  Plane q(DType::bf16, tokens, {0, 4}, 24), k(DType::bf16, tokens, {0, 2}, 24), v(DType::bf16, tokens, {0, 2}, 24);
  Plane o(DType::fp32, tokens, {0, 4}, 24), lse(DType::fp32, tokens, {0, 4}, 1);
  const AttendTask task{q.tensor(), {{k.tensor(), v.tensor()}}, {o.tensor(), lse.tensor()}, false, {}, 24, 2, 0.2};
  kernel->attend(*queue, task);
  int64_t allocations = 0;
  counted_allocations = &allocations;
  kernel->attend(*queue, task);
  counted_allocations = nullptr;
  CHECK(allocations == 0);
}
