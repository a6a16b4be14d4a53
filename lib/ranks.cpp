#include "lib/ranks.h"

#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace ringfold {

namespace {

Error as_error(int rank, const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return {ExitCode::internal, fmt::format("rank {}: {}", rank, error.what())};
  } catch (...) {
    return {ExitCode::internal, fmt::format("rank {}: unknown exception", rank)};
  }
}

/// Keeps the first of several threads' exceptions. One of a rank that failed by itself is before those of the ranks
/// that were freed by it, however quick they are.
class FirstError {
 public:
  void offer(std::exception_ptr thrown, bool is_freed = false) {
    const std::lock_guard lock(mutex_);
    if (first_ && (is_freed || !is_freed_)) return;
    first_ = std::move(thrown);
    is_freed_ = is_freed;
  }
  void rethrow() {
    if (first_) std::rethrow_exception(first_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr first_;
  bool is_freed_ = false;
};

void run_rank(Fabric& fabric, int rank, const std::function<void(RankContext&)>& body,
              const std::function<void()>& free_others, FirstError& first) {
  std::unique_ptr<Control> control;
  std::unique_ptr<Transport> transport;
  try {
    control = fabric.make_control(rank);
    transport = fabric.make_transport(rank, *control);
    RankContext context{rank, fabric.ranks(), *control, *transport, fabric.local_rank(rank)};
    body(context);
  } catch (...) {
    // Kept before the others are freed, so that none of them can be first. A rank that was freed by another tells what
    // that one said, which may be all that this process hears of it.
    const auto before = control ? control->first_error() : std::nullopt;
    first.offer(before ? std::make_exception_ptr(*before) : std::current_exception(), before.has_value());
    if (control) control->abort(as_error(rank, std::current_exception()));
    if (free_others) free_others();
  }
}

}  // namespace

void run_ranks(Fabric& fabric, const std::function<void(RankContext&)>& body,
               const std::function<void()>& free_others) {
  FirstError first;
  {
    std::vector<std::jthread> threads;
    threads.reserve(static_cast<size_t>(fabric.ranks()));
    for (int rank = 0; rank < fabric.ranks(); ++rank) {
      if (!fabric.is_local(rank)) continue;
      try {
        threads.emplace_back([&, rank] { run_rank(fabric, rank, body, free_others, first); });
      } catch (const std::system_error& error) {
        // Ranks that have been started must not wait for one that never comes.
        const Error failed(ExitCode::unavailable, fmt::format("rank {}: no thread for it: {}", rank, error.what()));
        first.offer(std::make_exception_ptr(failed));
        fabric.make_control(rank)->abort(failed);
        if (free_others) free_others();
        break;
      }
    }
  }
  first.rethrow();
}

}  // namespace ringfold
