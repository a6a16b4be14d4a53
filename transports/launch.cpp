#include "transports/launch.h"

#include "lib/error.h"

#include <cstdlib>

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

}  // namespace

void refuse_other_launchers(const std::string& why) {
  for (const Sign& sign : kSigns) {
    const char* size = std::getenv(sign.size);
    if (size == nullptr || std::atoi(size) <= 1) continue;
    throw Error(ExitCode::unavailable,
                fmt::format("started by {} as one of {} processes, but {}: {}", sign.launcher, size, why, sign.advice));
  }
}

}  // namespace ringfold
