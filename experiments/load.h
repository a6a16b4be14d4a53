#pragma once

#include "experiments/vocabulary.h"

namespace ringfold {

/// What files may name, by the tables of this build.
Vocabulary built_vocabulary();

}  // namespace ringfold
