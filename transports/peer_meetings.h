#pragma once

#include "transports/transfer_order.h"

#include <vector>

namespace ringfold {

/// The transfers from one exchange of a sender to one exchange of a receiver. They are ready together and are waited
/// for together, so that one flag each way does for all of them.
struct PeerMeeting {
  int peer = 0;
  int slot = 0;  ///< its number among those of sender and receiver, the same on both ends
  std::vector<MatchedTransfer> transfers;
};

/// What one exchange of a rank consists of.
struct MeetingExchange {
  std::vector<PeerMeeting> incoming;  ///< by peer; those of one peer in the order in which they become ready
  std::vector<PeerMeeting> outgoing;
  std::vector<MatchedTransfer> own;  ///< from the rank to itself, as receives
};

struct MeetingProgram {
  std::vector<MeetingExchange> exchanges;
  std::vector<int> incoming_slots;  ///< by peer: how many
  std::vector<int> outgoing_slots;
};

/// Throws Error(internal) for a transfer from a rank to itself that would have to meet another exchange.
MeetingProgram plan_meetings(const MatchedProgram& matched, int rank, int ranks, size_t exchanges);

/// Where a rank's flags lie, in words: one a meeting, that its data are ready (incoming), or that they have been taken
/// (outgoing).
struct FlagLayout {
  std::vector<int64_t> ready;  ///< by peer: the first one's
  std::vector<int64_t> taken;
  int64_t words = 0;
};
FlagLayout lay_out_flags(const MeetingProgram& program);

}  // namespace ringfold
