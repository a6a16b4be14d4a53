#include "lib/schedule.h"

#include "lib/error.h"
#include "lib/random_bits.h"

#include <numeric>
#include <utility>

namespace ringfold {

std::string_view to_string(BlockKind kind) {
  switch (kind) {
    case BlockKind::q: return "q";
    case BlockKind::kv: return "kv";
    case BlockKind::state: return "state";
    case BlockKind::out: return "out";
    case BlockKind::lse: return "lse";
    case BlockKind::hidden: return "hidden";
    case BlockKind::wq: return "wq";
    case BlockKind::wkv: return "wkv";
  }
  RINGFOLD_INVARIANT(false, "block kind {}", static_cast<int>(kind));
}

int planes_of(BlockKind kind) {
  return kind == BlockKind::kv || kind == BlockKind::state || kind == BlockKind::wkv ? 2 : 1;
}

bool is_of_layer(BlockKind kind) {
  return kind == BlockKind::hidden || kind == BlockKind::wq || kind == BlockKind::wkv;
}

int64_t row_elements(BlockKind kind, int64_t dim) {
  switch (kind) {
    case BlockKind::q: return dim;
    case BlockKind::kv: return 2 * dim;
    case BlockKind::state: return dim + 1;
    case BlockKind::out: return dim;
    case BlockKind::lse: return 1;
    case BlockKind::hidden: return 1;
    case BlockKind::wq: return dim;
    case BlockKind::wkv: return 2 * dim;
  }
  RINGFOLD_INVARIANT(false, "block kind {}", static_cast<int>(kind));
}

std::vector<BlockId> own_blocks(const Program& program) {
  std::vector<BlockId> own;
  const auto add = [&](BlockId id) {
    const BlockKind kind = program.blocks[static_cast<size_t>(id)].kind;
    if (kind == BlockKind::q || kind == BlockKind::kv) own.push_back(id);
  };
  for (const BlockId id : program.inputs) add(id);
  for (const Operation& operation : program.operations) {
    if (const auto* project = std::get_if<Project>(&operation)) add(project->block);
  }
  return own;
}

int64_t bytes_of(const Block& block, int64_t tokens, int64_t heads, int64_t dim) {
  return tokens * heads * row_elements(block.kind, dim) * bytes_of(block.dtype);
}

int64_t bytes_of(const Block& block, int64_t dim) {
  return bytes_of(block, memory_rows(block), block.heads.size(), dim);
}

namespace {

/// Pages of a block's sequences, one after the other.
int64_t pages_of(const Block& block) {
  int64_t pages = 0;
  int64_t rows = 0;
  int64_t sequence = -1;
  const auto end_sequence = [&] { pages += (rows + block.page_size - 1) / block.page_size; };
  for (const TokenRange& range : block.tokens.ranges()) {
    if (range.sequence != sequence) {
      end_sequence();
      rows = 0;
      sequence = range.sequence;
    }
    rows += range.size();
  }
  end_sequence();
  return pages;
}

}  // namespace

int64_t memory_rows(const Block& block) {
  return block.page_size > 0 ? pages_of(block) * block.page_size : block.tokens.size();
}

std::vector<int64_t> page_table(const Block& block) {
  std::vector<int64_t> pages(static_cast<size_t>(pages_of(block)));
  std::iota(pages.begin(), pages.end(), int64_t{0});
  // Fisher and Yates, with random bits made from the number of pages.
  const uint64_t seed = mix_bits(pages.size());
  for (size_t last = pages.size(); last > 1; --last) {
    const uint64_t bits = element_bits(seed, static_cast<int64_t>(last));
    std::swap(pages[last - 1], pages[static_cast<size_t>(bits % last)]);
  }
  return pages;
}

bool is_contiguous(const Block& block, const View& view) {
  if (block.page_size > 0) return false;
  const bool all_tokens = view.tokens == block.tokens;
  const bool all_heads = view.heads == block.heads;
  if (block.layout == Layout::heads_outer) {
    if (all_tokens) return true;
    // Within one plane of one head a run of rows is contiguous.
    if (planes_of(block.kind) != 1 || view.heads.size() != 1) return false;
  } else {
    if (!all_heads) return view.tokens.size() == 1;
  }
  const auto ranges = view.tokens.ranges();
  if (ranges.empty()) return true;
  const int64_t first = block.tokens.row_of(ranges.front().sequence, ranges.front().begin);
  const int64_t last = block.tokens.row_of(ranges.back().sequence, ranges.back().end - 1);
  return last - first + 1 == view.tokens.size();
}

std::string_view name_of(const Operation& operation) {
  struct Namer {
    std::string_view operator()(const Exchange&) const { return "exchange"; }
    std::string_view operator()(const Attend&) const { return "attend"; }
    std::string_view operator()(const Merge&) const { return "merge"; }
    std::string_view operator()(const Copy&) const { return "copy"; }
    std::string_view operator()(const Finish&) const { return "finish"; }
    std::string_view operator()(const Rotate&) const { return "rotate"; }
    std::string_view operator()(const Project&) const { return "project"; }
  };
  return std::visit(Namer{}, operation);
}

}  // namespace ringfold
