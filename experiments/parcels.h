#pragma once

#include "lib/control.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ringfold {

/// Control::gather for texts of any length, which differ from rank to rank: they travel in parcels. Collective.
std::vector<std::string> gather_in_parcels(Control& control, const std::string& mine,
                                           int64_t parcel_bytes = int64_t{256} << 10);

}  // namespace ringfold
