#include "lib/check_agreement.h"

#include "lib/check_tiling.h"

namespace ringfold {

namespace {

class Agreement {
 public:
  explicit Agreement(const Place& place) : place_(place) {}

  bool operator()(const Exchange& exchange) {
    for (const Send& send : exchange.sends) {
      peer(send.peer, "sends to");
      if (!is_contiguous(block(send.view.block), send.view)) {
        fail(Proof::data_flow, "what it sends to rank {} of {}, {} x heads {}, is not one piece of memory", send.peer,
             name(send.view.block), to_string(send.view.tokens, 4), to_string(send.view.heads));
      }
    }
    for (const Receive& receive : exchange.receives) {
      peer(receive.peer, "receives from");
      if (block(receive.block).page_size == 0) continue;
      fail(Proof::data_flow, "receives {} in pages, but an exchange fills one piece of memory", name(receive.block));
    }
    return ok_;
  }

  bool operator()(const Attend& attend) {
    kind(attend.q.block, BlockKind::q);
    rotated(attend.q.block);
    for (const View& kv : attend.kv) rotated(kv.block);
    const HeadRange needed = kv_heads_of(place_.schedule.problem, attend.q.heads);
    for (const View& kv : attend.kv) {
      if (!kind(kv.block, BlockKind::kv) || kv.heads.contains(needed)) continue;
      fail(Proof::data_flow, "query heads {} read kv heads {}, but of {} it is given heads {}",
           to_string(attend.q.heads), to_string(needed), name(kv.block), to_string(kv.heads));
    }
    mask(attend.mask);
    if (!kind(attend.state, BlockKind::state)) return false;
    holds(attend.state, attend.q, "queries");
    if (attend.state_in != kNoBlock && kind(attend.state_in, BlockKind::state))
      same_rows(attend.state_in, attend.state);
    return ok_;
  }

  bool operator()(const Merge& merge) {
    if (!kind(merge.state, BlockKind::state)) return false;
    for (const View& part : merge.parts) {
      if (kind(part.block, BlockKind::state)) holds(merge.state, part, "rows");
    }
    return ok_;
  }

  bool operator()(const Copy& copy) {
    const Block& to = block(copy.block);
    std::vector<Tile> tiles;
    for (const View& part : copy.parts) {
      if (!kind(part.block, to.kind)) continue;
      if (block(part.block).dtype != to.dtype) {
        fail(Proof::data_flow, "copies {} of {} into {} of {}", to_string(block(part.block).dtype), name(part.block),
             to_string(to.dtype), name(copy.block));
      }
      if (block(part.block).rotated != to.rotated) {
        fail(Proof::data_flow, "copies {}rotated rows of {} into {}rotated ones of {}",
             block(part.block).rotated ? "" : "un", name(part.block), to.rotated ? "" : "un", name(copy.block));
      }
      holds(copy.block, part, "rows");
      tiles.push_back({part.tokens, part.heads, place_.rank, part.block});
    }
    if (!ok_) return false;
    if (const auto fault = tiling_fault(tiles, to.tokens, to.heads)) {
      fail(Proof::data_flow, "{} of {} {}", describe(fault->tokens, fault->heads), name(copy.block),
           fault->first == nullptr ? "is filled by no part" : "is filled twice");
    }
    return ok_;
  }

  bool operator()(const Rotate& rotate) {
    const Block& from = block(rotate.source.block);
    const Block& to = block(rotate.block);
    if (!place_.schedule.problem.rope) fail(Proof::data_flow, "rotates, but the problem has no rotary embedding");
    if (from.kind != BlockKind::kv && !kind(rotate.source.block, BlockKind::q)) return false;
    kind(rotate.block, from.kind);
    if (from.rotated || !to.rotated) {
      fail(Proof::data_flow, "makes {} of {}, which is rotated {}", name(rotate.block), name(rotate.source.block),
           from.rotated ? "already" : "nowhere");
    }
    if (to.tokens != rotate.source.tokens || to.heads != rotate.source.heads) {
      fail(Proof::data_flow, "makes {} from rows {} x heads {} of {}", name(rotate.block),
           to_string(rotate.source.tokens, 4), to_string(rotate.source.heads), name(rotate.source.block));
    }
    return ok_;
  }

  bool operator()(const Project& project) {
    const Block& to = block(project.block);
    if (!place_.schedule.problem.layer) return fail(Proof::data_flow, "projects, but the problem has no layer");
    if (to.kind != BlockKind::kv && !kind(project.block, BlockKind::q)) return false;
    if (!kind(project.source.block, BlockKind::hidden)) return false;
    if (!kind(project.weights.block, to.kind == BlockKind::q ? BlockKind::wq : BlockKind::wkv)) return false;
    const HeadRange channels{0, place_.schedule.problem.layer->hidden};
    if (project.source.heads != channels) {
      fail(Proof::data_flow, "reads channels {} of {}, but hidden states have {}", to_string(project.source.heads),
           name(project.source.block), to_string(channels));
    }
    if (project.weights.tokens != block(project.weights.block).tokens) {
      fail(Proof::data_flow, "reads rows {} of {}, not all", to_string(project.weights.tokens, 4),
           name(project.weights.block));
    }
    if (to.rotated) fail(Proof::data_flow, "makes {}, which nobody has rotated", name(project.block));
    if (to.tokens != project.source.tokens || to.heads != project.weights.heads) {
      fail(Proof::data_flow, "makes {} from rows {} of {} and heads {} of {}", name(project.block),
           to_string(project.source.tokens, 4), name(project.source.block), to_string(project.weights.heads),
           name(project.weights.block));
    }
    return ok_;
  }

  bool operator()(const Finish& finish) {
    const bool kinds[] = {kind(finish.state.block, BlockKind::state), kind(finish.out, BlockKind::out),
                          kind(finish.lse, BlockKind::lse)};
    if (!kinds[0] || !kinds[1] || !kinds[2]) return false;
    for (const BlockId made : {finish.out, finish.lse}) {
      if (block(made).tokens == finish.state.tokens && block(made).heads == finish.state.heads) continue;
      fail(Proof::data_flow, "makes {} from rows {} x heads {} of {}", name(made), to_string(finish.state.tokens, 4),
           to_string(finish.state.heads), name(finish.state.block));
    }
    return ok_;
  }

 private:
  const Block& block(BlockId id) const { return place_.program.blocks[static_cast<size_t>(id)]; }
  std::string name(BlockId id) const { return describe(place_.program, id); }

  template <typename... Args>
  bool fail(Proof proof, fmt::format_string<Args...> format, Args&&... args) {
    place_.findings.add(proof, place_.rank, place_.operation, format, std::forward<Args>(args)...);
    ok_ = false;
    return false;
  }

  bool kind(BlockId id, BlockKind wanted) {
    if (block(id).kind == wanted) return true;
    return fail(Proof::data_flow, "{} is used as {}", name(id), to_string(wanted));
  }

  /// Attended rows are rotated if the problem has a rotary embedding, and only then.
  void rotated(BlockId id) {
    if (block(id).rotated == place_.schedule.problem.rope.has_value()) return;
    fail(Proof::data_flow, "attends {}, which is {}", name(id),
         block(id).rotated ? "rotated without need" : "not rotated, but the problem has a rotary embedding");
  }

  void peer(int peer, const char* verb) {
    const auto ranks = static_cast<int>(place_.schedule.ranks.size());
    if (peer < 0 || peer >= ranks) {
      fail(Proof::matching, "{} rank {}, but there are ranks 0 to {}", verb, peer, ranks - 1);
    } else if (peer == place_.rank) {
      fail(Proof::matching, "{} itself", verb);
    }
  }

  void mask(const Mask& mask) {
    const bool known = mask.kind == MaskKind::causal || mask.kind == MaskKind::full || mask.kind == MaskKind::window;
    if (!known || mask.window < 0) fail(Proof::data_flow, "its mask is none of causal, full and window");
  }

  void holds(BlockId id, const View& view, const char* what) {
    if (block(id).tokens.contains(view.tokens) && block(id).heads.contains(view.heads)) return;
    fail(Proof::data_flow, "{} {} x heads {} of {} do not lie within {}", what, to_string(view.tokens, 4),
         to_string(view.heads), name(view.block), name(id));
  }

  void same_rows(BlockId before, BlockId after) {
    if (block(before).tokens == block(after).tokens && block(before).heads == block(after).heads) return;
    fail(Proof::data_flow, "folds {} into {} with other rows", name(before), name(after));
  }

  const Place& place_;
  bool ok_ = true;
};

}  // namespace

bool check_agreement(const Place& place) {
  return std::visit(Agreement(place), place.program.operations[static_cast<size_t>(place.operation)]);
}

}  // namespace ringfold
