#include "lib/passes.h"

namespace ringfold {

namespace {

constexpr Pass kPasses[] = {
    {"fuse", "joins attends on one state where no exchange has to be waited for in between", &fuse_attends},
    {"early", "moves exchanges up before compute that they need not wait for", &issue_early},
    {"reuse", "gives memory of dead blocks to new ones and folds states in place",
     [](Schedule schedule) { return assign_buffers(std::move(schedule), true); }},
};

}  // namespace

std::span<const Pass> pass_table() { return kPasses; }

}  // namespace ringfold
