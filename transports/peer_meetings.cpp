#include "transports/peer_meetings.h"

#include "lib/error.h"

namespace ringfold {

namespace {

void add(std::vector<PeerMeeting>& meetings, std::vector<int>& slots, const MatchedTransfer& transfer) {
  const bool goes_on = !meetings.empty() && meetings.back().peer == transfer.peer &&
                       meetings.back().transfers.front().peer_exchange == transfer.peer_exchange;
  if (!goes_on) meetings.push_back({transfer.peer, slots[static_cast<size_t>(transfer.peer)]++, {}});
  meetings.back().transfers.push_back(transfer);
}

}  // namespace

MeetingProgram plan_meetings(const MatchedProgram& matched, int rank, int ranks, size_t exchanges) {
  MeetingProgram program;
  program.exchanges.resize(exchanges);
  program.incoming_slots.resize(static_cast<size_t>(ranks));
  program.outgoing_slots.resize(static_cast<size_t>(ranks));
  for (const MatchedTransfer& receive : matched.receives) {
    MeetingExchange& exchange = program.exchanges[static_cast<size_t>(receive.exchange)];
    if (receive.peer != rank) {
      add(exchange.incoming, program.incoming_slots, receive);
      continue;
    }
    RINGFOLD_INVARIANT(receive.exchange == receive.peer_exchange,
                       "rank {} sends itself tag {} in one exchange and receives it in another", rank, receive.tag);
    exchange.own.push_back(receive);
  }
  for (const MatchedTransfer& send : matched.sends) {
    if (send.peer == rank) continue;
    add(program.exchanges[static_cast<size_t>(send.exchange)].outgoing, program.outgoing_slots, send);
  }
  return program;
}

FlagLayout lay_out_flags(const MeetingProgram& program) {
  FlagLayout layout;
  for (const int slots : program.incoming_slots) {
    layout.ready.push_back(layout.words);
    layout.words += slots;
  }
  for (const int slots : program.outgoing_slots) {
    layout.taken.push_back(layout.words);
    layout.words += slots;
  }
  return layout;
}

}  // namespace ringfold
