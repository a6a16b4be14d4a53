#include "experiments/host_blocks.h"

#include "lib/fill.h"

namespace ringfold {

void HostBlocks::fill(BlockId id, const InputSource& inputs, const std::function<void()>& tick) const {
  const BoundBlock bound = executor_.bound(id);
  const Block& block = *bound.block;
  const std::vector<InputTensor> planes = input_planes(block.kind);
  const auto* recipe = inputs.generated();
  std::vector<std::byte> staged;
  bool is_staged = false;
  const std::unique_ptr<Queue> queue = kernel_.device().make_queue();
  for (size_t plane = 0; plane < planes.size(); ++plane) {
    Tensor tensor = plane_tensor(block, bound.data, static_cast<int>(plane), dim_);
    const InputTensor which = planes[plane];
    if (recipe != nullptr && kernel_.generate(*queue, *recipe, which, tensor)) continue;
    if (!is_here() && !is_staged) {
      staged.resize(static_cast<size_t>(bytes_of(block, dim_)));
      is_staged = true;
    }
    if (is_staged) tensor.data = staged.data() + (tensor.data - bound.data);
    fill_tensor(inputs, which, tensor);
    tick();
  }
  queue->synchronize();
  if (is_staged) kernel_.device().copy_to_device(bound.data, staged.data(), std::ssize(staged));
}

const std::byte* HostBlocks::read(BlockId id) {
  const BoundBlock bound = executor_.bound(id);
  if (is_here()) return bound.data;
  std::vector<std::byte>& copy = copies_[id];
  copy.resize(static_cast<size_t>(bytes_of(*bound.block, dim_)));
  kernel_.device().copy_to_host(copy.data(), bound.data, std::ssize(copy));
  return copy.data();
}

}  // namespace ringfold
