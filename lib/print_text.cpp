#include "lib/error.h"
#include "lib/print.h"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace ringfold {

namespace {

constexpr size_t kMostListed = 6;

std::string_view prefix_of(BlockKind kind) {
  switch (kind) {
    case BlockKind::q: return "q";
    case BlockKind::kv: return "kv";
    case BlockKind::state: return "s";
    case BlockKind::out: return "o";
    case BlockKind::lse: return "l";
    case BlockKind::hidden: return "x";
    case BlockKind::wq: return "wq";
    case BlockKind::wkv: return "wkv";
  }
  RINGFOLD_INVARIANT(false, "block kind {}", static_cast<int>(kind));
}

class TextPrinter {
 public:
  TextPrinter(const Schedule& schedule, int rank)
      : dim_(schedule.problem.heads.dim), program_(schedule.ranks[static_cast<size_t>(rank)]) {
    print("rank {} of {}: {}, {} operations\n", rank, schedule.ranks.size(), schedule.strategy,
          program_.operations.size());
    for (const BlockId id : program_.inputs) print("       in        {}\n", described(id));
    for (size_t i = 0; i < program_.operations.size(); ++i) {
      print("{:>6} {:<9} ", i, name_of(program_.operations[i]));
      std::visit([this](const auto& operation) { show(operation); }, program_.operations[i]);
    }
    for (const BlockId id : program_.outputs) print("       out       {}\n", described(id));
  }
  std::string take() { return std::move(text_); }

 private:
  template <typename... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }

  const Block& block(BlockId id) const { return program_.blocks[static_cast<size_t>(id)]; }
  std::string name(BlockId id) const { return fmt::format("{}{}", prefix_of(block(id).kind), id); }

  /// Name, tokens, heads and bytes: where a block appears first.
  std::string described(BlockId id) const {
    const BlockKind kind = block(id).kind;
    if (is_of_layer(kind)) {
      const std::string rows = to_string(block(id).tokens, 4);
      return fmt::format("{} = {}, {}", name(id),
                         kind == BlockKind::hidden ? fmt::format("hidden states of tokens {}", rows)
                                                   : fmt::format("weights of heads {}", to_string(block(id).heads)),
                         format_bytes(bytes_of(block(id), dim_)));
    }
    const int64_t page_size = block(id).page_size;
    const std::string pages = page_size == 0 ? "" : fmt::format(" in pages of {}", page_size);
    return fmt::format("{} = tokens {} heads {}{}, {}", name(id), to_string(block(id).tokens, 4),
                       to_string(block(id).heads), pages, format_bytes(bytes_of(block(id), dim_)));
  }
  /// Name, and what part of the block if not the whole.
  std::string part(const View& view) const {
    std::string text = name(view.block);
    if (view.tokens != block(view.block).tokens) text += fmt::format(" tokens {}", to_string(view.tokens, 4));
    if (view.heads != block(view.block).heads) text += fmt::format(" heads {}", to_string(view.heads));
    return text;
  }
  std::string parts(const std::vector<View>& views) const {
    if (views.empty()) return "nothing";
    std::string text;
    for (size_t i = 0; i < std::min(views.size(), kMostListed); ++i) text += (i > 0 ? ", " : "") + part(views[i]);
    if (views.size() > kMostListed) text += fmt::format(" and {} more", views.size() - kMostListed);
    return text;
  }

  void show(const Exchange& exchange) {
    const char* indent = "";
    const auto line = [&](const std::string& text) {
      print("{}{}\n", indent, text);
      indent = "                 ";
    };
    for (size_t i = 0; i < std::min(exchange.sends.size(), kMostListed); ++i) {
      const Send& send = exchange.sends[i];
      const Block& from = block(send.view.block);
      const int64_t bytes = bytes_of(from, send.view.tokens.size(), send.view.heads.size(), dim_);
      line(fmt::format("send to {} (tag {:#x}): {}, {}", send.peer, send.tag, part(send.view), format_bytes(bytes)));
    }
    if (exchange.sends.size() > kMostListed) line(fmt::format("and {} more", exchange.sends.size() - kMostListed));
    for (size_t i = 0; i < std::min(exchange.receives.size(), kMostListed); ++i) {
      const Receive& receive = exchange.receives[i];
      line(fmt::format("receive from {} (tag {:#x}): {}", receive.peer, receive.tag, described(receive.block)));
    }
    if (exchange.receives.size() > kMostListed)
      line(fmt::format("and {} more", exchange.receives.size() - kMostListed));
    if (*indent == '\0') line("nothing");
  }
  void show(const Attend& attend) {
    const std::string into = attend.state_in == kNoBlock ? "" : fmt::format(", folded into {}", name(attend.state_in));
    print("{} sees {} ({}){} -> {}\n", part(attend.q), parts(attend.kv), to_string(attend.mask), into,
          attend.state_in == kNoBlock ? described(attend.state) : name(attend.state));
  }
  void show(const Merge& merge) { print("{} -> {}\n", parts(merge.parts), described(merge.state)); }
  void show(const Copy& copy) { print("{} -> {}\n", parts(copy.parts), described(copy.block)); }
  void show(const Rotate& rotate) { print("{} -> {}\n", part(rotate.source), described(rotate.block)); }
  void show(const Project& project) {
    print("{} by {} -> {}\n", part(project.source), part(project.weights), described(project.block));
  }
  void show(const Finish& finish) { print("{} -> {}, {}\n", part(finish.state), name(finish.out), name(finish.lse)); }

  int64_t dim_;
  const Program& program_;
  std::string text_;
};

}  // namespace

std::vector<int> all_ranks(const Schedule& schedule) {
  std::vector<int> ranks(schedule.ranks.size());
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

std::string format_bytes(int64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string print_text(const Schedule& schedule, const std::vector<int>& ranks) {
  std::string text;
  for (const int rank : ranks) text += TextPrinter(schedule, rank).take();
  return text;
}

}  // namespace ringfold
