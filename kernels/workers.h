#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ringfold {

/// Threads that wait between calls of run(). The caller's thread is worker 0: one worker costs no thread at all.
class Workers {
 public:
  /// Throws Error(unavailable) when the system gives no more threads.
  explicit Workers(int count);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int count() const { return static_cast<int>(threads_.size()) + 1; }
  /// Calls work(worker) once for each worker and waits for all; throws the first error of any.
  void run(const std::function<void(int)>& work);

 private:
  void serve(int worker);
  void call(int worker);
  void stop();

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void(int)>* work_ = nullptr;
  uint64_t round_ = 0;
  int busy_ = 0;
  bool stopping_ = false;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

}  // namespace ringfold
