#pragma once

#include <optional>
#include <string>

namespace ringfold {

/// Why there is no GPU to use, such as a missing driver; nothing if there is one.
std::optional<std::string> no_gpu();
/// Of this host, as far as CUDA_VISIBLE_DEVICES shows them; 0 where no_gpu().
int gpu_count();
/// Throws Error(unavailable) where there are fewer GPUs than ranks on this host.
void check_gpus_for(int ranks_here);
/// "2 GPUs (NVIDIA H100 80GB HBM3)"
std::string describe_gpus();
/// "each reaches the memory of every other", or which do not.
std::string describe_peer_access();
/// "GPU 1 (NVIDIA H100 80GB HBM3, 0000:19:00.0)"
std::string gpu_name(int device);
/// "0000:19:00.0", the same for all processes of a host.
std::string gpu_address(int device);
/// Tells one running system from another, whatever their hosts are called.
std::string boot_id();

}  // namespace ringfold
