#pragma once

#include "lib/problem.h"
#include "tests/catch.h"

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace ringfold::testing {

/// Projects generated hidden states of many widths with a kernel, wherever its memory is, and requires the bits that
/// there are: some rows and heads of more. Skips the test case where the kernel is unavailable.
void check_projections(std::string_view kernel, std::initializer_list<DType> dtypes,
                       std::initializer_list<int64_t> dims);

}  // namespace ringfold::testing
