#pragma once

#include "lib/staged_transport.h"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace ringfold {

/// Proves that what arrives is what was sent: with each message travels a second one, a seal, that says which message
/// of its (sender, receiver, tag) it is, how long and what it adds up to. Whatever loses, doubles, swaps, cuts or
/// changes messages below ends in Error(peer_lost) that names the message, or in the deadline of the transport below:
/// never in a wrong answer. Costs a pass over the bytes on both sides and one small message more for each.
/// Tags must be below 2^52, each used once per peer in an exchange. Every rank must be wrapped alike.
class ChecksummedTransport final : public StagedTransport {
 public:
  ChecksummedTransport(Transport& inner, int rank);

 private:
  struct Seal {
    uint64_t sender = 0;
    uint64_t receiver = 0;
    uint64_t tag = 0;
    uint64_t number = 0;  ///< how many messages of this (sender, receiver, tag) came before
    uint64_t bytes = 0;
    uint64_t sum = 0;
    uint64_t self = 0;  ///< of all above
  };
  using Numbers = std::map<std::pair<int, uint64_t>, uint64_t>;  ///< by (peer, tag)

  void prepare(BoundExchange& exchange) override;
  void conclude(const BoundExchange& exchange) override;
  void verify(int operation, const Transfer& receive, const Seal& seal, uint64_t number) const;

  int rank_;
  Numbers sent_;
  Numbers received_;
  std::vector<Seal> send_seals_;
  std::vector<Seal> receive_seals_;
};

/// A sum of bytes that any change within 8 neighbouring, 8-byte-aligned bytes alters for certain, and any other change
/// but for one in 2^64 or so.
uint64_t checksum(const std::byte* data, int64_t bytes);

}  // namespace ringfold
