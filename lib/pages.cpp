#include "lib/pages.h"

#include <algorithm>

namespace ringfold {

namespace {

/// Lets the program keep one block in pages, and send from a gathered copy of it.
class Pager {
 public:
  Pager(Program& program, int64_t page_size) : program_(program), page_size_(page_size) {}

  void page(BlockId id) {
    const BlockId sent = is_sent(id) ? gathered(id) : kNoBlock;
    program_.blocks[static_cast<size_t>(id)].page_size = page_size_;
    for (Operation& operation : program_.operations) {
      auto* exchange = std::get_if<Exchange>(&operation);
      if (exchange == nullptr) continue;
      for (Send& send : exchange->sends) {
        if (send.view.block == id) send.view.block = sent;
      }
    }
    if (sent == kNoBlock) return;
    const Block& block = program_.blocks[static_cast<size_t>(id)];
    Copy copy{{{id, block.tokens, block.heads}}, sent};
    program_.operations.insert(program_.operations.begin() + place_after(id), Operation(std::move(copy)));
  }

 private:
  bool is_sent(BlockId id) const {
    return std::any_of(program_.operations.begin(), program_.operations.end(), [&](const Operation& operation) {
      const auto* exchange = std::get_if<Exchange>(&operation);
      return exchange != nullptr && std::any_of(exchange->sends.begin(), exchange->sends.end(),
                                                [&](const Send& send) { return send.view.block == id; });
    });
  }

  BlockId gathered(BlockId id) {
    program_.blocks.push_back(program_.blocks[static_cast<size_t>(id)]);
    return static_cast<BlockId>(program_.blocks.size() - 1);
  }

  /// Behind the operation that makes the block.
  std::ptrdiff_t place_after(BlockId id) const {
    const auto maker = std::find_if(program_.operations.begin(), program_.operations.end(), [&](const Operation& it) {
      const auto* rotate = std::get_if<Rotate>(&it);
      return rotate != nullptr && rotate->block == id;
    });
    return maker == program_.operations.end() ? 0 : maker - program_.operations.begin() + 1;
  }

  Program& program_;
  int64_t page_size_;
};

std::vector<BlockId> caches_of(const Program& program) {
  std::vector<BlockId> caches;
  const auto add = [&](BlockId id) {
    if (program.blocks[static_cast<size_t>(id)].kind == BlockKind::kv) caches.push_back(id);
  };
  for (const BlockId id : program.inputs) add(id);
  for (const Operation& operation : program.operations) {
    if (const auto* rotate = std::get_if<Rotate>(&operation)) add(rotate->block);
  }
  return caches;
}

}  // namespace

std::vector<Segment> paged_segments(const Block& block, const TokenSet& tokens) {
  const std::vector<int64_t> table = page_table(block);
  std::vector<Segment> segments;
  int64_t first_page = 0;  // of the sequence at hand
  int64_t row = 0;         // within the sequence
  int64_t sequence = -1;
  const auto wanted = tokens.ranges();
  auto next = wanted.begin();
  for (const TokenRange& held : block.tokens.ranges()) {
    if (held.sequence != sequence) {
      first_page += (row + block.page_size - 1) / block.page_size;
      row = 0;
      sequence = held.sequence;
    }
    for (int64_t begin = held.begin; begin < held.end;) {
      const int64_t in_page = row % block.page_size;
      const int64_t end = std::min(held.end, begin + block.page_size - in_page);
      const int64_t place = table[static_cast<size_t>(first_page + row / block.page_size)] * block.page_size + in_page;
      while (next != wanted.end() &&
             (next->sequence < sequence || (next->sequence == sequence && next->end <= begin))) {
        ++next;
      }
      for (auto it = next; it != wanted.end() && it->sequence == sequence && it->begin < end; ++it) {
        const int64_t from = std::max(begin, it->begin);
        const int64_t to = std::min(end, it->end);
        if (from < to) segments.push_back({sequence, from, to, place + from - begin});
      }
      row += end - begin;
      begin = end;
    }
  }
  return segments;
}

std::vector<Program> page_caches(std::vector<Program> programs, int64_t page_size) {
  for (Program& program : programs) {
    Pager pager(program, page_size);
    for (const BlockId id : caches_of(program)) pager.page(id);
  }
  return programs;
}

}  // namespace ringfold
