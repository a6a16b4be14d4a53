#include "experiments/tree_edit.h"

#include "tests/experiments/words.h"

#include <cmath>

using namespace ringfold;

TEST_CASE("overrides set what the file leaves out, and what it says") {
  const auto first = [](const std::vector<std::string>& overrides) { return parse(kMinimal, overrides).cases.at(0); };
  CHECK(first({"cluster.sp=8"}).cluster == Cluster{8, 1});
  CHECK(first({"cluster.sp=2", "cluster.sp=4"}).cluster == Cluster{4, 1});
  CHECK(first({"cluster={sp: 2, tp: 4}", "cluster.sp=3"}).cluster == Cluster{3, 4});
  CHECK(first({"problem.sequences.0.query=8"}).problem.sequences == std::vector<Sequence>{{8, 0}});
  CHECK(first({"problem.sequences.0.cached=4Ki"}).problem.sequences == std::vector<Sequence>{{16, 4096}});
  CHECK(first({"problem.mask=full"}).problem.mask.kind == MaskKind::full);
  CHECK(first({"problem.mask=full", "problem.mask.window=3"}).problem.mask == Mask{MaskKind::window, 3});
  CHECK(first({"strategies=[all_gather]"}).options == Options{{"layout", "contiguous"}});
  CHECK(first({"strategies.0=all_gather", "strategies.0.all_gather.layout=zigzag"}).options ==
        Options{{"layout", "zigzag"}});
  CHECK(first({"passes.fuse=off"}).passes.at("fuse") == false);
  CHECK(parse(kMinimal, {"name=other"}).name == "other");
  CHECK(parse(kMinimal, {"strategies=[naive_ring, all_gather]"}).cases.size() == 2);
}

TEST_CASE("an override has the same id as the file that says so") {
  CHECK(parse(kMinimal, {"cluster.sp=4"}).cases[0].id ==
        parse(std::string(kMinimal) + "cluster: {sp: 4}\n").cases[0].id);
  CHECK(parse(kMinimal, {"cluster.sp=4"}).cases[0].id != parse(kMinimal).cases[0].id);
  CHECK(parse(kMinimal, {"name=other"}).cases[0].id == parse(kMinimal).cases[0].id);
}

TEST_CASE("errors of overrides name the override") {
  CHECK(override_errors({"cluster.sp=0"}) ==
        "override:1:12: error: cluster.sp: '0' is out of range; allowed: an integer from 1 to 65536");
  CHECK(override_errors({"cluster.sp=2", "cluster.ps=3"}) ==
        "override:2:9: error: unknown key 'ps' in cluster; did you mean 'sp'? allowed: sp, tp");
  CHECK(
      override_errors({"clusters.sp=2"}).find("override:1:1: error: unknown key 'clusters'; did you mean 'cluster'?") ==
      0);
  CHECK(override_errors({"cluster.sp"}) == "override:1:1: error: 'cluster.sp' is not of the form key=value");
  CHECK(override_errors({"=2"}) == "override:1:1: error: '=2' is not of the form key=value");
  CHECK(override_errors({""}) == "override:1:1: error: '' is not of the form key=value");
  CHECK(override_errors({"cluster.sp="}) ==
        "override:1:12: error: cluster.sp: has no value; allowed: an integer from 1 to 65536");
  CHECK(override_errors({"cluster..sp=2"}) ==
        "override:1:1: error: 'cluster..sp' is not a dotted key such as problem.heads.dim");
  CHECK(override_errors({"problem.sequences.1.query=2"}) ==
        "override:1:19: error: '1' is no index of this list; allowed: 0 to 0");
  CHECK(override_errors({"problem.sequences.x.query=2"}) ==
        "override:1:19: error: 'x' is no index of this list; allowed: 0 to 0");
  CHECK(override_errors({"strategies=[ring"}).find("override:1:") == 0);
  CHECK(override_errors({"strategies=[naive_ring]\nname: x"}).find("override:1:") == 0);
  CHECK(override_errors({"problem.heads.dim.x=2"}) ==
        "override:1:19: error: problem.heads.dim: got a map; allowed: an integer from 1 to 65536");
  CHECK(override_errors({"cluster.tp=3"}) == "override:1:12: error: cluster.tp: 3 does not divide the 4 query heads");
  CHECK(override_errors({"a\xFF=3"}).find("override:1:2: error: byte 0xff") == 0);
  CHECK(override_errors({"kernel=*a"}).find("override:1:8: error: ") == 0);
  CHECK(override_errors({"cluster.sp=0", "cluster.tp=0", "kernel=x"}).find("\noverride:3:8: error: kernel: got 'x'") !=
        std::string::npos);
}

TEST_CASE("a sweep is a product, the last key turning fastest, strategies innermost") {
  const Experiment experiment =
      parse(std::string(kMinimal) + "sweep:\n  cluster.sp: [1, 2]\n  problem.sequences.0.query: [8, 1Ki, 9]\n",
            {"strategies=[naive_ring, balanced_ring]"});
  REQUIRE(experiment.cases.size() == 12);
  CHECK(experiment.cases[0].cluster.sp == 1);
  CHECK(experiment.cases[0].strategy == "naive_ring");
  CHECK(experiment.cases[1].strategy == "balanced_ring");
  CHECK(experiment.cases[2].problem.sequences[0].query == 1024);
  CHECK(experiment.cases[11].cluster.sp == 2);
  CHECK(experiment.cases[11].problem.sequences[0].query == 9);
}

TEST_CASE("a sweep may hold any key: strategies, options, whole maps, keys that the file leaves out") {
  const auto cases = [](const std::string& sweep) { return parse(std::string(kMinimal) + "sweep: " + sweep).cases; };
  CHECK(cases("{strategies: [[naive_ring], [all_gather, balanced_ring]]}").size() == 3);
  CHECK(cases("{strategies.0.all_gather.layout: [contiguous, zigzag]}")[1].options == Options{{"layout", "zigzag"}});
  CHECK(cases("{problem.mask: [causal, full]}")[1].problem.mask.kind == MaskKind::full);
  CHECK(cases("{problem.heads: [{query: 2, kv: 1, dim: 4}, {query: 6, kv: 6, dim: 4}]}")[1].problem.heads ==
        Heads{6, 6, 4});
  CHECK(cases("{measure.repeats: [1, 2, 3]}").size() == 3);
  CHECK(cases("{}").size() == 1);
  const std::string no_dim =
      "name: t\nproblem:\n  sequences: [{query: 1}]\n  heads: {query: 1, kv: 1}\nstrategies: [naive_ring]\n";
  CHECK(parse(no_dim + "sweep: {problem.heads.dim: [4, 8]}").cases.size() == 2);
}

TEST_CASE("equal cases run once") {
  CHECK(parse(kMinimal, {"strategies=[naive_ring, naive_ring, {naive_ring: {}}]"}).cases.size() == 1);
  CHECK(parse(kMinimal, {"sweep={cluster.sp: [2, 3, 2]}"}).cases.size() == 2);
  CHECK(parse(kMinimal, {"strategies=[all_gather, {all_gather: {layout: contiguous}}]"}).cases.size() == 1);
  CHECK(parse(kMinimal, {"sweep={problem.sequences.0.query: [1024, 1Ki]}"}).cases.size() == 1);
  const double scale = 1 / std::sqrt(8.0);
  CHECK(parse(kMinimal, {fmt::format("sweep={{problem.scale: [{}, 1, 1.0]}}", scale)}).cases.size() == 2);
  CHECK(parse(kMinimal, {fmt::format("problem.scale={}", scale)}).cases[0].id == parse(kMinimal).cases[0].id);
}

TEST_CASE("an override takes its key out of the sweep, with keys above and below it") {
  const std::string file = std::string(kMinimal) + "sweep:\n  cluster.sp: [1, 2]\n  problem.heads.query: [4, 8]\n";
  CHECK(parse(file).cases.size() == 4);
  CHECK(parse(file, {"cluster.sp=4"}).cases.size() == 2);
  CHECK(parse(file, {"cluster={sp: 4}"}).cases.size() == 2);
  CHECK(parse(file, {"cluster.sp=4", "problem.heads={query: 2, kv: 1, dim: 4}"}).cases.size() == 1);
  CHECK(parse(file, {"cluster.tp=2"}).cases.size() == 4);
  CHECK(parse(file, {"sweep.cluster.sp=[1, 2, 3]"}).cases.size() == 6);
  CHECK(parse(file, {"sweep={cluster.tp: [1, 2]}"}).cases.size() == 2);
  CHECK(parse(file, {"sweep={}"}).cases.size() == 1);
  // A key above: the sweep's cluster gives way to cluster.sp.
  CHECK(parse(std::string(kMinimal) + "sweep: {cluster: [{sp: 2}, {sp: 4}]}\n", {"cluster.sp=3"}).cases.size() == 1);
  // Faulty values that an override replaces are not looked at.
  CHECK(parse(std::string(kMinimal) + "sweep: {cluster.sp: [0]}\n", {"cluster.sp=3"}).cases.size() == 1);
}

TEST_CASE("errors of a swept value point at the value, once, and no case is made") {
  const std::string sweep = std::string(kMinimal) + "sweep:\n  cluster.sp: [1, 0, 2]\n  problem.heads.dim: [8, x]\n";
  CHECK(errors_of(sweep) ==
        "t.yaml:7:19: error: cluster.sp: '0' is out of range; allowed: an integer from 1 to 65536\n"
        "t.yaml:8:26: error: problem.heads.dim: 'x' is not an integer; allowed: an integer from 1 to 65536");
  CHECK(override_errors({"sweep={cluster.tp: [1, 3]}"}) ==
        "override:1:24: error: cluster.tp: 3 does not divide the 4 query heads");
  CHECK(override_errors({"sweep.cluster.tp=[1, 3]"}) ==
        "override:1:22: error: cluster.tp: 3 does not divide the 4 query heads");
}

TEST_CASE("a fault that only some combinations have is found") {
  CHECK(override_errors(
            {"sweep.problem.heads.query=[4, 6]", "sweep.problem.heads.kv=[2, 4]", "sweep.cluster.tp=[1, 2]"}) ==
        "override:1:31: error: problem.heads.query: 6 is no multiple of the 4 kv heads");
}

TEST_CASE("strategies are limited like the cases that they make") {
  std::string many = "[naive_ring";
  for (int i = 1; i < 10'000; ++i) many += ", naive_ring";
  CHECK(parse(kMinimal, {"strategies=" + many + "]"}).cases.size() == 1);  // equal ones
  CHECK(override_errors({"strategies=" + many + ", naive_ring]"}) ==
        "override:1:12: error: strategies: 10001 of them; allowed: at most 10000 cases");
}

TEST_CASE("a sweep is limited in cases and in work") {
  std::string seeds = "[0";
  for (int i = 1; i < 100; ++i) seeds += fmt::format(", {}", i);
  seeds += "]";
  CHECK(parse(kMinimal, {"sweep.inputs.seed=" + seeds, "sweep.measure.repeats=[1, 2]"}).cases.size() == 200);
  CHECK(override_errors(
            {"sweep.inputs.seed=" + seeds, "sweep.measure.warmup=" + seeds, "sweep.measure.repeats=[1, 2]"}) ==
        "override:3:7: error: the sweep makes more than 10000 cases");
  std::string sequences = "[{query: 1}";
  for (int i = 1; i < 20'000; ++i) sequences += ", {query: 1}";
  CHECK(override_errors(
            {"problem.sequences=" + sequences + "]", "sweep.inputs.seed=" + seeds, "sweep.measure.repeats=[1, 2]"})
            .find("override:2:7: error: the sweep repeats this long file too often") == 0);
}
