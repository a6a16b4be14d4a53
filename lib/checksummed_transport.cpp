#include "lib/checksummed_transport.h"

#include "lib/error.h"
#include "lib/random_bits.h"

#include <algorithm>
#include <cstring>

namespace ringfold {

namespace {

constexpr uint64_t kSealTag = uint64_t{1} << 52;        // above what plans use, below what UCX leaves to a rank's tags
constexpr int64_t kSealedBytes = 6 * sizeof(uint64_t);  // of a seal: all but the sum of itself

}  // namespace

uint64_t checksum(const std::byte* data, int64_t bytes) {
  // Each step is a bijection of the sum for a given word, and of the word for a given sum; four chains for speed.
  uint64_t chains[4] = {1, 2, 3, 4};
  const auto add = [](uint64_t& chain, uint64_t word) {
    chain = (chain ^ word) * 0x9e3779b97f4a7c15U;
    chain ^= chain >> 29;
  };
  int64_t at = 0;
  for (; at + 32 <= bytes; at += 32) {
    uint64_t words[4];
    std::memcpy(words, data + at, 32);
    for (int i = 0; i < 4; ++i) add(chains[i], words[i]);
  }
  for (; at < bytes; at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, data + at, static_cast<size_t>(std::min<int64_t>(8, bytes - at)));
    add(chains[at / 8 % 4], word);
  }
  uint64_t sum = static_cast<uint64_t>(bytes);
  for (const uint64_t chain : chains) sum = mix_bits(sum ^ chain);
  return sum;
}

ChecksummedTransport::ChecksummedTransport(Transport& inner, int rank) : StagedTransport(inner), rank_(rank) {}

void ChecksummedTransport::prepare(BoundExchange& exchange) {
  const size_t sends = exchange.sends.size();
  const size_t receives = exchange.receives.size();
  send_seals_.assign(sends, {});
  receive_seals_.assign(receives, {});
  for (size_t i = 0; i < sends; ++i) {
    const Transfer send = exchange.sends[i];
    RINGFOLD_INVARIANT(send.tag < kSealTag, "tag {} is kept for seals", send.tag);
    Seal& seal = send_seals_[i];
    seal.sender = static_cast<uint64_t>(rank_);
    seal.receiver = static_cast<uint64_t>(send.peer);
    seal.tag = send.tag;
    seal.number = sent_[{send.peer, send.tag}]++;
    seal.bytes = static_cast<uint64_t>(send.bytes);
    seal.sum = checksum(send.data, send.bytes);
    seal.self = checksum(reinterpret_cast<const std::byte*>(&seal), kSealedBytes);
    exchange.sends.push_back({send.peer, send.tag | kSealTag, reinterpret_cast<std::byte*>(&seal), sizeof(Seal)});
  }
  for (size_t i = 0; i < receives; ++i) {
    const Transfer receive = exchange.receives[i];
    exchange.receives.push_back(
        {receive.peer, receive.tag | kSealTag, reinterpret_cast<std::byte*>(&receive_seals_[i]), sizeof(Seal)});
  }
}

void ChecksummedTransport::conclude(const BoundExchange& exchange) {
  for (size_t i = 0; i < receive_seals_.size(); ++i) {
    const Transfer& receive = exchange.receives[i];
    verify(exchange.operation, receive, receive_seals_[i], received_[{receive.peer, receive.tag}]++);
  }
}

void ChecksummedTransport::verify(int operation, const Transfer& receive, const Seal& seal, uint64_t number) const {
  const auto check = [&](bool right, const char* what) {
    RINGFOLD_CHECK(right, ExitCode::peer_lost, "message from rank {} to rank {}, operation {}, tag {}, {} bytes: {}",
                   receive.peer, rank_, operation, receive.tag, receive.bytes, what);
  };
  check(seal.self == checksum(reinterpret_cast<const std::byte*>(&seal), kSealedBytes), "its seal is broken");
  check(seal.sender == static_cast<uint64_t>(receive.peer) && seal.receiver == static_cast<uint64_t>(rank_) &&
            seal.tag == receive.tag && seal.number == number,
        "another message came in its place");
  check(seal.bytes == static_cast<uint64_t>(receive.bytes), "its length is not the one sent");
  check(seal.sum == checksum(receive.data, receive.bytes), "its bytes are not the ones sent");
}

}  // namespace ringfold
