#include "experiments/parcels.h"

#include "lib/ranks.h"
#include "tests/catch.h"
#include "tests/ring_fixture.h"

#include <atomic>

using namespace ringfold;

TEST_CASE("texts of any length meet on rank 0 in parcels") {
  const std::vector<size_t> sizes = {0, 1, 9, 10, 11, 1000};
  for (const int64_t parcel : {1, 10, 4096}) {
    const auto text_of = [&](int rank) {
      std::string text;
      for (size_t i = 0; i < sizes[static_cast<size_t>(rank)]; ++i) {
        text += static_cast<char>(i * 7 + static_cast<size_t>(rank));
      }
      return text;
    };
    const int ranks = static_cast<int>(sizes.size());
    const auto fabric = threads_fabric(ranks);
    std::atomic<int> wrong{0};
    run_ranks(*fabric, [&](RankContext& context) {
      const auto all = gather_in_parcels(context.control, text_of(context.rank), parcel);
      if (all.size() != (context.rank == 0 ? sizes.size() : 0)) ++wrong;
      for (size_t rank = 0; rank < all.size(); ++rank) wrong += all[rank] == text_of(static_cast<int>(rank)) ? 0 : 1;
      const auto none = gather_in_parcels(context.control, "", parcel);
      for (const std::string& text : none) wrong += text.empty() ? 0 : 1;
    });
    CHECK(wrong == 0);
  }
}
