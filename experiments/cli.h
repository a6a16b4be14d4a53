#pragma once

namespace ringfold {

/// The `ringfold` program; returns its exit code. Never throws.
int run_program(int argc, char** argv);

}  // namespace ringfold
