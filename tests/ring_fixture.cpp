#include "tests/ring_fixture.h"

#include "lib/error.h"
#include "tests/toy_kernel.h"

#include <cstring>

namespace ringfold {

namespace {

BlockId add(Program& program, BlockKind kind, const TokenSet& tokens, const HeadRange& heads) {
  program.blocks.push_back({kind, DType::fp32, Layout::heads_outer, tokens, heads});
  return static_cast<BlockId>(program.blocks.size() - 1);
}

Program ring_program(int rank, int ranks, int64_t tokens, const Heads& heads) {
  const auto shard = [&](int r) { return TokenSet::range(0, tokens * r / ranks, tokens * (r + 1) / ranks); };
  const HeadRange q_heads{0, heads.query};
  const HeadRange kv_heads{0, heads.kv};
  Program program;
  const BlockId q = add(program, BlockKind::q, shard(rank), q_heads);
  BlockId kv = add(program, BlockKind::kv, shard(rank), kv_heads);
  program.inputs = {q, kv};
  BlockId state = kNoBlock;
  for (int step = 0; step < ranks; ++step) {
    const int source = (rank - step + ranks) % ranks;
    BlockId next = kNoBlock;
    if (step + 1 < ranks) {
      next = add(program, BlockKind::kv, shard((source - 1 + ranks) % ranks), kv_heads);
      const auto tag = static_cast<uint64_t>(step);
      program.operations.push_back(Exchange{{{(rank + 1) % ranks, tag, {kv, shard(source), kv_heads}}},
                                            {{(rank - 1 + ranks) % ranks, tag, next}}});
    }
    if (source <= rank) {
      const BlockId folded = add(program, BlockKind::state, shard(rank), q_heads);
      program.operations.push_back(
          Attend{{q, shard(rank), q_heads}, {{kv, shard(source), kv_heads}}, Mask{}, state, folded});
      state = folded;
    }
    kv = next;
  }
  const BlockId out = add(program, BlockKind::out, shard(rank), q_heads);
  const BlockId lse = add(program, BlockKind::lse, shard(rank), q_heads);
  program.operations.push_back(Finish{{state, shard(rank), q_heads}, out, lse});
  program.outputs = {out, lse};
  return program;
}

/// Values in [-1, 1) from global positions only.
void fill(const BoundBlock& bound, int64_t dim) {
  const int planes = bound.block->kind == BlockKind::kv ? 2 : 1;
  for (int plane = 0; plane < planes; ++plane) {
    const Tensor tensor = plane_tensor(*bound.block, bound.data, plane, dim);
    for (int64_t h = tensor.heads.begin; h < tensor.heads.end; ++h) {
      for (const Segment& part : tensor.segments) {
        for (int64_t p = part.begin; p < part.end; ++p) {
          auto* row = reinterpret_cast<float*>(tensor.data) + (h - tensor.heads.begin) * tensor.head_stride +
                      (part.row + p - part.begin) * tensor.row_stride;
          for (int64_t c = 0; c < dim; ++c) {
            const auto seed = static_cast<uint64_t>(((part.sequence * 1000003 + p) * 1009 + h) * 521 + c) * 4 +
                              static_cast<uint64_t>(bound.block->kind == BlockKind::q ? 0 : 1 + plane);
            row[c] = static_cast<float>((seed * 0x9e3779b97f4a7c15U) >> 40) / static_cast<float>(1 << 23) - 1.0F;
          }
        }
      }
    }
  }
}

}  // namespace

Schedule hand_written_ring(int ranks, int64_t tokens, Heads heads) {
  Schedule schedule;
  schedule.strategy = "hand_written_ring";
  schedule.problem.sequences = {{tokens, 0}};
  schedule.problem.heads = heads;
  schedule.cluster.sp = ranks;
  for (int rank = 0; rank < ranks; ++rank) schedule.ranks.push_back(ring_program(rank, ranks, tokens, heads));
  place_apart(schedule);
  return schedule;
}

void place_apart(Schedule& schedule) {
  for (Program& program : schedule.ranks) {
    program.offsets.clear();
    program.arena_bytes = 0;
    for (const Block& block : program.blocks) {
      program.offsets.push_back(program.arena_bytes);
      program.arena_bytes += (bytes_of(block, schedule.problem.heads.dim) + 63) / 64 * 64;
    }
  }
}

std::unique_ptr<Fabric> threads_fabric(int ranks, std::chrono::milliseconds deadline, std::string_view transport) {
  const TransportInfo* info = find_transport(transport);
  RINGFOLD_INVARIANT(info != nullptr, "no transport {}", transport);
  return info->make(ranks, {deadline});
}

std::vector<std::string> tested_transports() {
  const auto moves_host_memory = [](const TransportInfo& info) {
    bool moves = false;
    const auto fabric = info.make(1, {});
    run_ranks(*fabric, [&](RankContext& context) { moves = context.transport.moves(MemoryKind::host); });
    return moves;
  };
  std::vector<std::string> names;
  for (const TransportInfo& info : transport_table()) {
    if (!info.unavailable() && moves_host_memory(info)) names.emplace_back(info.id);
  }
  return names;
}

Outputs run_schedule(const Schedule& schedule, Fabric& fabric, const Wrap& wrap, int repeats) {
  const int64_t dim = schedule.problem.heads.dim;
  std::vector<Outputs> by_rank(schedule.ranks.size());
  run_ranks(fabric, [&](RankContext& context) {
    const std::unique_ptr<Kernel> kernel = make_toy_kernel([&] { context.control.tick(); });
    const std::unique_ptr<Transport> wrapped = wrap ? wrap(context) : nullptr;
    Executor executor(schedule, context.rank, *kernel, wrapped ? *wrapped : context.transport, context.control);
    const Program& program = schedule.ranks[static_cast<size_t>(context.rank)];
    for (const BlockId input : program.inputs) fill(executor.bound(input), dim);
    for (int repeat = 0; repeat < repeats; ++repeat) executor.run();
    for (const BlockId output : program.outputs) {
      const BoundBlock bound = executor.bound(output);
      by_rank[static_cast<size_t>(context.rank)].emplace_back(bound.data, bound.data + bytes_of(*bound.block, dim));
    }
  });
  Outputs outputs;
  for (Outputs& rank : by_rank) {
    for (auto& output : rank) outputs.push_back(std::move(output));
  }
  return outputs;
}

Outputs run_schedule(const Schedule& schedule, const Wrap& wrap, int repeats) {
  const std::unique_ptr<Fabric> fabric = threads_fabric(static_cast<int>(schedule.ranks.size()));
  return run_schedule(schedule, *fabric, wrap, repeats);
}

}  // namespace ringfold
