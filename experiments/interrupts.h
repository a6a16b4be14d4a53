#pragma once

#include "lib/world.h"

#include <thread>

namespace ringfold {

/// From here on SIGINT, SIGTERM and SIGHUP ask the run to stop, the second one ends it at once; what a full disk or a
/// reader that went away would signal is an error like any other.
void listen_for_interrupts();

/// A launcher that sees one of its processes die asks the others to stop. While this lives, such a request waits until
/// the world has had the time to tell that a rank is lost, which is then what ends the run, under that rank's name.
class PatientInterrupts {
 public:
  /// The world must outlive this.
  explicit PatientInterrupts(World& world);
  ~PatientInterrupts();
  PatientInterrupts(const PatientInterrupts&) = delete;
  PatientInterrupts& operator=(const PatientInterrupts&) = delete;

 private:
  std::thread thread_;
};

}  // namespace ringfold
