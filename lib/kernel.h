#pragma once

#include "lib/assumed_rates.h"
#include "lib/device.h"
#include "lib/inputs.h"
#include "lib/problem.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ringfold {

/// Consecutive positions of one sequence that lie in consecutive rows of a tensor.
struct Segment {
  int64_t sequence = 0;
  int64_t begin = 0;  ///< positions [begin, end)
  int64_t end = 0;
  int64_t row = 0;  ///< row of position `begin`
};

/// One plane of a block part: element (head h, row r, channel c) stands at data + (h * head_stride +
/// r * row_stride + c) * bytes_of(dtype), where h counts from heads.begin. LSE planes have one channel.
/// Does not own memory. Only the rows of the segments may be read or written.
struct Tensor {
  std::byte* data = nullptr;
  DType dtype = DType::fp32;
  int64_t row_stride = 0;   ///< in elements
  int64_t head_stride = 0;  ///< in elements
  HeadRange heads;          ///< global head numbers
  std::vector<Segment> segments;
  /// Above 0: rows lie in pages of so many, and each segment within one: page s.row / page_size, from row s.row %
  /// page_size on, which is 0 but where a page goes on after a gap in positions.
  int64_t page_size = 0;
};

struct KvPiece {
  Tensor k;
  Tensor v;  ///< same heads and segments as k
};

/// A state: O fp32 normalised and LSE fp32 natural log; an empty row is (0, -inf).
struct StateTensor {
  Tensor o;
  Tensor lse;  ///< same heads and segments as o
};

/// What a kernel has found out about a task and keeps with it: plans, scratch memory, tables on the device.
class PreparedTask {
 public:
  virtual ~PreparedTask() = default;
};

/// Where a finished state goes: O in `out`'s dtype and a dense LSE, rows and heads as the state's.
struct Finished {
  Tensor out;
  Tensor lse;
};

/// q: [tokens, query heads, dim]; each query sees the keys of its own sequence, in any piece, that the mask lets
/// through by position. Query head h reads kv head h / group. Rows of `state` = rows of q.
struct AttendTask {
  Tensor q;
  std::vector<KvPiece> kv;
  StateTensor state;
  bool fold = false;  ///< fold into the state; else overwrite it (rows that see nothing become empty)
  Mask mask;
  int64_t dim = 0;
  int64_t group = 1;  ///< query heads per kv head
  double scale = 1.0;
  double softcap = 0.0;  ///< above 0: a logit t, scaled, becomes softcap tanh(t / softcap)
  /// Set only for a kernel that finishes: O and LSE are wanted, and nobody reads the state that is written.
  std::optional<Finished> finish = std::nullopt;
  std::shared_ptr<PreparedTask> prepared = nullptr;
};

/// Writes into `state` the merge of the parts, in their order; rows that no part holds become empty.
struct MergeTask {
  std::vector<StateTensor> parts;
  StateTensor state;
  int64_t dim = 0;
  std::shared_ptr<PreparedTask> prepared = nullptr;
};

/// Converts a state to O in `out`'s dtype and a dense LSE.
struct FinishTask {
  StateTensor state;
  Tensor out;
  Tensor lse;
  int64_t dim = 0;
  std::shared_ptr<PreparedTask> prepared = nullptr;
};

/// Copies rows of `from` to the rows of `to` at the same positions and heads; to's dtype = from's dtype.
struct CopyTask {
  Tensor from;
  Tensor to;
  int64_t channels = 0;
  std::shared_ptr<PreparedTask> prepared = nullptr;
};

/// Turns rows of `from` by their positions, as rotary.h says to the bit, into the rows of `to` at the same positions
/// and heads; one dtype.
struct RotateTask {
  Tensor from;
  Tensor to;
  int64_t dim = 0;
  Rope rope;
  std::shared_ptr<PreparedTask> prepared = nullptr;
};

/// to [tokens, dim] = x [tokens, hidden] w [hidden, dim] for each head of `to`, rounded once to its dtype, from sums in
/// fp32 at least. Row i of `w` is channel i of x. Rows of `to` and x are found by position; one dtype.
struct ProjectTask {
  Tensor x;  ///< its heads are the channels: row_stride apart from row to row
  Tensor w;
  Tensor to;  ///< may lie in pages
  int64_t hidden = 0;
  int64_t dim = 0;
  std::shared_ptr<PreparedTask> prepared = nullptr;
};

/// One call of a kernel with its operands resolved to memory.
using KernelTask = std::variant<AttendTask, MergeTask, CopyTask, FinishTask, RotateTask, ProjectTask>;

/// What a kernel can do, known before anything runs.
struct Capabilities {
  MemoryKind memory = MemoryKind::host;
  bool folds = true;           ///< AttendTask::fold is done, and states of parts of the keys are fit to be merged
  bool many_kv_pieces = true;  ///< more than one KvPiece an attend
  /// Why a problem cannot be run, naming the key at fault; empty if it can. May ask the kernel, which must live.
  std::function<std::optional<std::string>(const Problem&)> refuses = {};
  bool finishes = false;  ///< AttendTask::finish is done in the kernel
  // What a kernel does not claim is refused: a variant that came after it is never ignored.
  bool softcaps = false;           ///< AttendTask::softcap
  bool approximates_tanh = false;  ///< of a softcap, to 2^-10 or so: compare.h grants it more
  bool rotates = false;            ///< Kernel::rotate
  bool pages = false;              ///< KvPiece in pages, and copies and rotations of such
  bool projects = false;           ///< Kernel::project
};

/// The problem's first variant that a kernel of such capabilities lacks, naming its key; nothing if it has all.
std::optional<std::string> missing_variant(const Capabilities& can, const Problem& problem);

/// An attention backend: knows no ranks. Calls enqueue work; NaN outside the segments must not change a bit.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual Capabilities capabilities() const = 0;
  virtual Device& device() = 0;
  virtual void attend(Queue& queue, const AttendTask& task) = 0;
  virtual void merge(Queue& queue, const MergeTask& task) = 0;
  virtual void finish(Queue& queue, const FinishTask& task) = 0;
  virtual void copy(Queue& queue, const CopyTask& task) = 0;
  /// For kernels that claim it.
  virtual void rotate(Queue& queue, const RotateTask& task);
  virtual void project(Queue& queue, const ProjectTask& task);
  /// Does beforehand what takes time or memory, and keeps it in the task: enqueuing it allocates nothing then.
  /// Optional: a task that was not prepared is prepared each time that it is enqueued.
  virtual void prepare(KernelTask&) {}
  /// Scratch memory of the device that preparing the task takes, known without its operands' memory. Tasks that were
  /// prepared share it. Tables of some KiB are not counted. Throws Error(unavailable) for what cannot be done.
  virtual int64_t scratch_bytes(const KernelTask&) const { return 0; }
  /// Makes the rows of `to` where they lie; false if the kernel cannot, and the host has to make them.
  virtual bool generate(Queue&, const GeneratedInputs&, InputTensor, const Tensor&) { return false; }
};

struct KernelOptions {
  int threads = 1;             ///< host threads within a rank
  std::function<void()> tick;  ///< sign of life, see Queue::tick; may be empty
  int device = 0;              ///< which of this host's devices: below KernelInfo::devices()
};

struct KernelInfo {
  std::string_view id;
  std::string_view summary;
  /// Why it cannot run on this machine, or nothing.
  std::optional<std::string> (*unavailable)();
  /// One line for `doctor`: versions, instruction set, fallbacks in use.
  std::string (*describe)();
  /// One kernel object a rank, made and used in the rank's thread. Requires !unavailable().
  std::unique_ptr<Kernel> (*make)(const KernelOptions&);
  /// Devices of this host, each for one rank; null: any number of ranks share the host.
  int (*devices)() = nullptr;
  /// What passes assume of it, links aside.
  AssumedRates rates{};
  /// What one of its devices has left; null, or nothing: not known, or host memory.
  std::optional<int64_t> (*free_bytes)(int device) = nullptr;
  /// One line for `doctor`: what its library says that it takes, of a described device where none is here. Null: what
  /// it takes does not depend on the machine. May take a second.
  std::string (*support)() = nullptr;
  /// 10^9 bytes a second that the memory of one of its devices moves, or 0 if it cannot be told. Null: host memory.
  /// Takes some ms.
  double (*memory_gbps)() = nullptr;
};

std::span<const KernelInfo> kernel_table();
const KernelInfo* find_kernel(std::string_view id);

}  // namespace ringfold

/// The last line of kernels/<id>.cpp (or of its stub), at global scope.
#define RINGFOLD_KERNEL(id, summary, unavailable, describe, ...) \
  extern const ::ringfold::KernelInfo kernel_info_##id;          \
  const ::ringfold::KernelInfo kernel_info_##id = {#id, summary, unavailable, describe, __VA_ARGS__};
