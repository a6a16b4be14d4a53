#include "experiments/experiment.h"

#include "experiments/diagnostics.h"
#include "experiments/sha256.h"
#include "tests/catch.h"
#include "tests/experiments/words.h"

#include <nlohmann/json.hpp>

#include <cmath>

using namespace ringfold;
using nlohmann::json;

namespace {

/// A case fed again as an experiment: with a name.
Case fed_again(const Case& c) {
  json file = json::parse(c.canonical);
  file["name"] = "again";
  const Experiment again = parse(file.dump());
  REQUIRE(again.cases.size() == 1);
  return again.cases[0];
}

}  // namespace

TEST_CASE("the smallest experiment has the defaults of the specification") {
  const Experiment experiment = parse(kMinimal);
  CHECK(experiment.name == "t");
  REQUIRE(experiment.cases.size() == 1);
  const Case& c = experiment.cases[0];
  CHECK(c.problem.sequences == std::vector<Sequence>{{16, 0}});
  CHECK(c.problem.heads == Heads{4, 2, 8});
  CHECK(c.problem.mask == Mask{MaskKind::causal, 0});
  CHECK(c.problem.dtype == DType::fp32);
  CHECK(c.problem.placement == PlacementKind::native);
  CHECK(c.problem.scale == 1 / std::sqrt(8.0));
  CHECK(c.cluster == Cluster{1, 1});
  CHECK(c.strategy == "naive_ring");
  CHECK(c.options.empty());
  CHECK(c.transport == "in_process");
  CHECK(c.kernel == "cpu_fast");
  CHECK(c.inputs == Inputs{"gauss", 1, "", ""});
  CHECK(c.measure == Measure{2, 5, 1, 10, 10, false});
  CHECK(c.passes == std::map<std::string, bool>{{"early", true}, {"fuse", true}, {"reuse", true}});
  CHECK(c.unsupported_reason.empty());
}

TEST_CASE("the id is the hash of the canonical case, which is the whole case with sorted keys") {
  const Case c = parse(kMinimal).cases[0];
  CHECK(
      c.canonical ==
      R"({"cluster":{"sp":1,"tp":1},"cuda_graph":"auto","inputs":{"generate":"gauss","seed":1},"kernel":"cpu_fast",)"
      R"("measure":{"deadline_seconds":10.0,"ideal":false,"reference_seconds":10.0,"repeats":5,"threads":1,"warmup":2},)"
      R"("passes":{"early":"auto","fuse":"auto","reuse":"auto"},)"
      R"("problem":{"dtype":"fp32","heads":{"dim":8,"kv":2,"query":4},"mask":"causal","placement":"native","rounds":1,)"
      R"("scale":0.35355339059327373,"sequences":[{"cached":0,"query":16}]},)"
      R"("strategies":["naive_ring"],"transport":"in_process"})");
  CHECK(c.id == sha256_hex(c.canonical).substr(0, 16));
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("keys that came later leave the ids of older files as they are") {
  const Case plain = parse(kMinimal).cases[0];
  CHECK(plain.id == "ba3ece9e5ef7d0e1");
  CHECK(parse(kMinimal, {"measure.min_seconds=0"}).cases[0].id == plain.id);
  const Case longer = parse(kMinimal, {"measure.min_seconds=1"}).cases[0];
  const Case narrower = parse(kMinimal, {"measure.confidence=0.01"}).cases[0];
  CHECK(longer.id != plain.id);
  CHECK(narrower.id != plain.id);
  CHECK(longer.measure.min_seconds == 1);
  CHECK_FALSE(longer.measure.confidence.has_value());
  CHECK(narrower.measure.confidence == 0.01);
  CHECK(fed_again(longer).id == longer.id);
  CHECK(fed_again(narrower).measure == narrower.measure);
}

TEST_CASE("the example of the specification makes one case for each strategy and value of the sweep") {
  const Experiment experiment = parse(R"(
name: quickstart                # required
problem:
  sequences: [{query: 4096}, {query: 100, cached: 1000}]   # required
  heads: {query: 8, kv: 2, dim: 64}                        # required
  mask: causal                  # causal | full | {window: 1024}
  dtype: fp32                   # fp32 | bf16 | fp16
  placement: native             # native | tokens | zigzag | heads
cluster: {sp: 4, tp: 1}
strategies: [naive_ring, balanced_ring, {all_gather: {layout: zigzag}}]   # required; a name, or a name with options
transport: in_process           # in_process | ucx | nccl | ...
kernel: cpu_fast                # cpu_reference | cpu_fast | cudnn | ...
inputs: {generate: gauss, seed: 1}   # gauss | peaked | count | needle | {file: qkv.safetensors}
measure: {warmup: 2, repeats: 5, threads: 1, reference_seconds: 10, deadline_seconds: 10, ideal: false}
passes: {fuse: auto}            # NAME: auto | off
sweep:                          # dotted key -> values; the cases are the product
  cluster.sp: [2, 4]
)");
  REQUIRE(experiment.cases.size() == 6);
  CHECK(experiment.cases[0].cluster.sp == 2);
  CHECK(experiment.cases[2].strategy == "all_gather");
  CHECK(experiment.cases[2].options == Options{{"layout", "zigzag"}});
  CHECK(experiment.cases[4].strategy == "balanced_ring");
  CHECK(experiment.cases[4].options == Options{{"heads", "contiguous"}});
  CHECK(experiment.cases[5].cluster.sp == 4);
}

TEST_CASE("a canonical case is an experiment with the same id") {
  const std::string full = R"(
name: full
problem:
  sequences: [{query: 4Ki}, {query: 0, cached: 1M}]
  heads: {query: 28, kv: 7, dim: 64}
  mask: {window: 1Ki}
  dtype: bf16
  placement: zigzag
  scale: 0.1
  softcap: 30
  rope: {theta: 5e5, style: interleaved}
  kv: {page_size: 16}
  rounds: 1
  layer: {hidden: 4096, source: recompute}
cluster: {sp: 3, tp: 4}
strategies: [naive_ring, {all_gather: {layout: zigzag}}, {mesh: {a: 2}}]
transport: nccl
kernel: cudnn
inputs: {generate: gauss, seed: 9223372036854775807}
measure: {warmup: 0, repeats: 1, threads: 2, reference_seconds: 0, deadline_seconds: 0.25, ideal: true}
passes: {fuse: off}
cuda_graph: off
)";
  const Experiment experiment = parse(full);
  REQUIRE(experiment.cases.size() == 3);
  for (const Case& c : experiment.cases) {
    const Case again = fed_again(c);
    CHECK(again.canonical == c.canonical);
    CHECK(again.id == c.id);
    CHECK(again.problem == c.problem);
    CHECK(again.options == c.options);
    CHECK(again.measure == c.measure);
    CHECK(again.unsupported_reason == c.unsupported_reason);
    CHECK(again.unbuilt_backend == c.unbuilt_backend);
  }
  CHECK(experiment.cases[0].problem.sequences == std::vector<Sequence>{{4096, 0}, {0, 1'000'000}});
  CHECK(experiment.cases[0].passes.at("fuse") == false);
}

TEST_CASE("variants of the attention are part of the problem") {
  const auto problem_of = [](const std::string& override_text) {
    return parse(kMinimal, {override_text}).cases.at(0).problem;
  };
  CHECK(problem_of("problem.mask={window: 4}").mask == Mask{MaskKind::window, 4});
  CHECK(problem_of("problem.softcap=50").softcap == 50.0);
  CHECK(problem_of("problem.rope={}").rope == Rope{10000, RopeStyle::half});
  CHECK(problem_of("problem.rope={theta: 5e5, style: interleaved}").rope == Rope{5e5, RopeStyle::interleaved});
  CHECK(problem_of("problem.layer={hidden: 4Ki}").layer == Layer{4096, KvSource::exchange});
  CHECK(problem_of("problem.layer={hidden: 8, source: recompute}").layer == Layer{8, KvSource::recompute});
  CHECK(!problem_of("problem.dtype=fp16").layer);
  CHECK(!problem_of("problem.dtype=fp16").softcap);
  CHECK(!problem_of("problem.dtype=fp16").rope);
}

TEST_CASE("what is specified but not built makes the case skipped, with the reason") {
  const auto reason = [](const std::string& override_text) {
    return parse(kMinimal, {override_text}).cases.at(0).unsupported_reason;
  };
  CHECK(reason("strategies=[zigzag_ring]") == "strategy 'zigzag_ring' is not built yet");
  CHECK(reason("problem.mask={window: 4}").empty());
  CHECK(reason("problem.softcap=50").empty());
  CHECK(reason("problem.rope={}").empty());
  CHECK(reason("problem.kv.page_size=16").empty());
  CHECK(reason("problem.rounds=1").empty());
  CHECK(reason("problem.layer={hidden: 64}").empty());
  CHECK(reason("cuda_graph=off").empty());
}

TEST_CASE("a transport or a kernel that is not built makes a case unfit to run, not to plan") {
  const auto case_of = [](const std::string& override_text) { return parse(kMinimal, {override_text}).cases.at(0); };
  CHECK(case_of("transport=nccl").unbuilt_backend == "transport 'nccl' is not built yet");
  CHECK(case_of("kernel=cudnn").unbuilt_backend == "kernel 'cudnn' is not built yet");
  CHECK(case_of("kernel=cudnn").unsupported_reason.empty());
  CHECK(case_of("strategies=[zigzag_ring]").unbuilt_backend.empty());
}
