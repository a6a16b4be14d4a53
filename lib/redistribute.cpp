#include "lib/drop_blocks.h"
#include "lib/error.h"
#include "lib/moves.h"
#include "lib/placement.h"

#include <algorithm>

namespace ringfold {

namespace {

// Tags of our exchanges, apart from those of any strategy; exact in a double, so that JSON carries them.
constexpr uint64_t kFirstTagBefore = uint64_t{1} << 48;
constexpr uint64_t kFirstTagAfter = uint64_t{1} << 49;

Piece piece_of(const Block& block) { return {block.tokens, block.heads}; }

/// One kind of block on one rank: where its rows are, where they are wanted, and what moves.
struct Task {
  std::vector<BlockId> held;
  std::vector<BlockId> wanted;
  std::vector<std::pair<const Move*, uint64_t>> out;  ///< with its tag
  std::vector<std::pair<const Move*, uint64_t>> in;
};

/// Writes packing copies, one exchange, and assembling copies for one rank.
class Mover {
 public:
  explicit Mover(Program& program) : program_(program) {}

  void add(const Task& task) {
    if (task.held.empty() && task.wanted.empty()) return;
    const Block model = block(task.held.empty() ? task.wanted.front() : task.held.front());
    for (const auto& [move, tag] : task.out) exchange_.sends.push_back({move->to, tag, packed(task, model, *move)});
    std::vector<BlockId> sources = task.held;
    std::vector<BlockId> missing;
    for (const BlockId id : task.wanted) {
      if (std::find(task.held.begin(), task.held.end(), id) == task.held.end()) missing.push_back(id);
    }
    for (const auto& [move, tag] : task.in) {
      const Piece piece{move->tokens, move->heads};
      const auto whole =
          std::find_if(missing.begin(), missing.end(), [&](BlockId id) { return piece_of(block(id)) == piece; });
      const BlockId id = whole != missing.end() ? *whole : make(model, piece);
      if (whole != missing.end()) missing.erase(whole);
      exchange_.receives.push_back({move->from, tag, id});
      sources.push_back(id);
    }
    for (const BlockId id : missing) assemblies_.emplace_back(Copy{parts(sources, piece_of(block(id))), id});
  }

  std::vector<Operation> take() {
    std::vector<Operation> operations = std::move(packs_);
    if (!exchange_.sends.empty() || !exchange_.receives.empty()) operations.emplace_back(std::move(exchange_));
    std::move(assemblies_.begin(), assemblies_.end(), std::back_inserter(operations));
    return operations;
  }

 private:
  const Block& block(BlockId id) const { return program_.blocks[static_cast<size_t>(id)]; }

  BlockId make(const Block& model, const Piece& piece) {
    program_.blocks.push_back({model.kind, model.dtype, Layout::heads_outer, piece.tokens, piece.heads});
    return static_cast<BlockId>(program_.blocks.size() - 1);
  }

  /// What the blocks hold of a piece.
  std::vector<View> parts(const std::vector<BlockId>& sources, const Piece& piece) const {
    std::vector<View> views;
    for (const BlockId id : sources) {
      const HeadRange heads = intersect(block(id).heads, piece.heads);
      if (heads.empty()) continue;
      TokenSet tokens = intersect(block(id).tokens, piece.tokens);
      if (!tokens.empty()) views.push_back({id, std::move(tokens), heads});
    }
    return views;
  }

  /// The move's rows as one contiguous view, copied together if they do not lie so.
  View packed(const Task& task, const Block& model, const Move& move) {
    std::vector<View> views = parts(task.held, {move.tokens, move.heads});
    if (views.size() == 1 && is_contiguous(block(views.front().block), views.front())) return views.front();
    const BlockId id = make(model, {move.tokens, move.heads});
    packs_.emplace_back(Copy{std::move(views), id});
    return {id, move.tokens, move.heads};
  }

  Program& program_;
  std::vector<Operation> packs_;
  Exchange exchange_;
  std::vector<Operation> assemblies_;
};

/// The program's block for each piece: one of `ids` where it is the same, else a new one.
std::vector<BlockId> blocks_for(Program& program, const std::vector<BlockId>& ids, const std::vector<Piece>& pieces,
                                BlockKind kind, DType dtype) {
  std::vector<BlockId> blocks;
  for (const Piece& piece : pieces) {
    if (piece.tokens.empty() || piece.heads.empty()) continue;
    const auto same = std::find_if(
        ids.begin(), ids.end(), [&](BlockId id) { return piece_of(program.blocks[static_cast<size_t>(id)]) == piece; });
    if (same == ids.end()) program.blocks.push_back({kind, dtype, Layout::heads_outer, piece.tokens, piece.heads});
    blocks.push_back(same != ids.end() ? *same : static_cast<BlockId>(program.blocks.size() - 1));
  }
  return blocks;
}

std::vector<BlockId> of_kind(const Program& program, const std::vector<BlockId>& ids, BlockKind kind) {
  std::vector<BlockId> found;
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(found),
               [&](BlockId id) { return program.blocks[static_cast<size_t>(id)].kind == kind; });
  return found;
}

/// Gives each rank its moves; tags count on from first_tag, which is advanced.
void deal(const std::vector<Move>& moves, std::vector<Task>& tasks, uint64_t& next_tag) {
  for (const Move& move : moves) {
    tasks[static_cast<size_t>(move.from)].out.emplace_back(&move, next_tag);
    tasks[static_cast<size_t>(move.to)].in.emplace_back(&move, next_tag);
    ++next_tag;
  }
}

}  // namespace

std::vector<Program> redistribute(const Problem& problem, std::vector<Program> programs, const Placement& placement) {
  for (Program& program : programs) drop_unread_inputs(program);  // need not be brought anywhere
  const Placement native = placement_of(programs);
  const std::vector<Move> q_moves = plan_moves(placement.q, native.q);
  const std::vector<Move> kv_moves = plan_moves(placement.kv, native.kv);
  const std::vector<Move> o_moves = plan_moves(native.o, placement.o);
  std::vector<Task> q(programs.size()), kv(programs.size()), o(programs.size());
  uint64_t tag_before = kFirstTagBefore;
  uint64_t tag_after = kFirstTagAfter;
  deal(q_moves, q, tag_before);
  deal(kv_moves, kv, tag_before);
  deal(o_moves, o, tag_after);
  for (size_t rank = 0; rank < programs.size(); ++rank) {
    Program& program = programs[rank];
    q[rank].wanted = of_kind(program, program.inputs, BlockKind::q);
    q[rank].held = blocks_for(program, q[rank].wanted, placement.q[rank], BlockKind::q, problem.dtype);
    kv[rank].wanted = of_kind(program, program.inputs, BlockKind::kv);
    kv[rank].held = blocks_for(program, kv[rank].wanted, placement.kv[rank], BlockKind::kv, problem.dtype);
    o[rank].held = of_kind(program, program.outputs, BlockKind::out);
    o[rank].wanted = blocks_for(program, o[rank].held, placement.o[rank], BlockKind::out, problem.dtype);
    Mover before(program), after(program);
    before.add(q[rank]);
    before.add(kv[rank]);
    after.add(o[rank]);
    program.inputs = q[rank].held;
    program.inputs.insert(program.inputs.end(), kv[rank].held.begin(), kv[rank].held.end());
    const std::vector<BlockId> lse = of_kind(program, program.outputs, BlockKind::lse);
    program.outputs = o[rank].wanted;
    program.outputs.insert(program.outputs.end(), lse.begin(), lse.end());
    std::vector<Operation> operations = before.take();
    std::vector<Operation> last = after.take();
    std::move(program.operations.begin(), program.operations.end(), std::back_inserter(operations));
    std::move(last.begin(), last.end(), std::back_inserter(operations));
    program.operations = std::move(operations);
  }
  return programs;
}

}  // namespace ringfold
