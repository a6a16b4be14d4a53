#include "experiments/spec.h"

namespace ringfold {

namespace {

constexpr int64_t kMaxRanks = int64_t{1} << 16;
constexpr int64_t kMaxCount = 1'000'000;
constexpr int64_t kMaxInteger = INT64_MAX;
constexpr double kDaySeconds = 86'400;

std::vector<KeySpec> top_keys() {
  return {
      {.path = "name",
       .type = KeyType::text,
       .is_required = true,
       .pattern = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}",
       .pattern_text = "at most 100 letters, digits, '.', '_' and '-', the first a letter, a digit or '_'",
       .help = "what the experiment is called; names the folder of results"},
      {.path = "problem", .type = KeyType::map, .is_required = true, .help = "the attention that is computed"},
      {.path = "cluster", .type = KeyType::map, .default_text = "{}", .help = "the ranks it is spread over: tp x sp"},
      {.path = "strategies",
       .type = KeyType::strategies,
       .is_required = true,
       .help = "the schedules to compare: names, or maps from one name to its options"},
      {.path = "transport",
       .type = KeyType::transport,
       .default_text = "in_process",
       .help = "what moves bytes between ranks"},
      {.path = "kernel", .type = KeyType::kernel, .default_text = "cpu_fast", .help = "what attends on a rank"},
      {.path = "inputs",
       .type = KeyType::map,
       .default_text = "{}",
       .help = "where Q, K and V come from: generated or read"},
      {.path = "measure", .type = KeyType::map, .default_text = "{}", .help = "how long and how often"},
      {.path = "passes",
       .type = KeyType::passes,
       .default_text = "{}",
       .help = "which transformations of a plan are made: NAME: auto or off"},
      {.path = "cuda_graph",
       .type = KeyType::word,
       .default_text = "auto",
       .words = {"auto", "off"},
       .help = "capture a rank's program into a CUDA graph where the transport allows it"},
      {.path = "sweep",
       .type = KeyType::sweep,
       .help = "a map from dotted keys to lists of values; the cases are the product"},
  };
}

std::vector<KeySpec> run_keys() {
  return {
      {.path = "cluster.sp",
       .type = KeyType::integer,
       .default_text = "1",
       .min = 1,
       .max = kMaxRanks,
       .help = "ranks of a sequence-parallel group"},
      {.path = "cluster.tp",
       .type = KeyType::integer,
       .default_text = "1",
       .min = 1,
       .max = kMaxRanks,
       .help = "such groups, each with its share of the heads; divides the query heads"},
      {.path = "inputs.generate",
       .type = KeyType::word,
       .default_text = "gauss",
       .words = {"gauss", "peaked", "count", "needle"},
       .help = "the generator"},
      {.path = "inputs.seed",
       .type = KeyType::integer,
       .default_text = "1",
       .min = 0,
       .max = kMaxInteger,
       .help = "its seed"},
      {.path = "inputs.file",
       .type = KeyType::text,
       .help = "instead of a generator: a safetensors file with q, k and v; relative to the experiment file"},
      {.path = "inputs.digest",
       .type = KeyType::text,
       .pattern = "[0-9a-f]{64}",
       .pattern_text = "64 lower-case hex digits",
       .help = "SHA-256 that this file must have, 64 hex digits; results state it"},
      {.path = "measure.warmup",
       .type = KeyType::integer,
       .default_text = "2",
       .min = 0,
       .max = kMaxCount,
       .help = "forwards before those that count"},
      {.path = "measure.repeats",
       .type = KeyType::integer,
       .default_text = "5",
       .min = 1,
       .max = kMaxCount,
       .help = "forwards that are timed, at least"},
      {.path = "measure.min_seconds",
       .type = KeyType::number,
       .default_text = "0",
       .low = 0,
       .high = kDaySeconds,
       .low_is_allowed = true,
       .help = "repeats go on until each case has been timed for so long in all"},
      {.path = "measure.confidence",
       .type = KeyType::number,
       .low = 0,
       .high = 1,
       .help = "repeats go on until the 95 % interval of each case's median is as narrow: half its width / the median"},
      {.path = "measure.threads",
       .type = KeyType::integer,
       .default_text = "1",
       .min = 1,
       .max = 1024,
       .help = "host threads within a rank"},
      {.path = "measure.reference_seconds",
       .type = KeyType::number,
       .default_text = "10",
       .low = 0,
       .high = kDaySeconds,
       .low_is_allowed = true,
       .help = "budget of the reference; above it a sample of the rows is checked"},
      {.path = "measure.deadline_seconds",
       .type = KeyType::number,
       .default_text = "10",
       .low = 0,
       .high = kDaySeconds,
       .help = "an operation fails so long after its peer's last sign of progress"},
      {.path = "measure.ideal",
       .type = KeyType::boolean,
       .default_text = "false",
       .help = "measure one rank on the whole problem as well, to compare with"},
  };
}

}  // namespace

std::vector<KeySpec> make_key_table() {
  std::vector<KeySpec> table;
  for (auto part : {top_keys(), problem_key_rows(), run_keys()}) {
    table.insert(table.end(), part.begin(), part.end());
  }
  return table;
}

}  // namespace ringfold
