#include "experiments/spec.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringfold {

namespace {

constexpr int64_t kMaxTokens = int64_t{1} << 40;
constexpr int64_t kMaxHeads = int64_t{1} << 20;
constexpr int64_t kMaxChannels = int64_t{1} << 16;
constexpr int64_t kMaxRanks = int64_t{1} << 16;
constexpr int64_t kMaxCount = 1'000'000;
constexpr int64_t kMaxInteger = INT64_MAX;
constexpr double kDaySeconds = 86'400;

std::vector<KeySpec> top_keys() {
  return {
      {.path = "name", .type = KeyType::text, .is_required = true,
       .help = "what the experiment is called: letters, digits, '.', '_' and '-'; names the folder of results"},
      {.path = "problem", .type = KeyType::map, .is_required = true, .help = "the attention that is computed"},
      {.path = "cluster", .type = KeyType::map, .default_text = "{}", .help = "the ranks it is spread over: tp x sp"},
      {.path = "strategies", .type = KeyType::strategies, .is_required = true,
       .help = "the schedules to compare: names, or maps from one name to its options"},
      {.path = "transport", .type = KeyType::transport, .default_text = "in_process", .help = "what moves bytes between ranks"},
      {.path = "kernel", .type = KeyType::kernel, .default_text = "cpu_fast", .help = "what attends on a rank"},
      {.path = "inputs", .type = KeyType::map, .default_text = "{}", .help = "where Q, K and V come from: generated or read"},
      {.path = "measure", .type = KeyType::map, .default_text = "{}", .help = "how long and how often"},
      {.path = "passes", .type = KeyType::passes, .default_text = "{}",
       .help = "which transformations of a plan are made: NAME: auto or off"},
      {.path = "cuda_graph", .type = KeyType::word, .default_text = "auto", .words = {"auto", "off"},
       .help = "capture a rank's program into a CUDA graph where the transport allows it"},
      {.path = "sweep", .type = KeyType::sweep,
       .help = "a map from dotted keys to lists of values; the cases are the product"},
  };
}

std::vector<KeySpec> problem_keys() {
  return {
      {.path = "problem.sequences", .type = KeyType::list, .is_required = true, .help = "the batch, at least one sequence"},
      {.path = "problem.sequences[]", .type = KeyType::map, .help = "one sequence"},
      {.path = "problem.sequences[].query", .type = KeyType::integer, .is_required = true, .min = 0, .max = kMaxTokens,
       .help = "new tokens: they have queries, keys and values"},
      {.path = "problem.sequences[].cached", .type = KeyType::integer, .default_text = "0", .min = 0, .max = kMaxTokens,
       .help = "tokens before them that have keys and values only"},
      {.path = "problem.heads", .type = KeyType::map, .is_required = true, .help = "the heads"},
      {.path = "problem.heads.query", .type = KeyType::integer, .is_required = true, .min = 1, .max = kMaxHeads,
       .help = "query heads, a multiple of the kv heads"},
      {.path = "problem.heads.kv", .type = KeyType::integer, .is_required = true, .min = 1, .max = kMaxHeads,
       .help = "heads of keys and values; each serves query / kv query heads in turn"},
      {.path = "problem.heads.dim", .type = KeyType::integer, .is_required = true, .min = 1, .max = kMaxChannels,
       .help = "channels of a head"},
      {.path = "problem.mask", .type = KeyType::word, .default_text = "causal", .words = {"causal", "full"},
       .help = "which keys a query sees, by position: those up to its own, or all of its sequence"},
      {.path = "problem.mask.window", .type = KeyType::integer, .is_required = true, .min = 1, .max = kMaxTokens,
       .unbuilt = "a sliding window is not built yet", .help = "causal, and only the last so many keys, its own included"},
      {.path = "problem.dtype", .type = KeyType::word, .default_text = "fp32", .words = {"fp32", "bf16", "fp16"},
       .help = "of Q, K, V and O"},
      {.path = "problem.placement", .type = KeyType::word, .default_text = "native",
       .words = {"native", "tokens", "zigzag", "heads"},
       .help = "where Q, K and V start and O ends: as the strategy likes, or the same for all strategies"},
      {.path = "problem.scale", .type = KeyType::number, .low = 0, .high = 1e6,
       .help = "factor of q k before the softmax; without it 1 / sqrt(dim)"},
      {.path = "problem.softcap", .type = KeyType::number, .low = 0, .high = 1e6, .unbuilt = "softcap is not built yet",
       .help = "logits t become softcap tanh(t / softcap)"},
  };
}

std::vector<KeySpec> problem_extra_keys() {
  return {
      {.path = "problem.rope", .type = KeyType::map, .unbuilt = "rotary embedding is not built yet",
       .help = "rotary embedding of Q and K"},
      {.path = "problem.rope.theta", .type = KeyType::number, .default_text = "10000", .low = 1, .high = 1e12,
       .low_is_allowed = true, .help = "its base"},
      {.path = "problem.rope.style", .type = KeyType::word, .default_text = "half", .words = {"half", "interleaved"},
       .help = "which channels turn together: c and c + dim / 2, or 2c and 2c + 1"},
      {.path = "problem.kv", .type = KeyType::map, .help = "how K and V lie in memory; absent: contiguous"},
      {.path = "problem.kv.page_size", .type = KeyType::integer, .is_required = true, .min = 1, .max = kMaxCount,
       .unbuilt = "pages of K and V are not built yet", .help = "tokens of a page"},
      {.path = "problem.rounds", .type = KeyType::integer, .default_text = "1", .min = 1, .max = kMaxCount,
       .unbuilt = "more than one round is not built yet", .help = "forwards in turn, each after the tokens of the last"},
      {.path = "problem.layer", .type = KeyType::map, .unbuilt = "the layer around the attention is not built yet",
       .help = "projections around the attention"},
      {.path = "problem.layer.hidden", .type = KeyType::integer, .is_required = true, .min = 1, .max = kMaxCount,
       .help = "channels of a token"},
      {.path = "problem.layer.source", .type = KeyType::word, .default_text = "exchange", .words = {"exchange", "recompute"},
       .help = "K and V of other ranks are received, or projected again by every rank"},
  };
}

std::vector<KeySpec> run_keys() {
  return {
      {.path = "cluster.sp", .type = KeyType::integer, .default_text = "1", .min = 1, .max = kMaxRanks,
       .help = "ranks of a sequence-parallel group"},
      {.path = "cluster.tp", .type = KeyType::integer, .default_text = "1", .min = 1, .max = kMaxRanks,
       .help = "such groups, each with its share of the heads; divides the query heads"},
      {.path = "inputs.generate", .type = KeyType::word, .default_text = "gauss",
       .words = {"gauss", "peaked", "count", "needle"}, .help = "the generator"},
      {.path = "inputs.seed", .type = KeyType::integer, .default_text = "1", .min = 0, .max = kMaxInteger, .help = "its seed"},
      {.path = "inputs.file", .type = KeyType::text,
       .help = "instead of a generator: a safetensors file with q, k and v; relative to the experiment file"},
      {.path = "inputs.digest", .type = KeyType::text,
       .help = "SHA-256 that this file must have, 64 hex digits; results state it"},
      {.path = "measure.warmup", .type = KeyType::integer, .default_text = "2", .min = 0, .max = kMaxCount,
       .help = "forwards before those that count"},
      {.path = "measure.repeats", .type = KeyType::integer, .default_text = "5", .min = 1, .max = kMaxCount,
       .help = "forwards that are timed"},
      {.path = "measure.threads", .type = KeyType::integer, .default_text = "1", .min = 1, .max = 1024,
       .help = "host threads within a rank"},
      {.path = "measure.reference_seconds", .type = KeyType::number, .default_text = "10", .low = 0, .high = kDaySeconds,
       .low_is_allowed = true, .help = "budget of the reference; above it a sample of the rows is checked"},
      {.path = "measure.deadline_seconds", .type = KeyType::number, .default_text = "10", .low = 0, .high = kDaySeconds,
       .help = "an operation fails so long after its peer's last sign of progress"},
      {.path = "measure.ideal", .type = KeyType::boolean, .default_text = "false",
       .help = "measure one rank on the whole problem as well, to compare with"},
  };
}

std::vector<KeySpec> make_table() {
  std::vector<KeySpec> table;
  for (auto part : {top_keys(), problem_keys(), problem_extra_keys(), run_keys()}) {
    table.insert(table.end(), part.begin(), part.end());
  }
  return table;
}

}  // namespace

const std::vector<KeySpec>& key_table() {
  static const std::vector<KeySpec> table = make_table();
  return table;
}

const KeySpec* find_key(std::string_view path) {
  const auto& table = key_table();
  const auto found = std::find_if(table.begin(), table.end(), [&](const KeySpec& key) { return key.path == path; });
  return found == table.end() ? nullptr : &*found;
}

std::vector<const KeySpec*> keys_under(std::string_view path) {
  std::vector<const KeySpec*> keys;
  const std::string prefix = path.empty() ? "" : std::string(path) + ".";
  for (const KeySpec& key : key_table()) {
    if (!key.path.starts_with(prefix)) continue;
    const std::string_view rest = key.path.substr(prefix.size());
    if (rest.find('.') == rest.npos && rest.find('[') == rest.npos) keys.push_back(&key);
  }
  return keys;
}

std::string allowed_text(const KeySpec& key) {
  switch (key.type) {
    case KeyType::map: return "a map";
    case KeyType::list: return "a list with at least one entry";
    case KeyType::integer: return fmt::format("an integer from {} to {}", key.min, key.max);
    case KeyType::number:
      return fmt::format("a number {} {} and at most {}", key.low_is_allowed ? "of at least" : "above", key.low, key.high);
    case KeyType::boolean: return "true or false";
    case KeyType::word: {
      std::string text = join(key.words, " | ");
      for (const KeySpec* under : keys_under(key.path)) {
        text += fmt::format(" | {{{}: ...}}", under->path.substr(key.path.size() + 1));
      }
      return text;
    }
    case KeyType::text: return "a text";
    case KeyType::strategies: return "a list of names, or of maps from one name to its options";
    case KeyType::transport:
    case KeyType::kernel: return "a name";
    case KeyType::passes: return "a map from passes to auto or off";
    case KeyType::sweep: return "a map from dotted keys to lists of values";
  }
  RINGFOLD_INVARIANT(false, "key type {}", static_cast<int>(key.type));
}

}  // namespace ringfold
