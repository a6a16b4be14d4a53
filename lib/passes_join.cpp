#include "lib/check.h"
#include "lib/drop_blocks.h"
#include "lib/estimate.h"
#include "lib/lifetimes.h"
#include "lib/passes.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace ringfold {
namespace {

/// The attends that make one state, each folding into the one before, by index of operation.
using Chain = std::vector<size_t>;

std::vector<Chain> chains_of(const Program& program) {
  const Lifetimes lifetimes = lifetimes_of(program);
  std::vector<Chain> chains;
  std::vector<int> chain_of(program.blocks.size(), -1);
  for (size_t i = 0; i < program.operations.size(); ++i) {
    const auto* attend = std::get_if<Attend>(&program.operations[i]);
    if (attend == nullptr) continue;
    int chain = -1;
    if (attend->state_in != kNoBlock && lifetimes.reads[static_cast<size_t>(attend->state_in)] == 1) {
      chain = chain_of[static_cast<size_t>(attend->state_in)];
    }
    if (chain < 0) {
      chain = static_cast<int>(chains.size());
      chains.emplace_back();
    }
    chains[static_cast<size_t>(chain)].push_back(i);
    chain_of[static_cast<size_t>(attend->state)] = chain;
  }
  return chains;
}

/// (query, key, kv head) triples that an attend computes.
int64_t triples(const Attend& attend) {
  int64_t count = 0;
  for (const View& kv : attend.kv) {
    count += visible_pairs(attend.mask, attend.q.tokens, kv.tokens) * kv.heads.size();
  }
  return count;
}

void add(std::vector<View>& list, const View& view) {
  for (View& known : list) {
    if (known.block != view.block || known.heads != view.heads) continue;
    known.tokens = unite(known.tokens, view.tokens);
    return;
  }
  list.push_back(view);
}

/// One attend of all queries to all keys of the chain, if it computes neither less nor more.
std::optional<Attend> whole_of(const Program& program, const Chain& chain) {
  const auto& first = std::get<Attend>(program.operations[chain.front()]);
  Attend whole = first;
  int64_t computed = 0;
  for (const size_t index : chain) {
    const auto& attend = std::get<Attend>(program.operations[index]);
    const bool alike = attend.q.block == whole.q.block && attend.q.heads == whole.q.heads && attend.mask == whole.mask;
    if (!alike) return std::nullopt;
    whole.q.tokens = unite(whole.q.tokens, attend.q.tokens);
    for (const View& kv : attend.kv) add(whole.kv, kv);
    whole.state = attend.state;
    computed += triples(attend);
  }
  // Parts of a product of sets that are disjoint, as was proved, and as many, are all of it.
  if (triples(whole) != computed) return std::nullopt;
  return whole;
}

Program joined(const Program& program, const Chain& chain, const Attend& whole) {
  Program result = program;
  result.operations[chain.back()] = whole;
  for (size_t i = chain.size() - 1; i-- > 0;) {
    result.operations.erase(result.operations.begin() + static_cast<std::ptrdiff_t>(chain[i]));
  }
  return result;
}

/// Does the second exchange send what the first brings?
bool forwards(const Exchange& first, const Exchange& second) {
  return std::ranges::any_of(second.sends, [&](const Send& send) {
    return std::ranges::any_of(first.receives,
                               [&](const Receive& receive) { return receive.block == send.view.block; });
  });
}

/// Blocks that nothing makes or reads any more.
Program without_unused(Program program) {
  std::vector<bool> unused(program.blocks.size(), true);
  const auto use = [&](BlockId block) { unused[static_cast<size_t>(block)] = false; };
  for (const BlockId block : program.inputs) use(block);
  for (const Operation& operation : program.operations) {
    visit_operands(program, operation, [&](const View& view) { use(view.block); }, use);
  }
  drop_blocks(program, unused);
  return program;
}

/// Makes one exchange of each run of them with nothing in between.
void join_exchanges(Program& program) {
  std::vector<Operation> operations;
  for (Operation& operation : program.operations) {
    auto* exchange = std::get_if<Exchange>(&operation);
    auto* before = operations.empty() ? nullptr : std::get_if<Exchange>(&operations.back());
    if (exchange == nullptr || before == nullptr || forwards(*before, *exchange)) {
      operations.push_back(std::move(operation));
      continue;
    }
    std::move(exchange->sends.begin(), exchange->sends.end(), std::back_inserter(before->sends));
    std::move(exchange->receives.begin(), exchange->receives.end(), std::back_inserter(before->receives));
  }
  program.operations = std::move(operations);
}

}  // namespace

Schedule join_attends(Schedule schedule, const AssumedRates& rates) {
  if (!rates.is_device()) return schedule;
  const Problem& problem = schedule.problem;
  for (Program& program : schedule.ranks) {
    program.offsets.clear();
    program.arena_bytes = 0;
    // Indices of other chains move when one is joined.
    for (bool changed = true; changed;) {
      changed = false;
      for (const Chain& chain : chains_of(program)) {
        if (chain.size() < 2) continue;
        const std::optional<Attend> whole = whole_of(program, chain);
        if (!whole) continue;
        Program candidate = without_unused(joined(program, chain, *whole));
        // What a schedule saves by passing blocks on is its own: memory for all of them is not taken.
        const bool fits = !rates.merges || most_alive_bytes(candidate, problem.heads.dim) <=
                                               most_alive_bytes(program, problem.heads.dim);
        const bool pays =
            !rates.merges || estimate_seconds(candidate, problem, rates) < estimate_seconds(program, problem, rates);
        if (!fits || !pays) continue;
        program = std::move(candidate);
        changed = true;
        break;
      }
    }
  }
  // Whether fewer exchanges, which end only when all of them have met, can end at all is asked of the checker.
  Schedule fewer = schedule;
  for (Program& program : fewer.ranks) join_exchanges(program);
  return check(fewer).proved() ? fewer : schedule;
}

}  // namespace ringfold
