#pragma once

#include "lib/executor.h"
#include "lib/inputs.h"
#include "lib/kernel.h"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace ringfold {

/// The blocks of an executor as the host fills and reads them, wherever their memory is. Owns neither.
class HostBlocks {
 public:
  HostBlocks(Kernel& kernel, const Executor& executor, int64_t dim) : kernel_(kernel), executor_(executor), dim_(dim) {}

  /// Makes an input block's rows: where they lie if the kernel can, else here. `tick` is called now and then.
  void fill(BlockId id, const InputSource& inputs, const std::function<void()>& tick) const;
  /// The block's bytes, as they are now; valid until the same block is read again.
  const std::byte* read(BlockId id);

 private:
  bool is_here() const { return kernel_.device().memory_kind() == MemoryKind::host; }

  Kernel& kernel_;
  const Executor& executor_;
  int64_t dim_;
  std::map<BlockId, std::vector<std::byte>> copies_;
};

}  // namespace ringfold
