#include "lib/executor.h"

#include "lib/bound_program.h"
#include "lib/error.h"
#include "lib/stop.h"

#include <utility>

namespace ringfold {

struct Executor::Impl {
  const Schedule& schedule;
  const Program& program;
  int rank;
  Kernel& kernel;
  Transport& transport;
  Control& control;
  ExecutionObserver* observer = nullptr;

  std::shared_ptr<std::byte> arena;
  std::vector<BoundOperation> operations;
  std::vector<int> dependencies;
  std::vector<std::unique_ptr<Fence>> fences;  ///< of each exchange, and of computes that an exchange depends on
  std::unique_ptr<Queue> queue;
  std::vector<ExchangeSpan> spans;  ///< of each operation, while observed

  Impl(const Schedule& schedule_, int rank_, Kernel& kernel_, Transport& transport_, Control& control_)
      : schedule(schedule_),
        program(schedule_.ranks[static_cast<size_t>(rank_)]),
        rank(rank_),
        kernel(kernel_),
        transport(transport_),
        control(control_) {}

  void bind();
  void step(size_t operation);
  void finish();
  Error in_context(const Error& error, int operation) const;
};

void Executor::Impl::bind() {
  RINGFOLD_INVARIANT(program.offsets.size() == program.blocks.size(), "rank {}: no buffers assigned", rank);
  const Capabilities capabilities = kernel.capabilities();
  RINGFOLD_CHECK(capabilities.folds, ExitCode::unavailable, "the kernel cannot fold into a state");
  RINGFOLD_CHECK(transport.moves(kernel.device().memory_kind()), ExitCode::unavailable,
                 "the transport cannot move the kernel's memory");
  if (program.arena_bytes > 0) arena = kernel.device().allocate(program.arena_bytes);
  queue = kernel.device().make_queue();
  operations = bind_program(schedule.problem, program, arena.get(), capabilities);
  dependencies = other_queue_dependencies(program, schedule.problem.heads.dim);
  fences.resize(operations.size());
  for (size_t i = 0; i < operations.size(); ++i) {
    if (operations[i].exchange) {
      fences[i] = transport.make_fence();
      if (dependencies[i] >= 0) {
        auto& fence = fences[static_cast<size_t>(dependencies[i])];
        if (!fence) fence = queue->make_fence();
      }
    }
  }
}

void Executor::Impl::step(size_t i) {
  const int operation = static_cast<int>(i);
  const BoundOperation& bound = operations[i];
  control.enter(operation, bound.name);
  RINGFOLD_CHECK(!stop_requested(), ExitCode::interrupted, "interrupted");
  if (observer != nullptr) observer->begin(operation);
  Fence* after = dependencies[i] < 0 ? nullptr : fences[static_cast<size_t>(dependencies[i])].get();
  if (bound.exchange) {
    if (observer != nullptr) observer->start(operation);
    transport.enqueue(*bound.exchange, after, *fences[i]);
  } else {
    if (after != nullptr) queue->wait(*after);
    if (observer != nullptr) observer->start(operation);
    bound.compute(kernel, *queue);
    if (fences[i]) queue->record(*fences[i]);
  }
  if (observer != nullptr) observer->end(operation);
}

void Executor::Impl::finish() {
  queue->synchronize();
  transport.synchronize();
  control.enter(-1, "");
  for (size_t i = 0; observer != nullptr && i < operations.size(); ++i) {
    if (operations[i].exchange) observer->exchanged(static_cast<int>(i), spans[i]);
  }
}

Error Executor::Impl::in_context(const Error& error, int operation) const {
  std::string here = fmt::format("rank {}", rank);
  if (operation >= 0) {
    here += fmt::format(", operation {} ({})", operation, operations[static_cast<size_t>(operation)].text);
  }
  // What another rank did, or did not do: that one is named first.
  const bool is_witness = error.code() == ExitCode::deadline || error.code() == ExitCode::peer_lost;
  return {error.code(), is_witness ? fmt::format("{}; noticed by {}", error.what(), here)
                                   : fmt::format("{}: {}", here, error.what())};
}

Executor::Executor(const Schedule& schedule, int rank, Kernel& kernel, Transport& transport, Control& control)
    : impl_(std::make_unique<Impl>(schedule, rank, kernel, transport, control)) {
  impl_->bind();
}

Executor::~Executor() = default;

BoundBlock Executor::bound(BlockId block) const {
  const auto index = static_cast<size_t>(block);
  return {&impl_->program.blocks[index], impl_->arena.get() + impl_->program.offsets[index]};
}

void Executor::observe(ExecutionObserver* observer) {
  impl_->observer = observer;
  impl_->spans.assign(observer == nullptr ? 0 : impl_->operations.size(), {});
  for (size_t i = 0; i < impl_->operations.size(); ++i) {
    const auto& exchange = impl_->operations[i].exchange;
    if (exchange) exchange->span = observer == nullptr ? nullptr : &impl_->spans[i];
  }
}

void Executor::run() {
  int operation = -1;
  try {
    for (size_t i = 0; i < impl_->operations.size(); ++i) {
      operation = static_cast<int>(i);
      impl_->step(i);
    }
    operation = -1;
    impl_->finish();
  } catch (const Error& error) {
    impl_->transport.cancel();
    throw impl_->in_context(error, operation);
  } catch (const std::exception& error) {
    impl_->transport.cancel();
    throw impl_->in_context({ExitCode::internal, error.what()}, operation);
  }
}

}  // namespace ringfold
