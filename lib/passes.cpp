#include "lib/passes.h"

namespace ringfold {

namespace {

constexpr Pass kPasses[] = {
    {"fuse", "joins attends on one state where no exchange has to be waited for in between",
     [](Schedule schedule, const AssumedRates&) { return fuse_attends(std::move(schedule)); }},
    {"join", "on a device: waits for all keys where one attend of them costs less than several", &join_attends, true},
    {"align", "on a device: lays K and V out so that what is attended together can lie side by side", &align_kv, true},
    {"early", "moves exchanges up before compute that they need not wait for",
     [](Schedule schedule, const AssumedRates&) { return issue_early(std::move(schedule)); }},
    {"reuse", "gives memory of dead blocks to new ones and folds states in place",
     [](Schedule schedule, const AssumedRates&) { return assign_buffers(std::move(schedule), true); }},
};

}  // namespace

std::span<const Pass> pass_table() { return kPasses; }

}  // namespace ringfold
