#include "lib/recording_transport.h"

namespace ringfold {

void RecordingTransport::enqueue(const BoundExchange& exchange, Fence* after, Fence& done) {
  for (const Transfer& send : exchange.sends) {
    sent_bytes_ += send.bytes;
    sent_to_[send.peer] += send.bytes;
  }
  for (const Transfer& receive : exchange.receives) received_bytes_ += receive.bytes;
  inner_.enqueue(exchange, after, done);
}

void RecordingTransport::reset() {
  sent_bytes_ = 0;
  received_bytes_ = 0;
  for (auto& [peer, bytes] : sent_to_) bytes = 0;
}

}  // namespace ringfold
