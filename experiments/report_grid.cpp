#include "experiments/report_grid.h"

#include "lib/diagram_grid.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace ringfold {
namespace {

constexpr size_t kMostRuns = 64;  ///< rows or columns of a picture
constexpr size_t kMostHeadRuns = 256;
constexpr char kNobody = '.';

char digit_of(int value) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  return value < static_cast<int>(kDigits.size()) ? kDigits[static_cast<size_t>(value)] : '~';
}

/// All sequences' tokens end to end, cut into runs. Queries leave the cached tokens out.
class Axis {
 public:
  Axis(const Problem& problem, bool is_query) {
    for (const Sequence& sequence : problem.sequences) {
      first_.push_back(is_query ? sequence.cached : 0);
      start_.push_back(total_);
      edges_.insert(total_);
      total_ += is_query ? sequence.query : sequence.length();
    }
    edges_.insert(total_);
  }

  void cut(const TokenSet& tokens) {
    for (const TokenRange& range : tokens.ranges()) {
      edges_.insert(place(range.sequence, range.begin));
      edges_.insert(place(range.sequence, range.end));
    }
  }

  /// After all cuts.
  void finish() {
    is_sampled_ = edges_.size() > kMostRuns + 1;
    if (is_sampled_) {
      edges_.clear();
      for (size_t i = 0; i <= kMostRuns; ++i) {
        const double edge = static_cast<double>(total_) * static_cast<double>(i) / static_cast<double>(kMostRuns);
        edges_.insert(static_cast<int64_t>(edge));
      }
    }
    runs_.assign(edges_.begin(), edges_.end());
  }

  /// Calls visit(run, tokens of it that count) for runs whose middle is in the set.
  template <typename Visit>
  void each_run(const TokenSet& tokens, const Visit& visit) const {
    for (const TokenRange& range : tokens.ranges()) {
      const int64_t begin = place(range.sequence, range.begin);
      const int64_t end = place(range.sequence, range.end);
      const auto first = std::upper_bound(runs_.begin(), runs_.end(), begin) - runs_.begin() - 1;
      for (auto run = static_cast<size_t>(first); run + 1 < runs_.size() && runs_[run] < end; ++run) {
        const int64_t middle = (runs_[run] + runs_[run + 1]) / 2;
        if (middle < begin || middle >= end) continue;
        const int64_t to_position = range.begin - begin;
        visit(run, is_sampled_ ? TokenRange{range.sequence, middle + to_position, middle + 1 + to_position}
                               : TokenRange{range.sequence, runs_[run] + to_position, runs_[run + 1] + to_position});
      }
    }
  }

  size_t count() const { return runs_.size() - 1; }
  const std::vector<int64_t>& edges() const { return runs_; }
  bool is_sampled() const { return is_sampled_; }

 private:
  int64_t place(int64_t sequence, int64_t position) const {
    const auto index = static_cast<size_t>(sequence);
    return start_[index] + position - first_[index];
  }

  std::vector<int64_t> first_;  ///< of each sequence: the position that the axis begins with
  std::vector<int64_t> start_;  ///< of each sequence: where on the axis
  int64_t total_ = 0;
  std::set<int64_t> edges_;
  std::vector<int64_t> runs_;
  bool is_sampled_ = false;
};

struct HeadLayer {
  HeadRange heads;
  std::string names;  ///< "0-3", "0-3, 8"
  std::string rank;
  std::string step;
};

template <typename Visit>
void each_attend(const Schedule& schedule, const Visit& visit) {
  for (size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    const Program& program = schedule.ranks[rank];
    const std::vector<int> steps = operation_steps(program);
    for (size_t i = 0; i < program.operations.size(); ++i) {
      const auto* attend = std::get_if<Attend>(&program.operations[i]);
      if (attend != nullptr) visit(*attend, static_cast<int>(rank), steps[i]);
    }
  }
}

/// One for each run of query heads that no attend cuts; none if there are too many to look at.
std::vector<HeadLayer> make_layers(const Schedule& schedule, size_t cells) {
  std::set<int64_t> edges = {0, schedule.problem.heads.query};
  each_attend(schedule, [&](const Attend& attend, int, int) {
    edges.insert(attend.q.heads.begin);
    edges.insert(attend.q.heads.end);
  });
  std::vector<HeadLayer> layers;
  if (edges.size() > kMostHeadRuns) return layers;
  for (auto edge = edges.begin(); std::next(edge) != edges.end(); ++edge) {
    const HeadRange heads = {*edge, *std::next(edge)};
    const std::string names =
        heads.size() == 1 ? std::to_string(heads.begin) : fmt::format("{}-{}", heads.begin, heads.end - 1);
    layers.push_back({heads, names, std::string(cells, kNobody), std::string(cells, kNobody)});
  }
  return layers;
}

/// Layers that look the same become one.
std::vector<HeadLayer> joined_layers(const std::vector<HeadLayer>& layers) {
  std::vector<HeadLayer> joined;
  for (const HeadLayer& layer : layers) {
    const auto same = std::ranges::find_if(
        joined, [&](const HeadLayer& other) { return other.rank == layer.rank && other.step == layer.step; });
    if (same == joined.end()) {
      joined.push_back(layer);
    } else {
      same->names += ", " + layer.names;
    }
  }
  return joined;
}

}  // namespace

Row grid_json(const Schedule& schedule, int64_t most_bytes) {
  if (schedule.cluster.ranks() > kMostPictureRanks) return nullptr;
  Axis q(schedule.problem, true);
  Axis k(schedule.problem, false);
  each_attend(schedule, [&](const Attend& attend, int, int) {
    q.cut(attend.q.tokens);
    for (const View& view : attend.kv) k.cut(view.tokens);
  });
  q.finish();
  k.finish();
  std::vector<HeadLayer> layers = make_layers(schedule, q.count() * k.count());
  if (layers.empty()) return nullptr;
  int steps = 0;
  each_attend(schedule, [&](const Attend& attend, int rank, int step) {
    steps = std::max(steps, step + 1);
    for (const View& view : attend.kv) {
      q.each_run(attend.q.tokens, [&](size_t row, const TokenRange& queries) {
        k.each_run(view.tokens, [&](size_t column, const TokenRange& keys) {
          if (queries.sequence != keys.sequence) return;
          if (visible_pairs(attend.mask, TokenSet({queries}), TokenSet({keys})) == 0) return;
          for (HeadLayer& layer : layers) {
            if (!attend.q.heads.contains(layer.heads)) continue;
            layer.rank[row * k.count() + column] = digit_of(rank);
            layer.step[row * k.count() + column] = digit_of(step);
          }
        });
      });
    }
  });
  layers = joined_layers(layers);
  const auto bytes_of_layer = static_cast<int64_t>(2 * q.count() * k.count() + 64);
  const auto edges_bytes = static_cast<int64_t>(10 * (q.count() + k.count()));
  const int64_t shown = std::min<int64_t>((most_bytes - edges_bytes) / bytes_of_layer, kMostPictureRanks);
  if (shown <= 0) return nullptr;

  Row json;
  json["q"] = q.edges();
  json["k"] = k.edges();
  json["steps"] = steps;
  if (q.is_sampled() || k.is_sampled()) json["sampled"] = true;
  for (size_t i = 0; i < std::min(layers.size(), static_cast<size_t>(shown)); ++i) {
    json["layers"].push_back({{"heads", layers[i].names}, {"rank", layers[i].rank}, {"step", layers[i].step}});
  }
  if (static_cast<int64_t>(layers.size()) > shown) {
    json["layers_cut"] = static_cast<int64_t>(layers.size()) - shown;
  }
  return json;
}

}  // namespace ringfold
