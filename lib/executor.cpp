#include "lib/executor.h"

#include "lib/bound_program.h"
#include "lib/error.h"
#include "lib/prepare.h"
#include "lib/stop.h"
#include "lib/watched_run.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace ringfold {
struct Executor::Impl {
  const Schedule& schedule;
  const Program& program;
  int rank;
  Kernel& kernel;
  Transport& transport;
  Control& control;

  std::shared_ptr<std::byte> arena;
  std::vector<BoundOperation> operations;
  std::vector<int> dependencies;
  std::vector<std::unique_ptr<Fence>> fences;  ///< of each exchange, and of computes that an exchange depends on
  std::unique_ptr<Queue> queue;
  std::unique_ptr<Stamp> begin;
  std::unique_ptr<Stamp> end;
  std::unique_ptr<Fence> first;       ///< the begin, for exchanges that depend on nothing of the run
  std::optional<WatchedRun> watched;  ///< while observed

  bool has_exchanges = false;
  bool is_stream_ordered = false;
  bool may_record = true;
  bool has_run = false;
  std::unique_ptr<RecordedWork> recorded;

  Impl(const Schedule& schedule_, int rank_, Kernel& kernel_, Transport& transport_, Control& control_)
      : schedule(schedule_),
        program(schedule_.ranks[static_cast<size_t>(rank_)]),
        rank(rank_),
        kernel(kernel_),
        transport(transport_),
        control(control_) {}

  void bind();
  void make_fences();
  void prepare();
  bool is_on_device() const { return queue->native() != nullptr; }
  bool starts_recorded() const { return recorded && may_record && !watched; }

  void run(int& operation);
  void enqueue_all(int& operation);
  // Compiled twice: where nobody watches, nothing is asked at each operation.
  template <bool kIsWatched>
  Fence* enqueue_steps(int& operation);
  template <bool kIsWatched>
  void step(size_t operation);
  void record(int& operation);
  void finish();
  template <typename Body>
  void guarded(Body&& body);
  Error in_context(const Error& error, int operation) const;
};

void Executor::Impl::bind() {
  RINGFOLD_INVARIANT(program.offsets.size() == program.blocks.size(), "rank {}: no buffers assigned", rank);
  const Capabilities capabilities = kernel.capabilities();
  const MemoryKind memory = kernel.device().memory_kind();
  const std::optional<std::string> missing = missing_variant(capabilities, schedule.problem);
  RINGFOLD_CHECK(!missing, ExitCode::unavailable, "{}", missing.value_or(""));
  if (program.arena_bytes > 0) arena = kernel.device().allocate(program.arena_bytes);
  queue = kernel.device().make_queue();
  operations = bind_program(schedule.problem, program, arena.get(), capabilities);
  dependencies = other_queue_dependencies(program, schedule.problem.heads.dim);
  for (size_t i = 1; i < operations.size(); ++i) {
    if (operations[i].is_done_before) dependencies[i - 1] = std::max(dependencies[i - 1], dependencies[i]);
  }
  for (const BoundOperation& operation : operations) has_exchanges = has_exchanges || operation.exchange != nullptr;
  RINGFOLD_CHECK(!has_exchanges || transport.moves(memory), ExitCode::unavailable,
                 "the transport cannot move the kernel's memory");
  is_stream_ordered = has_exchanges && transport.is_stream_ordered();
  make_fences();
  prepare();
}

void Executor::Impl::make_fences() {
  begin = queue->make_stamp();
  end = queue->make_stamp();
  first = queue->make_fence();
  fences.resize(operations.size());
  for (size_t i = 0; i < operations.size(); ++i) {
    if (!operations[i].exchange) continue;
    fences[i] = transport.make_fence();
    if (dependencies[i] < 0) continue;
    auto& fence = fences[static_cast<size_t>(dependencies[i])];
    if (!fence) fence = queue->make_fence();
  }
}

/// All that takes time or memory before the first run.
void Executor::Impl::prepare() {
  prepare_tasks(kernel, operations, [this] { control.tick(); });
  std::vector<const BoundExchange*> exchanges;
  for (const BoundOperation& operation : operations) {
    if (operation.exchange) exchanges.push_back(operation.exchange.get());
  }
  // Once for nothing, beside all exchanges: a device loads code when it is first used, and may wait for all that is
  // under way to do so, transfers included that wait for this rank.
  if (is_on_device()) {
    for (const BoundOperation& operation : operations) operation.compute(kernel, *queue);
    queue->synchronize();
  }
  // Programs without exchanges take part: ranks tell each other what they need to know.
  transport.announce(exchanges, {arena, program.arena_bytes, kernel.device().memory_kind()});
}

void Executor::Impl::run(int& operation) {
  queue->record(*begin);
  if (starts_recorded()) {
    control.enter(0, "recorded program");
    recorded->start(*queue);
  } else {
    enqueue_all(operation);
  }
  queue->record(*end);
  operation = -1;
  finish();
  has_run = true;
}

/// The first run warms up what cannot be recorded. While somebody watches, each operation is enqueued for itself.
void Executor::Impl::record(int& operation) {
  const bool can = is_on_device() && (is_stream_ordered || !has_exchanges);
  if (!can || !may_record || !has_run || recorded || watched) return;
  if (!queue->begin_recording()) {
    may_record = false;
    return;
  }
  enqueue_all(operation);
  recorded = queue->end_recording();
  const auto start = [this] {
    recorded->start(*queue);
    queue->record(*end);
  };
  operation = -1;
  control.enter(0, "recorded program");
  transport.rehearse(start, *end);
  control.enter(-1, "");
}

void Executor::Impl::enqueue_all(int& operation) {
  if (is_stream_ordered) queue->record(*first);
  Fence* last = watched ? enqueue_steps<true>(operation) : enqueue_steps<false>(operation);
  if (is_stream_ordered && last != nullptr) queue->wait(*last);
}

/// Returns the last exchange's fence.
template <bool kIsWatched>
Fence* Executor::Impl::enqueue_steps(int& operation) {
  Fence* last = nullptr;
  for (size_t i = 0; i < operations.size(); ++i) {
    operation = static_cast<int>(i);
    step<kIsWatched>(i);
    if (operations[i].exchange) last = fences[i].get();
  }
  return last;
}

template <bool kIsWatched>
void Executor::Impl::step(size_t i) {
  const int operation = static_cast<int>(i);
  const BoundOperation& bound = operations[i];
  control.enter(operation, bound.name);
  RINGFOLD_CHECK(!stop_requested(), ExitCode::interrupted, "interrupted");
  if constexpr (kIsWatched) watched->begin(i);
  Fence* after = dependencies[i] < 0 ? nullptr : fences[static_cast<size_t>(dependencies[i])].get();
  if (bound.exchange) {
    if constexpr (kIsWatched) watched->start(i);
    if (after == nullptr && is_stream_ordered) after = first.get();
    transport.enqueue(*bound.exchange, after, *fences[i]);
  } else {
    if (after != nullptr) queue->wait(*after);
    if constexpr (kIsWatched) watched->start(i);
    bound.compute(kernel, *queue);
    if (fences[i]) queue->record(*fences[i]);
  }
  if constexpr (kIsWatched) watched->end(i);
}

void Executor::Impl::finish() {
  if (is_stream_ordered) transport.watch(*end);
  queue->synchronize();
  const auto ended = std::chrono::steady_clock::now();
  transport.synchronize();
  control.enter(-1, "");
  if (watched) watched->tell(*end, ended);
}

/// Errors tell the rank and the operation, and leave nothing under way.
template <typename Body>
void Executor::Impl::guarded(Body&& body) {
  int operation = -1;
  try {
    body(operation);
  } catch (const Error& error) {
    transport.cancel();
    throw in_context(error, operation);
  } catch (const std::exception& error) {
    transport.cancel();
    throw in_context({ExitCode::internal, error.what()}, operation);
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

double Executor::latest_ms() const { return impl_->end->ms_since(*impl_->begin); }

void Executor::allow_recording(bool allowed) { impl_->may_record = allowed; }

bool Executor::starts_recorded() const { return impl_->starts_recorded(); }

void Executor::observe(ExecutionObserver* observer) {
  impl_->watched.reset();
  if (observer != nullptr) impl_->watched.emplace(*observer, *impl_->queue, impl_->operations);
}

void Executor::run() {
  impl_->guarded([this](int& operation) { impl_->run(operation); });
}

void Executor::record() {
  impl_->guarded([this](int& operation) { impl_->record(operation); });
}

}  // namespace ringfold
