#include "transports/launch.h"

#include "lib/error.h"

#include <sys/prctl.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>
#include <unistd.h>

namespace ringfold {

namespace {

/// Set by a launcher for each of its processes, and how to have the launcher speak PMIx.
struct Sign {
  const char* size;
  const char* launcher;
  const char* advice;
};

constexpr Sign kSigns[] = {
    // Only srun sets it; a batch script by itself, which has SLURM_NTASKS, is one process.
    {"SLURM_STEP_NUM_TASKS", "srun", "use srun --mpi=pmix"},
    {"OMPI_COMM_WORLD_SIZE", "Open MPI's mpirun", "use an Open MPI that is built with PMIx"},
    {"PMI_SIZE", "a launcher that speaks PMI", "use the mpirun of Open MPI, prterun or srun --mpi=pmix"},
};

/// How often a process that a script has started looks after the launcher.
constexpr std::chrono::milliseconds kLook{500};

std::string text_of(pid_t process, const char* what) {
  std::ifstream file(fmt::format("/proc/{}/{}", process, what), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// 0 if there is no such process.
pid_t parent_of(pid_t process) {
  const std::string stat = text_of(process, "stat");  // "PID (NAME) STATE PARENT ...", whatever is in the name
  const size_t name_end = stat.rfind(')');
  return name_end == std::string::npos || name_end + 4 >= stat.size() ? 0 : std::atoi(stat.c_str() + name_end + 4);
}

/// Whether a launcher gave it, or what started it, a rank.
bool has_rank(pid_t process) {
  const std::string environment = std::string(1, '\0') + text_of(process, "environ");
  return environment.find(std::string_view("\0PMIX_RANK=", 11)) != std::string::npos;
}

}  // namespace

std::optional<int> launched_rank() {
  const char* rank = std::getenv("PMIX_RANK");
  return rank == nullptr || std::getenv("PMIX_NAMESPACE") == nullptr ? std::nullopt : std::optional(std::atoi(rank));
}

void die_with_launcher() {
  const pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) raise(SIGKILL);
  // The signal comes for the parent alone.
  if (!has_rank(parent)) return;
  pid_t outermost = parent;
  pid_t launcher = parent_of(parent);
  while (launcher > 1 && has_rank(launcher)) {
    outermost = launcher;
    launcher = parent_of(launcher);
  }
  std::thread([outermost, launcher] {
    while (parent_of(outermost) == launcher) std::this_thread::sleep_for(kLook);
    raise(SIGKILL);
  }).detach();
}

void refuse_other_launchers(const std::string& why) {
  for (const Sign& sign : kSigns) {
    const char* size = std::getenv(sign.size);
    if (size == nullptr || std::atoi(size) <= 1) continue;
    throw Error(ExitCode::unavailable,
                fmt::format("started by {} as one of {} processes, but {}: {}", sign.launcher, size, why, sign.advice));
  }
}

}  // namespace ringfold
