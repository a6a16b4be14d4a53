#include "lib/diagram_grid.h"
#include "lib/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace ringfold {

namespace {

constexpr size_t kColumns = 100;
constexpr size_t kMargin = 10;
constexpr size_t kMostShown = 16;  // ranks, and steps

/// All of 0 .. count - 1 or, of too many, the first and the last ones with -1 in between.
std::vector<int> chosen(size_t count) {
  std::vector<int> indices(std::min(count, kMostShown));
  std::iota(indices.begin(), indices.end(), 0);
  if (count <= kMostShown) return indices;
  indices[kMostShown / 2] = -1;
  for (size_t i = kMostShown / 2 + 1; i < kMostShown; ++i) indices[i] = static_cast<int>(count - kMostShown + i);
  return indices;
}

/// "0-2,5"
std::string shards_text(const std::vector<int>& shards) {
  std::string text;
  for (size_t i = 0; i < shards.size(); ++i) {
    size_t last = i;
    while (last + 1 < shards.size() && shards[last + 1] == shards[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += last > i ? fmt::format("{}-{}", shards[i], shards[last]) : fmt::format("{}", shards[i]);
    i = last;
  }
  return text;
}

/// At most four characters: "64B", "1.5K", "12M".
std::string short_bytes(int64_t bytes) {
  if (bytes < 1000) return fmt::format("{}B", bytes);
  double value = static_cast<double>(bytes);
  const char* unit = "BKMGTPE";
  for (; value >= 999.5 && unit[1] != '\0'; ++unit) value /= 1024;
  return value < 9.95 ? fmt::format("{:.1f}{}", value, *unit) : fmt::format("{:.0f}{}", value, *unit);
}

class Diagram {
 public:
  explicit Diagram(const Schedule& schedule)
      : schedule_(schedule),
        ranks_(chosen(static_cast<size_t>(schedule.cluster.sp))),
        grid_(step_grid(schedule, sorted(ranks_))),
        columns_(chosen(std::max(grid_.steps, grid_.traffic.size()))),
        width_(std::clamp((kColumns - kMargin) / columns_.size(), size_t{5}, size_t{14})) {}

  std::string draw() {
    title();
    row("", [](size_t step) { return fmt::format("{}", step); });
    for (const int rank : ranks_) {
      if (rank < 0) {
        text_ += "       ...\n";
      } else {
        row(fmt::format("rank {}", rank), [&](size_t step) { return cell_text(static_cast<size_t>(rank), step); });
      }
    }
    if (!grid_.traffic.empty()) traffic_rows();
    work_rows();
    legend();
    if (by_heads()) meetings();
    return std::move(text_);
  }

 private:
  static std::vector<int> sorted(std::vector<int> indices) {
    std::sort(indices.begin(), indices.end());
    return indices;
  }

  void title() {
    const Problem& problem = schedule_.problem;
    text_ += fmt::format("{}: {} ranks, {} new tokens, heads {}:{}, {}; KV shards attended in each step\n",
                         schedule_.strategy, schedule_.cluster.sp, problem.query_tokens(), problem.heads.query,
                         problem.heads.kv, to_string(problem.mask));
    if (schedule_.cluster.tp > 1) {
      text_ += fmt::format("(the first of {} tp groups; the others do likewise)\n", schedule_.cluster.tp);
    }
  }

  template <typename Text>
  void row(const std::string& name, Text text) {
    std::string line = fmt::format("  {:<8}", name.empty() ? "step" : name);
    for (const int column : columns_) {
      const std::string entry = column < 0 ? ".." : text(static_cast<size_t>(column));
      line += fmt::format("{:<{}}", entry, width_);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text_ += line + '\n';
  }

  /// "2\+0-1": shard 2, which has just come, and the earlier 0 and 1, some cut by the mask; "3.": 3 came, for others.
  std::string cell_text(size_t rank, size_t step) {
    if (step >= grid_.steps) return "";
    const StepCell& cell = grid_.cells[rank][step];
    if (cell.arrived.empty() && cell.earlier.empty()) {
      if (cell.passed.empty()) return "-";
      passed_ = true;
      return fitted(shards_text(cell.passed) + ".", cell.passed.size(), ".");
    }
    const char* mark = cell.diagonal ? "\\" : "";
    diagonal_ |= cell.diagonal;
    if (cell.earlier.empty()) return fitted(shards_text(cell.arrived) + mark, cell.arrived.size(), mark);
    earlier_ = true;
    const std::string first = shards_text(cell.arrived) + mark + "+";
    const std::string all = first + shards_text(cell.earlier);
    if (all.size() < width_) return all;
    return fitted(first, cell.arrived.size() + cell.earlier.size(), mark);
  }
  /// The text or, where it is too long for a column, how many shards it names.
  std::string fitted(const std::string& text, size_t count, const char* mark) {
    if (text.size() < width_) return text;
    counted_ = true;
    return fmt::format("{}x{}", count, mark);
  }

  void traffic_rows() {
    const auto each = [&](const char* name, auto text) {
      row(name, [&](size_t step) { return step < grid_.traffic.size() ? text(grid_.traffic[step]) : std::string(); });
    };
    each("moves", [](const StepTraffic& t) {
      return fmt::format("{}{}{}{}", t.q ? "Q" : "", t.kv ? "KV" : "", t.state ? "S" : "", t.o ? "O" : "");
    });
    each("to", [&](const StepTraffic& t) {
      if (t.offset > 0) return fmt::format("r+{}", t.offset);
      return std::string(t.most_sends == schedule_.cluster.sp - 1 ? "all" : "some");
    });
    each("bytes", [](const StepTraffic& t) { return short_bytes(t.most_sent_bytes); });
  }

  void work_rows() {
    std::vector<double> most(grid_.steps), sum(grid_.steps);
    double all_most = 0, all_sum = 0;
    for (const std::vector<StepCell>& cells : grid_.cells) {
      for (size_t step = 0; step < grid_.steps; ++step) {
        most[step] = std::max(most[step], cells[step].work);
        sum[step] += cells[step].work;
      }
    }
    for (size_t step = 0; step < grid_.steps; ++step) {
      all_most += most[step];
      all_sum += sum[step];
    }
    const auto percent = [](double part, double whole) {
      return whole > 0 ? fmt::format("{:.0f}%", 100 * part / whole) : std::string("-");
    };
    row("work", [&](size_t step) { return step < grid_.steps ? percent(most[step], all_most) : std::string(); });
    row("balance", [&](size_t step) {
      const auto ranks = static_cast<double>(schedule_.cluster.sp);
      return step < grid_.steps ? percent(sum[step], ranks * most[step]) : std::string();
    });
    if (all_most > 0) {
      text_ += fmt::format("  lock-step efficiency {:.2f}: mean work of a rank over the sum of the steps' largest\n",
                           all_sum / (all_most * static_cast<double>(schedule_.cluster.sp)));
    }
  }

  void legend() {
    std::string text;
    const auto add = [&](bool used, const char* entry) {
      if (used) text += fmt::format("{}{}", text.empty() ? "  " : "   ", entry);
    };
    add(diagonal_, "\\ cut by the mask");
    add(earlier_, "+ with shards that came before");
    add(passed_, ". came, not attended");
    add(counted_, "3x of three shards");
    if (!text.empty()) text_ += text + '\n';
    text_ += "  bytes: sent by the busiest rank   work: share of the step   balance: mean / largest work\n";
  }

  /// Does every rank have queries of all tokens? Then who meets whom on one of them tells more than the shards alone.
  bool by_heads() const {
    if (schedule_.cluster.sp < 2 || schedule_.cluster.sp > static_cast<int>(kMostShown)) return false;
    const TokenSet all = query_set(schedule_.problem);
    return std::all_of(schedule_.ranks.begin(), schedule_.ranks.end(), [&](const Program& program) {
      return std::any_of(program.operations.begin(), program.operations.end(), [&](const Operation& operation) {
        const auto* attend = std::get_if<Attend>(&operation);
        return attend != nullptr && program.blocks[static_cast<size_t>(attend->q.block)].tokens == all;
      });
    });
  }

  void meetings() {
    const int rank = schedule_.cluster.sp / 2;
    const std::vector<std::vector<int>> steps = meeting_steps(schedule_, rank);
    text_ += fmt::format("  rank {}: the step in which each Q shard meets each KV shard\n      KV", rank);
    for (size_t kv = 0; kv < steps.size(); ++kv) text_ += fmt::format("{:>4}", kv);
    for (size_t q = 0; q < steps.size(); ++q) {
      text_ += fmt::format("\n    Q {:<2}", q);
      for (const int step : steps[q]) text_ += step < 0 ? "   ." : fmt::format("{:>4}", step);
    }
    text_ += '\n';
  }

  const Schedule& schedule_;
  std::vector<int> ranks_;
  StepGrid grid_;
  std::vector<int> columns_;
  size_t width_;
  std::string text_;
  bool diagonal_ = false, earlier_ = false, passed_ = false, counted_ = false;  // what the legend must explain
};

}  // namespace

std::string print_diagram(const Schedule& schedule) { return Diagram(schedule).draw(); }

}  // namespace ringfold
