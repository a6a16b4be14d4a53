#pragma once

#include "lib/control.h"
#include "lib/transport.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ringfold {

/// What a rank tells the others of one transfer.
struct AnnouncedTransfer {
  int peer = 0;
  uint64_t tag = 0;
  int64_t bytes = 0;
  bool operator==(const AnnouncedTransfer&) const = default;
};

struct AnnouncedExchange {
  int operation = 0;
  std::vector<AnnouncedTransfer> sends;
  std::vector<AnnouncedTransfer> receives;
  bool operator==(const AnnouncedExchange&) const = default;
};

/// A rank's exchanges in program order.
using AnnouncedProgram = std::vector<AnnouncedExchange>;

AnnouncedProgram announced(std::span<const BoundExchange* const> exchanges);
std::string to_bytes(const AnnouncedProgram& program);
AnnouncedProgram program_of(const std::string& bytes);

/// A transfer of this rank and its other end. Exchanges and transfers are indices into the two ranks' programs.
struct MatchedTransfer {
  int peer = 0;
  int exchange = 0;
  int transfer = 0;
  int peer_exchange = 0;
  int peer_transfer = 0;
  uint64_t tag = 0;
  int64_t bytes = 0;
  bool operator==(const MatchedTransfer&) const = default;
};

/// By exchange, then peer, then the order in which transfers meet, which is the same on both ends: for a library
/// without tags.
struct MatchedProgram {
  std::vector<MatchedTransfer> sends;
  std::vector<MatchedTransfer> receives;
};

/// The n-th send of a tag to a rank meets that rank's n-th receive of it. Throws Error(internal) naming both ends where
/// one is missing, where bytes differ, or where two ranks' exchanges would have to meet in an order that neither keeps.
MatchedProgram match_transfers(std::span<const AnnouncedProgram> programs, int rank);

/// Collective: what each rank has said, in rank order.
std::vector<std::string> all_say(Control& control, const std::string& mine);

}  // namespace ringfold
