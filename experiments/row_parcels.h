#pragma once

#include "lib/compare.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// Cuts the rows that a rank holds into parcels of about a MiB, for sending them to another process.
class RowParcels {
 public:
  /// The memory that `rows` point to must stay.
  RowParcels(std::vector<OutputRows> rows, int64_t dim);
  /// The next parcel; empty when none is left.
  std::string next();

 private:
  std::vector<OutputRows> rows_;
  int64_t dim_;
  size_t at_ = 0;      ///< rows_ being sent
  size_t range_ = 0;   ///< range of its tokens
  int64_t token_ = 0;  ///< of that range
  int64_t row_ = 0;    ///< of rows_[at_]
};

/// The rows of a parcel, which they point into.
OutputRows rows_of_parcel(std::string_view parcel, int64_t dim);

}  // namespace ringfold
