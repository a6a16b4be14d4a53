#include "lib/delaying_transport.h"

#include <thread>

namespace ringfold {

DelayingTransport::DelayingTransport(Transport& inner, uint64_t seed, std::chrono::microseconds most)
    : StagedTransport(inner), draws_(seed), most_(most) {}

void DelayingTransport::prepare(BoundExchange& exchange) {
  draws_.shuffle(exchange.sends);
  draws_.shuffle(exchange.receives);
  delay();
}

void DelayingTransport::conclude(const BoundExchange&) { delay(); }

bool DelayingTransport::shows_end() { return draws_.below(3) != 0; }

void DelayingTransport::delay() {
  // Mostly short: many different interleavings a second matter more than long pauses.
  switch (draws_.below(4)) {
    case 0: return;
    case 1: std::this_thread::yield(); return;
    case 2: std::this_thread::sleep_for(most_ * static_cast<int>(draws_.below(100)) / 1000); return;
    case 3: std::this_thread::sleep_for(most_ * static_cast<int>(draws_.below(100)) / 100); return;
  }
}

}  // namespace ringfold
