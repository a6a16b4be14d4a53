#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace ringfold {

/// What a failure means to whoever started the program; the values are the program's exit codes.
enum class ExitCode : int {
  ok = 0,
  internal = 1,
  usage = 2,
  configuration = 3,
  unavailable = 4,
  numerics = 5,
  deadline = 6,
  peer_lost = 7,
  regression = 8,
  refuted = 9,
  nothing_to_run = 10,
  interrupted = 130,
};

/// The one exception of the project: one line of text that a user can act on, and its exit code.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// Throws Error(internal) for a broken promise of our own code.
[[noreturn]] void fail_invariant(const char* file, int line, const char* condition, const std::string& message);

}  // namespace ringfold

/// The caller's fault: throws Error(code) with a formatted message.
#define RINGFOLD_CHECK(condition, code, ...)                     \
  do {                                                           \
    if (!(condition)) {                                          \
      throw ::ringfold::Error((code), fmt::format(__VA_ARGS__)); \
    }                                                            \
  } while (false)

/// Our own fault: throws Error(internal) that names the place.
#define RINGFOLD_INVARIANT(condition, ...)                                                  \
  do {                                                                                      \
    if (!(condition)) {                                                                     \
      ::ringfold::fail_invariant(__FILE__, __LINE__, #condition, fmt::format(__VA_ARGS__)); \
    }                                                                                       \
  } while (false)
