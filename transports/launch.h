#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace ringfold {

/// What a launcher (mpirun, prterun, srun) tells each of the processes that it has started, until this is destroyed.
/// Processes that follow each other in a launcher's script are one rank to it.
class Launch {
 public:
  virtual ~Launch() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// The host that the rank was started on, as the launcher calls it; "" if it does not say.
  virtual std::string host_of(int rank) = 0;
  /// Makes a text known to all ranks under a key. Call once a key.
  virtual void publish(const std::string& key, const std::string& text) = 0;
  /// What the rank has published, once it has, even if it has ended since; nothing if it has not within this time.
  /// Either its present process's text or an earlier one's, and the same whenever asked.
  virtual std::optional<std::string> published_by(int rank, const std::string& key,
                                                  std::chrono::milliseconds within) = 0;
  /// From here on published_by() may give later texts.
  virtual void forget_others() = 0;
};

/// Null if this process was not started by a launcher. Throws Error(unavailable), saying what to do, if it was started
/// by one that cannot be asked. transports/pmix.cpp, or no_pmix.cpp where PMIx is missing.
std::unique_ptr<Launch> find_launch();
/// PMIx's version, or why there is none: for the doctor.
std::string describe_launch();

/// The rank that a launcher gave this process, before anybody is asked; nothing if none has.
std::optional<int> launched_rank();

/// From here on this process dies with its launcher, even if that dies without a word and even if what it started is a
/// script that has started this process.
void die_with_launcher();

/// Throws Error(unavailable) if this process is one of several that a launcher started without PMIx. `why`: what PMIx
/// lacks.
void refuse_other_launchers(const std::string& why);

}  // namespace ringfold
