#pragma once

#include "lib/random_draws.h"
#include "lib/staged_transport.h"

#include <chrono>

namespace ringfold {

/// Makes a rank's exchanges start late, hold their transfers in another order, end late and look unfinished for a
/// while, all drawn from the seed. What a program computes must not change by one bit.
class DelayingTransport final : public StagedTransport {
 public:
  /// Each of the two delays of an exchange is 0 or up to `most`. Use another seed on each rank.
  DelayingTransport(Transport& inner, uint64_t seed, std::chrono::microseconds most);

 private:
  void prepare(BoundExchange& exchange) override;
  void conclude(const BoundExchange& exchange) override;
  bool shows_end() override;
  void delay();

  RandomDraws draws_;
  std::chrono::microseconds most_;
};

}  // namespace ringfold
