// The matching and copying half of MeetingPoint.
#include "lib/error.h"
#include "transports/meeting_point.h"

#include <algorithm>
#include <cstring>
#include <ranges>

namespace ringfold {

namespace {

/// Copied at once, under the mutex: dearer to hand around than to copy.
constexpr int64_t kSmallBytes = 4096;
/// What one thread copies between two looks at what else there is to do.
constexpr int64_t kChunkBytes = int64_t{256} << 10;

}  // namespace

void MeetingPoint::enqueue(int rank, const BoundExchange& exchange, MeetingFence& done) {
  const auto valid = [&](const Transfer& transfer) { return transfer.peer >= 0 && transfer.peer < ranks(); };
  RINGFOLD_INVARIANT(std::all_of(exchange.sends.begin(), exchange.sends.end(), valid) &&
                         std::all_of(exchange.receives.begin(), exchange.receives.end(), valid),
                     "rank {}, operation {}: a peer outside 0..{}", rank, exchange.operation, ranks() - 1);
  Lock lock = lock_up();
  throw_if_over(rank);
  done.set(false);
  at(rank).queue.push_back({&exchange, &done});
  at(rank).outstanding.fetch_add(1, std::memory_order_relaxed);
  to_start_.push_back(rank);
  start_queued();
  while (copy_chunk(lock, rank)) {
  }
}

void MeetingPoint::start_queued() {
  while (!to_start_.empty()) {
    const int rank = to_start_.back();
    to_start_.pop_back();
    Rank& mine = at(rank);
    if (mine.current.exchange == nullptr && mine.next < mine.queue.size()) start(rank);
  }
}

void MeetingPoint::start(int rank) {
  Rank& mine = at(rank);
  mine.current = mine.queue[mine.next++];
  if (mine.next == mine.queue.size()) {
    mine.queue.clear();
    mine.next = 0;
  }
  const BoundExchange& exchange = *mine.current.exchange;
  if (exchange.span != nullptr) exchange.span->begin = std::chrono::steady_clock::now();
  mine.sends_met.assign(exchange.sends.size(), 0);
  mine.copies.assign(exchange.receives.size(), Copy{});
  mine.unfinished = 1 + static_cast<int64_t>(exchange.sends.size() + exchange.receives.size());
  for (size_t i = 0; i < exchange.sends.size(); ++i) {
    const Transfer& send = exchange.sends[i];
    Rank& peer = at(send.peer);
    if (peer.current.exchange == nullptr) continue;
    const auto& receives = peer.current.exchange->receives;
    for (size_t j = 0; j < receives.size(); ++j) {
      if (receives[j].peer == rank && receives[j].tag == send.tag && !peer.copies[j].met) {
        pair(rank, i, send.peer, j);
        break;
      }
    }
  }
  for (size_t j = 0; j < exchange.receives.size(); ++j) {
    const Transfer& receive = exchange.receives[j];
    Rank& peer = at(receive.peer);
    if (mine.copies[j].met || peer.current.exchange == nullptr) continue;
    const auto& sends = peer.current.exchange->sends;
    for (size_t i = 0; i < sends.size(); ++i) {
      if (sends[i].peer == rank && sends[i].tag == receive.tag && !peer.sends_met[i]) {
        pair(receive.peer, i, rank, j);
        break;
      }
    }
  }
  end_part(rank);
}

void MeetingPoint::pair(int sender, size_t send, int receiver, size_t receive) {
  const BoundExchange& from = *at(sender).current.exchange;
  const BoundExchange& to = *at(receiver).current.exchange;
  const Transfer& source = from.sends[send];
  const Transfer& target = to.receives[receive];
  RINGFOLD_INVARIANT(source.bytes == target.bytes,
                     "rank {}, operation {} sends {} bytes with tag {} to rank {}, which expects {} in operation {}",
                     sender, from.operation, source.bytes, source.tag, receiver, target.bytes, to.operation);
  at(sender).sends_met[send] = 1;
  Copy& copy = at(receiver).copies[receive];
  copy = {true, false, sender, receiver, source.data, target.data, source.bytes, 0, 0};
  liveness_.tick(sender);
  liveness_.tick(receiver);
  if (copy.bytes <= kSmallBytes) {
    if (copy.bytes > 0) std::memcpy(copy.to, copy.from, static_cast<size_t>(copy.bytes));
    end_transfer(copy);
    return;
  }
  open_copies_.push_back(&copy);
  open_count_.fetch_add(1, std::memory_order_relaxed);
  if (copy.bytes > kChunkBytes) {
    wake(sender);
    wake(receiver);
  }
}

void MeetingPoint::end_transfer(Copy& copy) {
  end_part(copy.sender);
  end_part(copy.receiver);
}

void MeetingPoint::end_part(int rank) {
  Rank& mine = at(rank);
  if (--mine.unfinished > 0) return;
  MeetingFence& done = *mine.current.done;
  ExchangeSpan* span = mine.current.exchange->span;
  if (span != nullptr) span->end = std::chrono::steady_clock::now();
  mine.current = {};
  done.set(true);
  mine.outstanding.fetch_sub(1, std::memory_order_release);
  wake(rank);
  to_start_.push_back(rank);
}

/// The next copy to work on: any if for_rank is -1, else one of that rank or of a rank that sleeps, since nobody
/// might look after it otherwise.
MeetingPoint::Copy* MeetingPoint::open_copy(int for_rank) {
  for (Copy* copy : std::views::reverse(open_copies_)) {
    const int sender = copy->sender;
    const int receiver = copy->receiver;
    if (for_rank < 0 || for_rank == sender || for_rank == receiver || at(sender).asleep || at(receiver).asleep) {
      return copy;
    }
  }
  return nullptr;
}

/// Copies one chunk, without the mutex. False if there was nothing to copy.
bool MeetingPoint::copy_chunk(Lock& lock, int for_rank) {
  Copy* copy = open_copy(for_rank);
  if (copy == nullptr) return false;
  const int64_t begin = copy->claimed;
  const int64_t bytes = std::min(kChunkBytes, copy->bytes - begin);
  copy->claimed += bytes;
  if (copy->claimed == copy->bytes) {
    std::erase(open_copies_, copy);
    open_count_.fetch_sub(1, std::memory_order_relaxed);
  }
  Rank& sender = at(copy->sender);
  Rank& receiver = at(copy->receiver);
  ++sender.chunks_in_copy;
  ++receiver.chunks_in_copy;
  lock.unlock();
  std::memcpy(copy->to + begin, copy->from + begin, static_cast<size_t>(bytes));
  lock.lock();
  --sender.chunks_in_copy;
  --receiver.chunks_in_copy;
  copy->copied += bytes;
  liveness_.tick(copy->sender);
  liveness_.tick(copy->receiver);
  if (copy->cancelled) {
    wake(copy->sender);
    wake(copy->receiver);
  } else if (copy->copied == copy->bytes) {
    end_transfer(*copy);
    start_queued();
  }
  return true;
}

void MeetingPoint::cancel(int rank) noexcept {
  Lock lock = lock_up();
  Rank& mine = at(rank);
  mine.queue.clear();
  mine.next = 0;
  for (Rank& peer : ranks_) {
    for (Copy& copy : peer.copies) {
      if (copy.met && (copy.sender == rank || copy.receiver == rank)) copy.cancelled = true;
    }
  }
  std::erase_if(open_copies_, [](const Copy* copy) { return copy->cancelled; });
  open_count_.store(static_cast<int>(open_copies_.size()), std::memory_order_relaxed);
  mine.asleep = true;
  while (mine.chunks_in_copy > 0) mine.wake.wait(lock);
  mine.asleep = false;
  mine.current = {};
  mine.outstanding.store(0, std::memory_order_relaxed);
}

}  // namespace ringfold
