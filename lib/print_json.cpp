#include "lib/print.h"

#include <fmt/format.h>

#include <iterator>

namespace ringfold {

namespace {

// All strings written are our own words (kinds, dtypes, masks), which need no escaping.
class JsonPrinter {
 public:
  JsonPrinter(const Schedule& schedule, const std::function<void(std::string_view)>& write)
      : schedule_(schedule), dim_(schedule.problem.heads.dim), write_(write) {}

  void run(const std::vector<int>& ranks) {
    print("[");
    for (const int rank : ranks) {
      print("{}{{\"rank\": {}, \"blocks\": ", rank != ranks.front() ? ",\n" : "", rank);
      program_ = &schedule_.ranks[static_cast<size_t>(rank)];
      BlockId next = 0;
      list(program_->blocks, [&](const Block& block) { show(next++, block); });
      print(", \"inputs\": ");
      list(program_->inputs, [&](BlockId id) { print("{}", id); });
      print(", \"outputs\": ");
      list(program_->outputs, [&](BlockId id) { print("{}", id); });
      print(", \"operations\": ");
      list(program_->operations, [&](const Operation& operation) {
        print("\n {{\"op\": \"{}\"", name_of(operation));
        std::visit([this](const auto& each) { show(each); }, operation);
        print("}}");
      });
      print("}}");
    }
    print("]");
    flush();
  }

 private:
  template <typename... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }
  void flush() {
    write_(text_);
    text_.clear();
  }
  template <typename Items, typename Show>
  void list(const Items& items, Show show_item) {
    print("[");
    bool first = true;
    for (const auto& item : items) {
      if (!first) print(", ");
      first = false;
      show_item(item);
      if (text_.size() > kFlushBytes) flush();
    }
    print("]");
  }

  void show_rows(const TokenSet& tokens, const HeadRange& heads) {
    print("\"tokens\": ");
    list(tokens.ranges(),
         [&](const TokenRange& range) { print("[{}, {}, {}]", range.sequence, range.begin, range.end); });
    print(", \"heads\": [{}, {}]", heads.begin, heads.end);
  }
  void show(BlockId id, const Block& block) {
    print("\n {{\"id\": {}, \"kind\": \"{}\", \"dtype\": \"{}\", \"layout\": \"{}\", ", id, to_string(block.kind),
          to_string(block.dtype), block.layout == Layout::heads_outer ? "heads_outer" : "tokens_outer");
    show_rows(block.tokens, block.heads);
    print(", \"bytes\": {}", bytes_of(block, dim_));
    if (block.rotated) print(", \"rotated\": true");
    if (block.page_size > 0) print(", \"page_size\": {}", block.page_size);
    if (!program_->offsets.empty()) print(", \"offset\": {}", program_->offsets[static_cast<size_t>(id)]);
    print("}}");
  }
  void show(const View& view) {
    print("{{\"block\": {}, ", view.block);
    show_rows(view.tokens, view.heads);
    print("}}");
  }
  void show(const std::vector<View>& views) {
    list(views, [&](const View& view) { show(view); });
  }

  void show(const Exchange& exchange) {
    print(", \"sends\": ");
    list(exchange.sends, [&](const Send& send) {
      const Block& block = program_->blocks[static_cast<size_t>(send.view.block)];
      print("{{\"peer\": {}, \"tag\": {}, \"bytes\": {}, \"view\": ", send.peer, send.tag,
            bytes_of(block, send.view.tokens.size(), send.view.heads.size(), dim_));
      show(send.view);
      print("}}");
    });
    print(", \"receives\": ");
    list(exchange.receives, [&](const Receive& receive) {
      print("{{\"peer\": {}, \"tag\": {}, \"bytes\": {}, \"block\": {}}}", receive.peer, receive.tag,
            bytes_of(program_->blocks[static_cast<size_t>(receive.block)], dim_), receive.block);
    });
  }
  void show(const Attend& attend) {
    print(", \"q\": ");
    show(attend.q);
    print(", \"kv\": ");
    show(attend.kv);
    print(", \"mask\": \"{}\"", to_string(attend.mask));
    if (attend.state_in != kNoBlock) print(", \"state_in\": {}", attend.state_in);
    print(", \"state\": {}", attend.state);
  }
  void show(const Merge& merge) {
    print(", \"parts\": ");
    show(merge.parts);
    print(", \"state\": {}", merge.state);
  }
  void show(const Copy& copy) {
    print(", \"parts\": ");
    show(copy.parts);
    print(", \"block\": {}", copy.block);
  }
  void show(const Rotate& rotate) {
    print(", \"view\": ");
    show(rotate.source);
    print(", \"block\": {}", rotate.block);
  }
  void show(const Project& project) {
    print(", \"view\": ");
    show(project.source);
    print(", \"weights\": ");
    show(project.weights);
    print(", \"block\": {}", project.block);
  }
  void show(const Finish& finish) {
    print(", \"view\": ");
    show(finish.state);
    print(", \"out\": {}, \"lse\": {}", finish.out, finish.lse);
  }

  static constexpr size_t kFlushBytes = 1 << 16;

  const Schedule& schedule_;
  int64_t dim_;
  const std::function<void(std::string_view)>& write_;
  const Program* program_ = nullptr;
  std::string text_;
};

}  // namespace

void print_json(const Schedule& schedule, const std::vector<int>& ranks,
                const std::function<void(std::string_view)>& write) {
  JsonPrinter(schedule, write).run(ranks);
}

}  // namespace ringfold
