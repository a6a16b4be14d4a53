#include "lib/bound_program.h"

#include "lib/error.h"
#include "lib/executor.h"
#include "lib/lifetimes.h"
#include "lib/pages.h"

#include <utility>

namespace ringfold {

namespace {

/// Elements of one row of one head of a plane.
int64_t channels_of(BlockKind kind, int plane, int64_t dim) {
  const bool one = kind == BlockKind::lse || kind == BlockKind::hidden || (kind == BlockKind::state && plane == 1);
  return one ? 1 : dim;
}

/// Resolves one program's operations, one after the other.
class Binder {
 public:
  Binder(const Problem& problem, const Program& program, std::byte* arena, const Capabilities& capabilities)
      : problem_(problem), program_(program), arena_(arena), capabilities_(capabilities), dim_(problem.heads.dim) {}

  BoundOperation bind(int index, const Operation& operation) {
    bound_ = {};
    bound_.name = name_of(operation).data();
    std::visit([&](const auto& each) { bind_one(index, each); }, operation);
    return std::move(bound_);
  }

 private:
  const Block& block(BlockId id) const { return program_.blocks[static_cast<size_t>(id)]; }
  std::byte* data(BlockId id) const { return arena_ + program_.offsets[static_cast<size_t>(id)]; }
  View whole(BlockId id) const { return {id, block(id).tokens, block(id).heads}; }

  Tensor plane(const View& view, int plane) const {
    return plane_tensor(block(view.block), data(view.block), plane, dim_, view.tokens, view.heads);
  }
  StateTensor state(const View& view) const { return {plane(view, 0), plane(view, 1)}; }

  void name(const View& view, std::string_view more = "") {
    bound_.text = fmt::format("{} {} heads {}{}", bound_.name, to_string(view.tokens, 2), to_string(view.heads), more);
  }

  /// Copies `from` to the same tokens and heads of block `to`, plane by plane.
  void copy(const View& from, BlockId to) {
    const BlockKind kind = block(from.block).kind;
    for (int p = 0; p < planes_of(kind); ++p) {
      bound_.tasks.emplace_back(
          CopyTask{plane(from, p), plane({to, from.tokens, from.heads}, p), channels_of(kind, p, dim_)});
    }
  }

  void bind_one(int index, const Exchange& exchange) {
    bound_.exchange = std::make_unique<BoundExchange>();
    bound_.exchange->operation = index;
    bound_.text = bound_.name;
    for (const Send& send : exchange.sends) {
      const Block& source = block(send.view.block);
      RINGFOLD_INVARIANT(is_contiguous(source, send.view), "operation {} sends scattered memory", index);
      bound_.text += fmt::format(", to {} tag {}", send.peer, send.tag);
      bound_.exchange->sends.push_back({send.peer, send.tag, first_byte(send.view),
                                        bytes_of(source, send.view.tokens.size(), send.view.heads.size(), dim_)});
    }
    for (const Receive& receive : exchange.receives) {
      bound_.text += fmt::format(", from {} tag {}", receive.peer, receive.tag);
      bound_.exchange->receives.push_back(
          {receive.peer, receive.tag, data(receive.block), bytes_of(block(receive.block), dim_)});
    }
  }

  std::byte* first_byte(const View& view) const {
    const Tensor first = plane(view, 0);
    const int64_t row = first.segments.empty() ? 0 : first.segments.front().row;
    return first.data + row * first.row_stride * bytes_of(first.dtype);
  }

  void bind_one(int, const Attend& attend) {
    const View rows{attend.state, attend.q.tokens, attend.q.heads};
    int64_t keys = 0;
    for (const View& view : attend.kv) keys += view.tokens.size();
    name(attend.q, fmt::format(", {} keys", keys));
    const bool fold = attend.state_in != kNoBlock;
    if (fold && whole(attend.state_in).tokens == block(attend.state).tokens &&
        whole(attend.state_in).heads == block(attend.state).heads) {
      if (data(attend.state_in) != data(attend.state)) copy(whole(attend.state_in), attend.state);
    } else if (fold) {
      bound_.tasks.emplace_back(MergeTask{{state(whole(attend.state_in))}, state(whole(attend.state)), dim_});
    } else if (whole(attend.state) != rows) {
      // The state is larger than q: all of it becomes empty, then q's rows are overwritten.
      bound_.tasks.emplace_back(MergeTask{{}, state(whole(attend.state)), dim_});
    }
    AttendTask task{plane(attend.q, 0),      {}, state(rows), fold, attend.mask, dim_, problem_.heads.group(),
                    problem_.softmax_scale()};
    task.softcap = problem_.softcap.value_or(0.0);
    for (const View& view : attend.kv) {
      task.kv.push_back({plane(view, 0), plane(view, 1)});
      if (!capabilities_.many_kv_pieces) {
        bound_.tasks.emplace_back(task);
        task.kv.clear();
        task.fold = true;
      }
    }
    if (capabilities_.many_kv_pieces || attend.kv.empty()) bound_.tasks.emplace_back(std::move(task));
  }

  void bind_one(int, const Merge& merge) {
    name(whole(merge.state));
    MergeTask task{{}, state(whole(merge.state)), dim_};
    for (const View& view : merge.parts) task.parts.push_back(state(view));
    bound_.tasks.emplace_back(std::move(task));
  }

  void bind_one(int, const Copy& gather) {
    name(whole(gather.block));
    for (const View& part : gather.parts) copy(part, gather.block);
  }

  void bind_one(int, const Rotate& rotate) {
    name(rotate.source);
    const View to = whole(rotate.block);
    bound_.tasks.emplace_back(RotateTask{plane(rotate.source, 0), plane(to, 0), dim_, *problem_.rope});
    if (block(rotate.block).kind != BlockKind::kv) return;
    bound_.tasks.emplace_back(CopyTask{plane(rotate.source, 1), plane(to, 1), dim_});
  }

  void bind_one(int, const Project& project) {
    const View to = whole(project.block);
    name(to);
    for (int p = 0; p < planes_of(block(project.block).kind); ++p) {
      bound_.tasks.emplace_back(
          ProjectTask{plane(project.source, 0), plane(project.weights, p), plane(to, p), problem_.layer->hidden, dim_});
    }
  }

  void bind_one(int, const Finish& finish) {
    name(finish.state);
    bound_.tasks.emplace_back(
        FinishTask{state(finish.state), plane(whole(finish.out), 0), plane(whole(finish.lse), 0), dim_});
  }

  const Problem& problem_;
  const Program& program_;
  std::byte* arena_;
  const Capabilities& capabilities_;
  int64_t dim_;
  BoundOperation bound_;
};

/// Do the memories of a block that is made and of one that is read overlap?
bool overlap(const Program& program, BlockId made, BlockId read, int64_t dim) {
  const auto begin = [&](BlockId id) { return program.offsets[static_cast<size_t>(id)]; };
  const auto end = [&](BlockId id) { return begin(id) + bytes_of(program.blocks[static_cast<size_t>(id)], dim); };
  return begin(made) < end(read) && begin(read) < end(made);
}

/// Lets attends write O and LSE themselves where the finish of their state is next and nothing that they read lies
/// there.
void finish_at_once(const Problem& problem, const Program& program, std::vector<BoundOperation>& operations) {
  const Lifetimes lifetimes = lifetimes_of(program);
  for (size_t i = 0; i + 1 < operations.size(); ++i) {
    if (!is_finished_at_once(program, lifetimes, static_cast<int32_t>(i))) continue;
    const auto& finish = std::get<Finish>(program.operations[i + 1]);
    bool is_apart = true;
    visit_operands(
        program, program.operations[i],
        [&](const View& view) {
          for (const BlockId made : {finish.out, finish.lse}) {
            is_apart = is_apart && !overlap(program, made, view.block, problem.heads.dim);
          }
        },
        [](BlockId) {});
    auto* attend = std::get_if<AttendTask>(&operations[i].tasks.back());
    if (!is_apart || attend == nullptr) continue;
    const auto& task = std::get<FinishTask>(operations[i + 1].tasks.front());
    attend->finish = Finished{task.out, task.lse};
    operations[i + 1].tasks.clear();
    operations[i + 1].is_done_before = true;
  }
}

}  // namespace

void BoundOperation::compute(Kernel& kernel, Queue& queue) const {
  struct Caller {
    Kernel& kernel;
    Queue& queue;
    void operator()(const AttendTask& task) const { kernel.attend(queue, task); }
    void operator()(const MergeTask& task) const { kernel.merge(queue, task); }
    void operator()(const CopyTask& task) const { kernel.copy(queue, task); }
    void operator()(const FinishTask& task) const { kernel.finish(queue, task); }
    void operator()(const RotateTask& task) const { kernel.rotate(queue, task); }
    void operator()(const ProjectTask& task) const { kernel.project(queue, task); }
  };
  for (const KernelTask& task : tasks) std::visit(Caller{kernel, queue}, task);
}

std::vector<BoundOperation> bind_program(const Problem& problem, const Program& program, std::byte* arena,
                                         const Capabilities& capabilities) {
  Binder binder(problem, program, arena, capabilities);
  std::vector<BoundOperation> operations;
  operations.reserve(program.operations.size());
  for (size_t i = 0; i < program.operations.size(); ++i) {
    operations.push_back(binder.bind(static_cast<int>(i), program.operations[i]));
  }
  if (capabilities.finishes) finish_at_once(problem, program, operations);
  return operations;
}

Tensor plane_tensor(const Block& block, std::byte* data, int plane, int64_t dim) {
  return plane_tensor(block, data, plane, dim, block.tokens, block.heads);
}

Tensor plane_tensor(const Block& block, std::byte* data, int plane, int64_t dim, const TokenSet& tokens,
                    const HeadRange& heads) {
  RINGFOLD_INVARIANT(plane < planes_of(block.kind), "plane {} of a {} block", plane, to_string(block.kind));
  RINGFOLD_INVARIANT(block.tokens.contains(tokens) && block.heads.contains(heads),
                     "{} heads {} of a block of {} heads {}", to_string(tokens), to_string(heads),
                     to_string(block.tokens), to_string(block.heads));
  const int64_t row = row_elements(block.kind, dim);
  Tensor tensor;
  tensor.dtype = block.dtype;
  tensor.heads = heads;
  int64_t plane_offset = 0;  // elements from a head's first plane
  if (block.layout == Layout::heads_outer) {
    tensor.row_stride = channels_of(block.kind, plane, dim);
    tensor.head_stride = memory_rows(block) * row;
    plane_offset = plane * memory_rows(block) * dim;
  } else {
    tensor.row_stride = block.heads.size() * row;
    tensor.head_stride = row;
    plane_offset = plane * dim;
  }
  const int64_t elements = heads.empty() ? 0 : (heads.begin - block.heads.begin) * tensor.head_stride + plane_offset;
  tensor.data = data + elements * bytes_of(block.dtype);
  tensor.page_size = block.page_size;
  if (block.page_size > 0) {
    tensor.segments = paged_segments(block, tokens);
    return tensor;
  }
  for (const TokenRange& range : tokens.ranges()) {
    tensor.segments.push_back(
        {range.sequence, range.begin, range.end, block.tokens.row_of(range.sequence, range.begin)});
  }
  return tensor;
}

}  // namespace ringfold
