#pragma once

#include "lib/problem.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ringfold {

/// What a block holds.
///   q      queries                      one plane [heads, tokens, dim]
///   kv     keys and values              two planes a head: K [tokens, dim], then V [tokens, dim]
///   state  partial O and its LSE, fp32  two planes a head: O [tokens, dim] normalised, then LSE [tokens], natural log
///   out    final O in the problem's dtype, one plane [heads, tokens, dim]
///   lse    final LSE, fp32, natural log, one plane [heads, tokens]
///   hidden hidden states, one plane [tokens, channels]: its heads are channels, one element each
///   wq     weights that project queries, one plane [heads, channels of hidden states, dim]: see weight_rows()
///   wkv    those of keys and values, two planes a head, as kv
enum class BlockKind { q, kv, state, out, lse, hidden, wq, wkv };
std::string_view to_string(BlockKind kind);

/// Planes of a head.
int planes_of(BlockKind kind);
/// Hidden states or weights.
bool is_of_layer(BlockKind kind);

/// Axis order of a block's memory, outermost first.
///   heads_outer   [head][plane][token][dim]: a range of heads is contiguous
///   tokens_outer  [token][head][plane][dim]: a range of tokens is contiguous
enum class Layout { heads_outer, tokens_outer };

/// A piece of Q, KV, state, O or LSE on one rank. Rows stand in ascending (sequence, position) order.
/// Heads are query heads, but kv heads for kv and wkv; both numbered over the whole problem.
struct Block {
  BlockKind kind = BlockKind::q;
  DType dtype = DType::fp32;
  Layout layout = Layout::heads_outer;
  TokenSet tokens;
  HeadRange heads;
  /// Q and K: turned by the problem's rotary embedding. Inputs are not; what is attended is, where there is one.
  bool rotated = false;
  /// KV: tokens of a page, 0 for rows side by side. See page_rows.
  int64_t page_size = 0;
  bool operator==(const Block&) const = default;
};

/// Rows of memory that a head's plane of a block has: its tokens or, paged, all rows of all its pages.
int64_t memory_rows(const Block& block);
/// Where the block's pages lie, in the order of its tokens: pages[i] is the place in the pool of the i-th. A sequence
/// begins a page of its own; the places are shuffled, by a rule that depends on the block alone.
std::vector<int64_t> page_table(const Block& block);

/// Elements of one (token, head) of a block: dim, 2 dim for kv and wkv, dim + 1 for a state, 1 for lse and hidden.
int64_t row_elements(BlockKind kind, int64_t dim);
/// Bytes of a part of a block: what an exchange of it sends.
int64_t bytes_of(const Block& block, int64_t tokens, int64_t heads, int64_t dim);
/// Bytes of a block's memory.
int64_t bytes_of(const Block& block, int64_t dim);

/// Index of a block in its rank's Program::blocks.
using BlockId = int32_t;
inline constexpr BlockId kNoBlock = -1;

/// An operand: part of a block.
struct View {
  BlockId block = kNoBlock;
  TokenSet tokens;
  HeadRange heads;
  bool operator==(const View&) const = default;
};

/// Does the view lie in one piece of memory (needed to be sent)?
bool is_contiguous(const Block& block, const View& view);

struct Send {
  int peer = 0;
  uint64_t tag = 0;
  View view;
  bool operator==(const Send&) const = default;
};
/// Makes a new block, whose content is what the peer's view holds.
struct Receive {
  int peer = 0;
  uint64_t tag = 0;
  BlockId block = kNoBlock;
  bool operator==(const Receive&) const = default;
};
/// Sends and receives that progress together; it ends when all have met their partners. The only way bytes
/// move between ranks.
struct Exchange {
  std::vector<Send> sends;
  std::vector<Receive> receives;
  bool operator==(const Exchange&) const = default;
};

/// Attends `q` to every token of `kv` that `mask` lets through, by position, and folds the result into `state_in`.
/// The new block `state` has the rows of `state_in`, or is larger than `q` with empty states in the rest, or has
/// exactly the rows of `q`. Queries and keys of different sequences never see each other.
struct Attend {
  View q;
  std::vector<View> kv;
  Mask mask;
  BlockId state_in = kNoBlock;
  BlockId state = kNoBlock;
  bool operator==(const Attend&) const = default;
};

/// Merges partial states into the new block `state`, in the order given. Rows that no part holds are empty.
struct Merge {
  std::vector<View> parts;
  BlockId state = kNoBlock;
  bool operator==(const Merge&) const = default;
};

/// Gathers disjoint parts of blocks of one kind into the new block (packing, unpacking, change of layout).
struct Copy {
  std::vector<View> parts;
  BlockId block = kNoBlock;
  bool operator==(const Copy&) const = default;
};

/// Turns Q, or K beside V as it stands, by the problem's rotary embedding, each row by its global position: the new
/// block has the view's rows, rotated.
struct Rotate {
  View source;
  BlockId block = kNoBlock;
  bool operator==(const Rotate&) const = default;
};

/// Projects hidden states: the new q or kv block has the tokens of `source`, all of whose channels are read, and the
/// heads of `weights`, each row rounded once to the problem's dtype.
struct Project {
  View source;
  View weights;
  BlockId block = kNoBlock;
  bool operator==(const Project&) const = default;
};

/// Turns a finished state into O in the problem's dtype and LSE: two new blocks with the view's rows.
struct Finish {
  View state;
  BlockId out = kNoBlock;
  BlockId lse = kNoBlock;
  bool operator==(const Finish&) const = default;
};

using Operation = std::variant<Exchange, Attend, Merge, Copy, Finish, Rotate, Project>;
std::string_view name_of(const Operation& operation);

/// One rank's ordered operations, in single-assignment form: each block is an input or is made by one operation,
/// and is never changed. Exchanges run in program order on one queue, everything else on another.
struct Program {
  std::vector<Block> blocks;
  std::vector<BlockId> inputs;   ///< q, kv, hidden and weights that the rank starts with; kept until the end
  std::vector<BlockId> outputs;  ///< out and lse blocks that it ends with
  std::vector<Operation> operations;
  /// Byte offset of each block in the rank's arena, filled by assign_buffers (see passes.h); else empty.
  std::vector<int64_t> offsets;
  int64_t arena_bytes = 0;
  bool operator==(const Program&) const = default;
};

/// The q and kv blocks that are a rank's own: it starts with them or projects them.
std::vector<BlockId> own_blocks(const Program& program);

/// A plan: a plain value, the same on every rank.
struct Schedule {
  std::string strategy;
  Problem problem;
  Cluster cluster;
  std::vector<Program> ranks;
  bool operator==(const Schedule&) const = default;
};

/// Calls read(const View&) for every operand and made(BlockId) for every block the operation makes.
/// `state_in` of an Attend is read whole.
template <typename Read, typename Made>
void visit_operands(const Program& program, const Operation& operation, Read&& read, Made&& made);

}  // namespace ringfold

#include "lib/schedule_inl.h"
