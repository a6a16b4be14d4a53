#pragma once

#include "experiments/compared.h"
#include "experiments/text.h"

#include <string>

namespace ringfold {

/// What `ringfold compare` prints: a line a case that both sides have; under it what must not go unsaid. Every text of
/// the results is made printable. `columns`: as TableStyle (table.h).
std::string compared_table(const Side& a, const Side& b, const Compared& compared, const Criterion& criterion,
                           const Style& style, int64_t columns);

/// The same for programs, `{"schema": 1, "cases": [...], ...}`; docs/comparing.md lists the fields.
std::string compared_json(const Side& a, const Side& b, const Compared& compared, const Criterion& criterion);

}  // namespace ringfold
