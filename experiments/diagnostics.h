#pragma once

#include "lib/error.h"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// A place in an experiment file, or in the N-th override of the command line (counted from 1). Both from 1.
struct Mark {
  int override_number = 0;  ///< 0: the file
  int line = 1;
  int column = 1;
  auto operator<=>(const Mark&) const = default;
};

struct Diagnostic {
  Mark mark;
  std::string message;
  auto operator<=>(const Diagnostic&) const = default;
};

/// All errors of an experiment at once: what() has one line each, "FILE:LINE:COLUMN: error: MESSAGE", or
/// "override:N:COLUMN: error: MESSAGE" for an override. Its code is configuration.
class ConfigurationError : public Error {
 public:
  ConfigurationError(std::string_view file, std::vector<Diagnostic> diagnostics);
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  std::vector<Diagnostic> diagnostics_;
};

/// Collects errors, each once, in the order of their marks.
class Diagnostics {
 public:
  /// So many are kept and printed; the rest is counted.
  static constexpr size_t kLimit = 1000;

  void add(const Mark& mark, std::string_view message);
  bool empty() const { return all_.empty(); }
  bool full() const { return all_.size() >= kLimit; }
  /// Throws ConfigurationError if there are any.
  void throw_if_any(std::string_view file) const;

 private:
  std::set<Diagnostic> all_;
};

/// The text in single quotes, fit for one line of a message: control characters escaped, long texts cut.
std::string in_quotes(std::string_view text);

/// (fmt::join makes GCC 12 warn of overflows that are not there.)
std::string join(const std::vector<std::string>& words, std::string_view separator);

/// "did you mean 'x'? " or, if it is not near, "nearest is 'x'; ", for the nearest of `names`; nothing if text or names
/// are empty. Stands before what is allowed.
std::string suggestion(std::string_view text, const std::vector<std::string>& names);

}  // namespace ringfold
