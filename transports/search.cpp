#include "transports/search.h"

#include "lib/stop.h"
#include "lib/world.h"
#include "transports/beat.h"
#include "transports/machine.h"
#include "transports/rendezvous.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace ringfold {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr const char* kKey = "card";
constexpr const char* kRetiredKey = "retired";
/// Until then ranks may just be slow to start.
constexpr milliseconds kPatience{3000};
constexpr milliseconds kBetweenLooks{250};
/// For a card that is there.
constexpr milliseconds kAtOnce{50};
/// As many missing ranks are looked for, and named.
constexpr size_t kMostNamed = 4;

std::string here() { return machine_id({"pid"}); }

bool is_seen(const Card& card) { return card.machine == here(); }

bool has_ended(const Card& card) {
  std::ifstream file(fmt::format("/proc/{}/stat", card.pid));
  std::string stat;
  std::getline(file, stat);
  const size_t name_end = stat.rfind(") ");
  const char state = name_end == std::string::npos ? 'X' : stat[name_end + 2];
  return is_seen(card) && (state == 'X' || state == 'Z');
}

std::string as_text(const Card& card) {
  return fmt::format("{}\n{}\n{}\n{}\n{}", card.name, card.machine, card.pid, static_cast<int>(card.code), card.away);
}

Card as_card(const std::string& text) {
  std::istringstream lines(text);
  Card card;
  int code = 0;
  std::getline(lines, card.name);
  std::getline(lines, card.machine);
  RINGFOLD_INVARIANT(lines >> card.pid >> code && lines.get() == '\n', "a rank has published what is no card: '{}'",
                     text);
  card.code = static_cast<ExitCode>(code);
  std::getline(lines, card.away);
  return card;
}

}  // namespace

void hand_in_card(Launch& launch, const std::string& away, ExitCode code) {
  launch.publish(kKey, as_text({name_of_process(launch.rank()), here(), getpid(), away, code}));
}

void retire(Launch& launch) { launch.publish(kRetiredKey, name_of_process(launch.rank())); }

bool has_retired(Launch& launch, int rank, const std::string& name) {
  return launch.published_by(rank, kRetiredKey, kAtOnce) == name;
}

Search::Search(Launch& launch, milliseconds deadline)
    : launch_(launch),
      deadline_(deadline),
      end_(steady_clock::now() + deadline),
      next_(steady_clock::now() + kPatience) {}

void Search::look(const std::vector<int>& missing) {
  const auto now = steady_clock::now();
  // A launcher that has lost a rank stops the others.
  if (stop_requested() && !stopped_at_) next_ = *(stopped_at_ = now);
  const bool is_over = now >= end_ || (stopped_at_ && now - *stopped_at_ >= 2 * kGrace);
  if (now < next_ && !is_over) return;
  next_ = now + kBetweenLooks;
  for (size_t i = 0; i < std::min(missing.size(), kMostNamed); ++i) judge(missing[i]);
  if (is_over) give_up(missing);
}

const Card* Search::card_of(int rank) {
  if (!cards_.contains(rank)) {
    const auto text = launch_.published_by(rank, kKey, kAtOnce);
    if (!text) return nullptr;
    cards_[rank] = as_card(*text);
  }
  const Card& card = cards_[rank];
  return has_ended(card) && has_retired(launch_, rank, card.name) ? nullptr : &card;
}

void Search::judge(int rank) {
  const Card* card = card_of(rank);
  if (card == nullptr) return;
  if (!card->away.empty()) {
    const std::string text = fmt::format("{}: {}", card->name, card->away);
    if (rank == 0 && card->code != ExitCode::ok) throw SharedError(card->code, text);
    throw Error(ExitCode::usage, text);
  }
  RINGFOLD_CHECK(!has_ended(*card), ExitCode::peer_lost,
                 "{} has died before the rendezvous; rank {} waits for rank {} in the rendezvous", card->name,
                 launch_.rank(), rank);
}

void Search::give_up(const std::vector<int>& missing) {
  const char* have = missing.size() == 1 ? "has" : "have";
  RINGFOLD_CHECK(stopped_at_, ExitCode::deadline, "{} {} not come to the rendezvous (deadline {} ms)",
                 names_of(missing, ""), have, deadline_.count());
  const bool all_live = std::ranges::all_of(missing, [this](int rank) {
    const Card* card = card_of(rank);
    return card != nullptr && is_seen(*card);
  });
  RINGFOLD_CHECK(!all_live, ExitCode::interrupted, "interrupted at the rendezvous: {} {} not come",
                 names_of(missing, ""), have);
  throw Error(ExitCode::peer_lost,
              fmt::format("{} {} not come to the rendezvous when the launcher stopped the others: it has died, unless "
                          "somebody has interrupted the run; rank {} waits for rank {} in the rendezvous",
                          names_of(missing, ", pid unknown: it has not told"), have, launch_.rank(), missing.front()));
}

std::string Search::name_of(int rank, const char* without_pid) {
  if (const Card* card = card_of(rank)) return card->name;
  const std::string host = launch_.host_of(rank);
  return host.empty() ? fmt::format("rank {}", rank) : fmt::format("rank {} (host {}{})", rank, host, without_pid);
}

/// "rank 2 (host node7) and 3 more"
std::string Search::names_of(const std::vector<int>& missing, const char* without_pid) {
  std::string text;
  for (size_t i = 0; i < std::min(missing.size(), kMostNamed); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", name_of(missing[i], without_pid));
  }
  return missing.size() > kMostNamed ? fmt::format("{} and {} more", text, missing.size() - kMostNamed) : text;
}

}  // namespace ringfold
