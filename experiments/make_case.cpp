#include "experiments/make_case.h"

#include "experiments/rounds.h"
#include "experiments/sha256.h"
#include "experiments/spec.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace ringfold {

namespace {

using nlohmann::json;

constexpr size_t kIdDigits = 16;

/// The value of `words` that has this text.
template <typename Value>
Value value_named(const std::string& text, std::initializer_list<Value> values) {
  for (const Value value : values) {
    if (to_string(value) == text) return value;
  }
  RINGFOLD_INVARIANT(false, "the table allows '{}'", text);
}

Mask mask_of(const json& mask) {
  if (mask.is_object()) return {MaskKind::window, mask.at("window").get<int64_t>()};
  return {mask == "full" ? MaskKind::full : MaskKind::causal, 0};
}

Problem problem_of(const json& values) {
  Problem problem;
  if (values.contains("sequences")) {
    for (const json& sequence : values["sequences"]) {
      problem.sequences.push_back({sequence.at("query").get<int64_t>(), sequence.at("cached").get<int64_t>()});
    }
  }
  const json& heads = values.at("heads");
  problem.heads = {heads.at("query").get<int64_t>(), heads.at("kv").get<int64_t>(), heads.at("dim").get<int64_t>()};
  problem.mask = mask_of(values.at("mask"));
  problem.dtype = value_named(values.at("dtype").get<std::string>(), {DType::fp32, DType::bf16, DType::fp16});
  problem.placement =
      value_named(values.at("placement").get<std::string>(),
                  {PlacementKind::native, PlacementKind::tokens, PlacementKind::zigzag, PlacementKind::heads});
  problem.scale = values.at("scale").get<double>();
  if (values.contains("kv")) problem.page_size = values["kv"].at("page_size").get<int64_t>();
  if (values.contains("softcap")) problem.softcap = values["softcap"].get<double>();
  if (values.contains("rope")) {
    const json& rope = values["rope"];
    problem.rope = {rope.at("theta").get<double>(),
                    value_named(rope.at("style").get<std::string>(), {RopeStyle::half, RopeStyle::interleaved})};
  }
  if (values.contains("layer")) {
    const json& layer = values["layer"];
    problem.layer = {layer.at("hidden").get<int64_t>(),
                     value_named(layer.at("source").get<std::string>(), {KvSource::exchange, KvSource::recompute})};
  }
  return problem;
}

Measure measure_of(const json& values) {
  std::optional<double> confidence;
  if (values.contains("confidence")) confidence = values["confidence"].get<double>();
  return {values.at("warmup").get<int64_t>(),          values.at("repeats").get<int64_t>(),
          values.at("threads").get<int64_t>(),         values.at("reference_seconds").get<double>(),
          values.at("deadline_seconds").get<double>(), values.at("ideal").get<bool>(),
          values.at("min_seconds").get<double>(),      confidence};
}

void add_reason(std::string& reasons, std::string_view reason) {
  if (reason.empty()) return;
  if (!reasons.empty()) reasons += "; ";
  reasons += reason;
}

/// The problem of all rounds' tokens at once, until split_rounds.
void add_rounds(Case& c, json& problem, const Vocabulary& words) {
  c.rounds = rounds_of(problem, c);
  if (!c.rounds) return;
  c.problem.sequences = all_sequences(*c.rounds);
  for (json& round : problem["rounds"]) {
    if (!round.contains("strategy")) continue;
    const std::string name = round["strategy"].begin().key();
    add_reason(c.unsupported_reason, find_name(words.strategies, name)->unbuilt);
    if (round["strategy"].front().empty()) round["strategy"] = name;
  }
}

}  // namespace

Case make_case(json values, const std::string& input_path, const Vocabulary& words) {
  Case c;
  values.erase("name");
  json& problem = values.at("problem");
  if (!problem.contains("scale")) {
    problem["scale"] = 1.0 / std::sqrt(problem.at("heads").at("dim").get<double>());
  }
  c.problem = problem_of(problem);
  c.cluster = {values.at("cluster").at("sp").get<int>(), values.at("cluster").at("tp").get<int>()};
  json& strategy = values.at("strategies").at(0);
  c.strategy = strategy.begin().key();
  c.options = strategy.begin().value().get<Options>();
  if (c.options.empty()) strategy = c.strategy;
  add_rounds(c, problem, words);
  c.transport = values.at("transport").get<std::string>();
  c.kernel = values.at("kernel").get<std::string>();
  const json& inputs = values.at("inputs");
  c.inputs = {inputs.value("generate", ""), inputs.value("seed", int64_t{0}), input_path, inputs.value("digest", "")};
  json& measure = values.at("measure");
  c.measure = measure_of(measure);
  // A key that came later: its default changes nothing, so ids must not change for it either.
  if (c.measure.min_seconds == 0) measure.erase("min_seconds");
  c.cuda_graph = values.at("cuda_graph") == "auto";
  for (const auto& [pass, state] : values.at("passes").items()) c.passes[pass] = state == "auto";

  // The same of passes.
  for (const std::string& pass : words.later_passes) {
    json& passes = values.at("passes");
    if (passes.value(pass, "") == "auto") passes.erase(pass);
  }

  add_reason(c.unsupported_reason, find_name(words.strategies, c.strategy)->unbuilt);
  add_reason(c.unsupported_reason, refused_rounds(c));
  add_reason(c.unbuilt_backend, find_name(words.transports, c.transport)->unbuilt);
  add_reason(c.unbuilt_backend, find_name(words.kernels, c.kernel)->unbuilt);
  c.canonical = values.dump();
  c.id = sha256_hex(c.canonical).substr(0, kIdDigits);
  return c;
}

}  // namespace ringfold
