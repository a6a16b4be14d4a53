#include "kernels/attend_plan.h"

#include "kernels/rows.h"
#include "lib/error.h"

namespace ringfold {

void AttendPlan::build(const AttendTask& task, int64_t pairs_per_block) {
  runs.clear();
  blocks.clear();
  int64_t sequence = -1;
  size_t first_run = 0;
  int64_t tokens = 0;
  for_common_rows(task.q.segments, task.state.o.segments, [&](const CommonRows& run) {
    if (run.tokens.sequence != sequence) {
      add_sequence(task, sequence, first_run, pairs_per_block);
      sequence = run.tokens.sequence;
      first_run = runs.size();
    }
    const int64_t before = runs.size() == first_run ? 0 : runs.back().before + runs.back().count;
    runs.push_back({run.tokens.begin, run.a_row, run.b_row, run.tokens.size(), before});
    tokens += run.tokens.size();
  });
  add_sequence(task, sequence, first_run, pairs_per_block);
  RINGFOLD_INVARIANT(tokens == rows_in(task.q.segments), "queries without a row in the state they fold into");
}

void AttendPlan::add_sequence(const AttendTask& task, int64_t sequence, size_t first_run, int64_t pairs_per_block) {
  if (first_run == runs.size()) return;
  const int64_t tokens = runs.back().before + runs.back().count;
  for (int64_t begin = task.q.heads.begin; begin < task.q.heads.end;) {
    const int64_t kv_head = begin / task.group;
    const HeadRange heads{begin, std::min(task.q.heads.end, (kv_head + 1) * task.group)};
    const int64_t pairs = tokens * heads.size();
    const int64_t count = (pairs + pairs_per_block - 1) / pairs_per_block;
    for (int64_t block = count - 1; block >= 0; --block) {
      const int64_t first = block * pairs_per_block;
      const int64_t size = std::min(pairs - first, pairs_per_block);
      blocks.push_back({sequence, first_run, runs.size(), kv_head, heads, first, size});
    }
    begin = heads.end;
  }
}

}  // namespace ringfold
