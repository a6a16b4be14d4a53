#include "lib/drop_blocks.h"
#include "lib/placement.h"

#include <algorithm>
#include <map>
#include <utility>

namespace ringfold {

namespace {

/// Lets one program project what it starts with.
class Projector {
 public:
  Projector(const Problem& problem, Program& program) : problem_(problem), program_(program) {}

  void run() {
    // Else they would be projected for nobody; what is cached stays for later forwards.
    drop_unread_inputs(program_, [&](const Block& it) { return projected(it).empty(); });
    const std::vector<BlockId> given = std::exchange(program_.inputs, {});
    TokenSet tokens;
    for (const BlockId id : given) tokens = unite(tokens, projected(id));
    if (!tokens.empty()) {
      const Block hidden{BlockKind::hidden, problem_.dtype, Layout::tokens_outer, tokens, {0, problem_.layer->hidden}};
      hidden_ = add_input(hidden);
    }
    // Keys first: what is sent waits for nothing else.
    for (const BlockKind kind : {BlockKind::kv, BlockKind::q}) {
      std::vector<BlockId> blocks;
      std::copy_if(given.begin(), given.end(), std::back_inserter(blocks),
                   [&](BlockId id) { return block(id).kind == kind; });
      const std::vector<BlockId> weights = add_weights(kind, blocks);
      for (const BlockId id : blocks) project(id, weights);
    }
    place_operations();
  }

 private:
  const Block& block(BlockId id) const { return program_.blocks[static_cast<size_t>(id)]; }

  BlockId add(Block block) {
    program_.blocks.push_back(std::move(block));
    return static_cast<BlockId>(program_.blocks.size() - 1);
  }
  BlockId add_input(Block block) {
    program_.inputs.push_back(add(std::move(block)));
    return program_.inputs.back();
  }
  View whole(BlockId id) const { return {id, block(id).tokens, block(id).heads}; }

  /// The rows that this forward projects.
  TokenSet projected(BlockId id) const { return projected(block(id)); }
  TokenSet projected(const Block& it) const {
    const bool is_cached = it.kind == BlockKind::kv && problem_.layer->source == KvSource::exchange;
    return is_cached ? intersect(it.tokens, query_set(problem_)) : it.tokens;
  }

  /// Weights of all heads that the blocks have rows to project for: a block for heads that lie together.
  std::vector<BlockId> add_weights(BlockKind kind, const std::vector<BlockId>& blocks) {
    std::vector<HeadRange> heads;
    for (const BlockId id : blocks) {
      if (!projected(id).empty()) heads.push_back(block(id).heads);
    }
    std::sort(heads.begin(), heads.end());
    std::vector<HeadRange> joined;
    for (const HeadRange& range : heads) {
      if (joined.empty() || joined.back().end < range.begin) joined.push_back(range);
      joined.back().end = std::max(joined.back().end, range.end);
    }
    std::vector<BlockId> weights;
    for (const HeadRange& range : joined) {
      weights.push_back(add_input({kind == BlockKind::q ? BlockKind::wq : BlockKind::wkv, problem_.dtype,
                                   Layout::heads_outer, weight_rows(*problem_.layer), range}));
    }
    return weights;
  }

  void project(BlockId id, const std::vector<BlockId>& weights) {
    const TokenSet tokens = projected(id);
    if (tokens.empty()) {
      program_.inputs.push_back(id);
      return;
    }
    const HeadRange heads = block(id).heads;
    const auto of_heads = std::find_if(weights.begin(), weights.end(),
                                       [&](BlockId weight) { return block(weight).heads.contains(heads); });
    const View source{hidden_, tokens, {0, problem_.layer->hidden}};
    const View weight{*of_heads, weight_rows(*problem_.layer), heads};
    std::vector<Operation>& operations = before_[first_reader(id)];
    if (tokens == block(id).tokens) {
      operations.emplace_back(Project{source, weight, id});
      return;
    }
    const BlockKind kind = block(id).kind;
    const DType dtype = block(id).dtype;
    const BlockId fresh = add({kind, dtype, Layout::heads_outer, tokens, heads});
    const BlockId cache = add_input({kind, dtype, Layout::heads_outer, subtract(block(id).tokens, tokens), heads});
    operations.emplace_back(Project{source, weight, fresh});
    operations.emplace_back(Copy{{whole(cache), whole(fresh)}, id});
  }

  size_t first_reader(BlockId id) const {
    size_t index = 0;
    for (bool reads = false; index < program_.operations.size(); ++index) {
      visit_operands(
          program_, program_.operations[index], [&](const View& view) { reads = reads || view.block == id; },
          [](BlockId) {});
      if (reads) break;
    }
    return index;
  }

  void place_operations() {
    std::vector<Operation> operations;
    for (size_t i = 0; i < program_.operations.size(); ++i) {
      for (Operation& operation : before_[i]) operations.push_back(std::move(operation));
      operations.push_back(std::move(program_.operations[i]));
    }
    program_.operations = std::move(operations);
  }

  const Problem& problem_;
  Program& program_;
  BlockId hidden_ = kNoBlock;
  std::map<size_t, std::vector<Operation>> before_;  ///< by index of the given operations
};

}  // namespace

std::vector<Program> project_inputs(const Problem& problem, std::vector<Program> programs) {
  for (Program& program : programs) Projector(problem, program).run();
  return programs;
}

}  // namespace ringfold
