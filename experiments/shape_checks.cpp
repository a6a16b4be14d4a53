#include "experiments/shape_checks.h"

#include "experiments/tree_edit.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>

namespace ringfold {

namespace {

using nlohmann::json;
using Path = std::vector<std::string>;

// visible_pairs() counts exactly up to here; bytes of all ranks stay far below.
constexpr int64_t kMaxPairs = int64_t{1} << 62;
constexpr int64_t kMaxBytes = int64_t{1} << 60;
constexpr int64_t kMaxRanks = int64_t{1} << 16;
constexpr int64_t kMaxRounds = 10'000;
constexpr int64_t kMaxTokens = int64_t{1} << 40;

class ShapeChecker {
 public:
  ShapeChecker(const json& values, const YamlNode& root, Diagnostics& diagnostics)
      : values_(values), root_(root), diagnostics_(diagnostics) {}

  void check_heads() {
    const std::optional<int64_t> query = integer({"problem", "heads", "query"});
    const std::optional<int64_t> kv = integer({"problem", "heads", "kv"});
    const std::optional<int64_t> dim = integer({"problem", "heads", "dim"});
    const std::optional<int64_t> tp = integer({"cluster", "tp"});
    if (query && kv && *query % *kv != 0) {
      report({"problem", "heads", "query"},
             fmt::format("problem.heads.query: {} is no multiple of the {} kv heads", *query, *kv));
    }
    if (query && tp && *query % *tp != 0) {
      report({"cluster", "tp"}, fmt::format("cluster.tp: {} does not divide the {} query heads", *tp, *query));
    }
    if (dim && *dim % 2 != 0 && values_.contains("/problem/rope"_json_pointer)) {
      report({"problem", "heads", "dim"},
             fmt::format("problem.heads.dim: {} is odd, but problem.rope turns pairs of channels", *dim));
    }
  }

  void check_ranks() {
    const std::optional<int64_t> sp = integer({"cluster", "sp"});
    const std::optional<int64_t> tp = integer({"cluster", "tp"});
    if (sp && tp && *sp * *tp > kMaxRanks) {
      report({"cluster", "sp"}, fmt::format("cluster: {} x {} ranks; allowed: at most {}", *tp, *sp, kMaxRanks));
    }
  }

  /// Rounds as the sequences that they make; an empty list where something is wrong with them.
  json check_rounds() {
    const json& rounds = values_["problem"]["rounds"];
    if (values_["problem"].contains("sequences")) {
      report({"problem", "rounds"}, "problem.rounds: not together with problem.sequences; give one of them");
      return json::array();
    }
    std::vector<int64_t> tokens;
    int64_t count = 0;
    for (size_t i = 0; i < rounds.size(); ++i) {
      const json& queries = rounds[i].is_object() ? rounds[i].value("query", json()) : json();
      const int64_t repeat = rounds[i].is_object() ? rounds[i].value("repeat", int64_t{1}) : 1;
      if (!queries.is_array()) return json::array();
      if (i > 0 && queries.size() != tokens.size()) {
        report({"problem", "rounds", std::to_string(i), "query"},
               fmt::format("problem.rounds.{}.query: {} sequences, but those before have {}", i, queries.size(),
                           tokens.size()));
        return json::array();
      }
      tokens.resize(queries.size(), 0);
      count += repeat;
      for (size_t s = 0; s < tokens.size(); ++s) {
        if (!queries[s].is_number_integer()) return json::array();
        tokens[s] = std::min(tokens[s] + queries[s].get<int64_t>() * std::min(repeat, kMaxRounds), kMaxTokens * 2);
      }
    }
    if (count > kMaxRounds) {
      report({"problem", "rounds"}, fmt::format("problem.rounds: {} rounds; allowed: at most {}", count, kMaxRounds));
      return json::array();
    }
    json sequences = json::array();
    for (size_t s = 0; s < tokens.size(); ++s) {
      if (tokens[s] > kMaxTokens) {
        report({"problem", "rounds"},
               fmt::format("problem.rounds: sequence {} grows beyond {} tokens in all", s, kMaxTokens));
        return json::array();
      }
      sequences.push_back({{"query", tokens[s]}, {"cached", 0}});
    }
    return sequences;
  }

  void check_sizes() {
    const auto found = values_.find("problem");
    if (found == values_.end()) return;
    const bool has_rounds = found->contains("rounds") && (*found)["rounds"].is_array();
    if (!has_rounds && !found->contains("sequences")) return;
    const json sequences = has_rounds ? check_rounds() : (*found)["sequences"];
    const std::string name = has_rounds ? "rounds" : "sequences";
    int64_t pairs = 0;
    int64_t tokens = 0;
    for (size_t i = 0; i < sequences.size(); ++i) {
      const int64_t query = sequences[i].is_object() ? sequences[i].value("query", int64_t{0}) : 0;
      const int64_t length = query + (sequences[i].is_object() ? sequences[i].value("cached", int64_t{0}) : 0);
      int64_t more = 0;
      tokens += length;
      if (__builtin_mul_overflow(query, length, &more) || __builtin_add_overflow(pairs, more, &pairs) ||
          pairs > kMaxPairs) {
        report(
            has_rounds ? Path{"problem", name} : Path{"problem", name, std::to_string(i)},
            fmt::format("problem.{}: {} queries on {} keys; allowed: at most 2^62 pairs in all", name, query, length));
        return;
      }
    }
    const std::optional<int64_t> heads = integer({"problem", "heads", "query"});
    const std::optional<int64_t> dim = integer({"problem", "heads", "dim"});
    if (!heads || !dim) return;
    int64_t bytes = 0;
    const int64_t hidden = integer({"problem", "layer", "hidden"}).value_or(0);
    // Hidden states of all tokens, and weights of queries, keys and values.
    if (__builtin_mul_overflow(tokens + 3 * *heads * *dim, hidden * 8, &bytes) || bytes > kMaxBytes) {
      report({"problem", "layer", "hidden"},
             fmt::format("problem.layer.hidden: {} channels for {} tokens and {} heads of {} channels; allowed: at "
                         "most 2^57 in all",
                         hidden, tokens, *heads, *dim));
      return;
    }
    if (__builtin_mul_overflow(tokens, *heads * *dim * 8, &bytes) || bytes > kMaxBytes) {
      report({"problem", name},
             fmt::format("problem.{}: {} tokens of {} heads of {} channels; allowed: at most 2^57 in all", name, tokens,
                         *heads, *dim));
    }
  }

  void check_inputs() {
    const YamlNode& inputs = node_at(root_, Path{"inputs"});
    if (inputs.kind != YamlNode::Kind::map || &inputs == &root_) return;
    const bool has_file = inputs.find("file") != nullptr;
    for (const char* key : {"generate", "seed"}) {
      const YamlNode* node = inputs.find(key);
      if (has_file && node != nullptr) {
        diagnostics_.add(node->mark, fmt::format("inputs.{}: not together with inputs.file; give one of them", key));
      }
    }
    check_layer_inputs(inputs);
    const YamlNode* digest = inputs.find("digest");
    if (digest == nullptr) return;
    if (!has_file) diagnostics_.add(digest->mark, "inputs.digest: needs inputs.file");
  }

 private:
  /// Only Gaussian rows come of projections; the others need Q, K and V of their own making.
  void check_layer_inputs(const YamlNode& inputs) {
    const YamlNode* generate = inputs.find("generate");
    const bool is_known = values_.contains("/inputs/generate"_json_pointer);  // else it has been reported
    const bool has_layer = values_.contains("/problem/layer"_json_pointer);
    if (generate == nullptr || !is_known || generate->text == "gauss" || !has_layer) return;
    diagnostics_.add(generate->mark,
                     fmt::format("inputs.generate: no hidden states project to {}, but problem.layer needs some; "
                                 "allowed: gauss, or inputs.file",
                                 generate->text));
  }

  std::optional<int64_t> integer(const Path& path) const {
    const json* value = &values_;
    for (const std::string& part : path) {
      const auto found = value->find(part);
      if (found == value->end()) return std::nullopt;
      value = &*found;
    }
    return value->get<int64_t>();
  }

  void report(const Path& path, std::string message) {
    diagnostics_.add(node_at(root_, path).mark, std::move(message));
  }

  const json& values_;
  const YamlNode& root_;
  Diagnostics& diagnostics_;
};

}  // namespace

void check_shapes(const json& values, const YamlNode& root, Diagnostics& diagnostics) {
  ShapeChecker checker(values, root, diagnostics);
  checker.check_heads();
  checker.check_ranks();
  checker.check_sizes();
  checker.check_inputs();
}

}  // namespace ringfold
