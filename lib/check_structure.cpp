#include "lib/check_structure.h"

#include "lib/check_agreement.h"
#include "lib/lifetimes.h"

#include <algorithm>

namespace ringfold {

namespace {

/// Walks one rank's program in order: which blocks are there when.
class ProgramWalk {
 public:
  ProgramWalk(const Schedule& schedule, int rank, Findings& findings)
      : schedule_(schedule),
        program_(schedule.ranks[static_cast<size_t>(rank)]),
        rank_(rank),
        findings_(findings),
        made_(program_.blocks.size(), 0) {}

  bool run() {
    for (size_t id = 0; id < program_.blocks.size(); ++id) block(static_cast<BlockId>(id));
    if (!ok_) return false;
    for (const BlockId id : program_.inputs) input(id);
    const auto operations = static_cast<int>(program_.operations.size());
    for (operation_ = 0; operation_ < operations; ++operation_) operation();
    operation_ = -1;
    for (const BlockId id : program_.outputs) output(id);
    for (size_t id = 0; id < program_.blocks.size(); ++id) {
      if (made_[id] == 0) fail("{} is neither an input nor made", name(static_cast<BlockId>(id)));
    }
    return ok_;
  }

 private:
  const Block& at(BlockId id) const { return program_.blocks[static_cast<size_t>(id)]; }
  std::string name(BlockId id) const { return describe(program_, id); }

  template <typename... Args>
  bool fail(fmt::format_string<Args...> format, Args&&... args) {
    findings_.add(Proof::data_flow, rank_, operation_, format, std::forward<Args>(args)...);
    ok_ = false;
    return false;
  }

  bool known(BlockId id) {
    if (id >= 0 && static_cast<size_t>(id) < program_.blocks.size()) return true;
    return fail("block {} does not exist: there are {} blocks", id, program_.blocks.size());
  }

  void block(BlockId id) {
    const Block& it = at(id);
    const auto kind = static_cast<int>(it.kind);
    const auto dtype = static_cast<int>(it.dtype);
    if (kind < 0 || kind > static_cast<int>(BlockKind::wkv) || dtype < 0 || dtype > static_cast<int>(DType::fp16) ||
        (it.layout != Layout::heads_outer && it.layout != Layout::tokens_outer)) {
      fail("block {} has an unknown kind, dtype or layout", id);
      return;
    }
    const bool fp32 = it.kind == BlockKind::state || it.kind == BlockKind::lse;
    const DType wanted = fp32 ? DType::fp32 : schedule_.problem.dtype;
    if (it.dtype != wanted) fail("{} is {}, not {}", name(id), to_string(it.dtype), to_string(wanted));
    if (it.page_size < 0 || (it.page_size > 0 && it.kind != BlockKind::kv)) fail("{} is in pages", name(id));
    if (it.rotated && it.kind != BlockKind::q && it.kind != BlockKind::kv) fail("{} is rotated", name(id));
    const bool of_layer = is_of_layer(it.kind);
    if (of_layer && !schedule_.problem.layer) {
      fail("{} is of a layer, but the problem has none", name(id));
      return;
    }
    const int64_t most = most_heads(it.kind);
    if (it.heads.begin < 0 || it.heads.begin > it.heads.end || it.heads.end > most) {
      fail("{} is outside the problem's heads [0,{})", name(id), most);
    }
    if (it.kind == BlockKind::wq || it.kind == BlockKind::wkv) {
      if (it.tokens != weight_rows(*schedule_.problem.layer)) fail("{} does not have a row a channel", name(id));
    } else {
      tokens(id);
    }
  }

  int64_t most_heads(BlockKind kind) const {
    if (kind == BlockKind::hidden) return schedule_.problem.layer->hidden;
    return kind == BlockKind::kv || kind == BlockKind::wkv ? schedule_.problem.heads.kv : schedule_.problem.heads.query;
  }

  void tokens(BlockId id) {
    const auto& sequences = schedule_.problem.sequences;
    const Block& it = at(id);
    for (const TokenRange& range : it.tokens.ranges()) {
      if (range.sequence < 0 || static_cast<size_t>(range.sequence) >= sequences.size()) {
        fail("{} names sequence {}, but there are {}", name(id), range.sequence, sequences.size());
        return;
      }
      const Sequence& sequence = sequences[static_cast<size_t>(range.sequence)];
      const bool all = it.kind == BlockKind::kv || it.kind == BlockKind::hidden;
      const int64_t first = all ? 0 : sequence.cached;
      if (first <= range.begin && range.end <= sequence.length()) continue;
      fail("{} holds tokens {}:[{},{}), but the {} of sequence {} are [{},{})", name(id), range.sequence, range.begin,
           range.end, all ? "keys" : "queries", range.sequence, first, sequence.length());
      return;
    }
  }

  void input(BlockId id) {
    if (!make(id)) return;
    const Block& it = at(id);
    const bool is_projected = it.kind == BlockKind::q || it.kind == BlockKind::kv;
    if (!is_projected && !is_of_layer(it.kind)) fail("{} is an input", name(id));
    if (it.rotated) fail("input {} is rotated by nobody", name(id));
    // What earlier forwards have projected may lie there; under recompute nothing does.
    const Problem& problem = schedule_.problem;
    if (!problem.layer || !is_projected) return;
    const bool is_cache = it.kind == BlockKind::kv && problem.layer->source == KvSource::exchange &&
                          intersect(it.tokens, query_set(problem)).empty();
    if (!is_cache) fail("{} is an input, but is to be projected from hidden states", name(id));
  }

  void output(BlockId id) {
    if (!known(id)) return;
    uint8_t& made = made_[static_cast<size_t>(id)];
    if (at(id).kind != BlockKind::out && at(id).kind != BlockKind::lse) fail("{} is an output", name(id));
    if (made == 0) fail("output {} is never made", name(id));
    if (made == 2) fail("{} is an output twice", name(id));
    made = 2;
  }

  bool make(BlockId id) {
    if (!known(id)) return false;
    uint8_t& made = made_[static_cast<size_t>(id)];
    if (made != 0) return fail("{} is made a second time", name(id));
    made = 1;
    return true;
  }

  bool read(const View& view) {
    if (!known(view.block)) return false;
    const Block& it = at(view.block);
    if (made_[static_cast<size_t>(view.block)] == 0) return fail("reads {} before it is made", name(view.block));
    if (it.tokens.contains(view.tokens) && view.heads.begin <= view.heads.end && it.heads.contains(view.heads)) {
      return true;
    }
    return fail("reads {} x heads {} of {}, which does not hold them", to_string(view.tokens, 4), to_string(view.heads),
                name(view.block));
  }

  void operation() {
    const Operation& operation = program_.operations[static_cast<size_t>(operation_)];
    const auto* attend = std::get_if<Attend>(&operation);
    if (attend != nullptr && attend->state_in != kNoBlock && !known(attend->state_in)) return;
    bool good = true;
    visit_operands(program_, operation, [&](const View& view) { good = read(view) && good; }, [](BlockId) {});
    visit_operands(program_, operation, [](const View&) {}, [&](BlockId id) { good = make(id) && good; });
    if (good) ok_ = check_agreement({schedule_, program_, rank_, operation_, findings_}) && ok_;
  }

  const Schedule& schedule_;
  const Program& program_;
  int rank_;
  int operation_ = -1;
  Findings& findings_;
  std::vector<uint8_t> made_;
  bool ok_ = true;
};

}  // namespace

bool check_problem(const Schedule& schedule, Findings& findings) {
  const Problem& problem = schedule.problem;
  const auto refuse = [&](const std::string& text) {
    findings.add(Proof::data_flow, -1, -1, "{}", text);
    return false;
  };
  const Heads& heads = problem.heads;
  if (heads.query < 1 || heads.kv < 1 || heads.dim < 1 || heads.query % heads.kv != 0) {
    return refuse(
        fmt::format("the problem's heads are impossible: {} query, {} kv, dim {}", heads.query, heads.kv, heads.dim));
  }
  const auto mask = static_cast<int>(problem.mask.kind);
  const auto dtype = static_cast<int>(problem.dtype);
  if (mask < 0 || mask > static_cast<int>(MaskKind::window) || problem.mask.window < 0 || dtype < 0 ||
      dtype > static_cast<int>(DType::fp16)) {
    return refuse("the problem's mask or dtype is unknown");
  }
  if (problem.rope && heads.dim % 2 != 0) return refuse("the problem rotates pairs of an odd number of channels");
  if (problem.layer && problem.layer->hidden < 1) return refuse("the problem's hidden states have no channels");
  double tokens = 0;
  for (const Sequence& sequence : problem.sequences) {
    if (sequence.query < 0 || sequence.cached < 0) return refuse("the problem has a sequence of negative length");
    tokens += static_cast<double>(sequence.query) + static_cast<double>(sequence.cached);
  }
  const double channels = problem.layer ? static_cast<double>(problem.layer->hidden) : 0;
  const auto row = 8.0 * static_cast<double>(heads.query) * (static_cast<double>(heads.dim) + 1);
  if (tokens * (row + 8 * channels) + channels * 2 * row > 0x1p61)
    return refuse("the problem's bytes cannot be counted in 64 bits");
  const Cluster& cluster = schedule.cluster;
  const int64_t ranks = static_cast<int64_t>(cluster.sp) * cluster.tp;
  if (cluster.sp < 1 || cluster.tp < 1 || ranks != static_cast<int64_t>(schedule.ranks.size())) {
    return refuse(fmt::format("the cluster has sp {} x tp {} ranks, the schedule has {} programs", cluster.sp,
                              cluster.tp, schedule.ranks.size()));
  }
  return true;
}

bool check_structure(const Schedule& schedule, Findings& findings) {
  if (!check_problem(schedule, findings)) return false;
  bool good = true;
  for (size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    good = ProgramWalk(schedule, static_cast<int>(rank), findings).run() && good;
  }
  return good;
}

void check_uses(const Schedule& schedule, Findings& findings) {
  for (size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    const Program& program = schedule.ranks[rank];
    const Lifetimes lifetimes = lifetimes_of(program);
    for (size_t id = 0; id < program.blocks.size(); ++id) {
      if (lifetimes.made[id] < 0 || lifetimes.last_use[id] > lifetimes.made[id]) continue;
      const int32_t maker = lifetimes.made[id];
      const Block& block = program.blocks[id];
      const bool received = std::holds_alternative<Exchange>(program.operations[static_cast<size_t>(maker)]);
      // Rings hand on what not every rank needs.
      if (block.tokens.empty() || block.heads.empty() || received) continue;
      findings.add(Proof::data_flow, static_cast<int>(rank), maker, "{} is computed and never used",
                   describe(program, static_cast<BlockId>(id)));
    }
  }
}

}  // namespace ringfold
