#include "experiments/parcels.h"

#include <algorithm>

namespace ringfold {

std::vector<std::string> gather_in_parcels(Control& control, const std::string& mine, int64_t parcel_bytes) {
  size_t longest = 0;
  for (const std::string& size : control.gather(std::to_string(mine.size()))) {
    longest = std::max<size_t>(longest, std::stoull(size));
  }
  longest = std::stoull(control.broadcast(std::to_string(longest)));
  std::vector<std::string> all(control.rank() == 0 ? static_cast<size_t>(control.size()) : 0);
  for (size_t at = 0; at < longest; at += static_cast<size_t>(parcel_bytes)) {
    const std::string parcel = at < mine.size() ? mine.substr(at, static_cast<size_t>(parcel_bytes)) : "";
    const std::vector<std::string> parcels = control.gather(parcel);
    for (size_t rank = 0; rank < parcels.size(); ++rank) all[rank] += parcels[rank];
  }
  return all;
}

}  // namespace ringfold
