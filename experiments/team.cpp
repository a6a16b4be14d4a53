#include "experiments/team.h"

#include "transports/join.h"
#include "transports/launch.h"
#include "transports/rendezvous.h"

#include <algorithm>
#include <exception>

namespace ringfold {
namespace {

/// Between cases nothing shows signs of life while it reads, plans or writes.
constexpr std::chrono::seconds kBetweenCases{60};
/// A process that lives says so all the time, whatever it does; this holds until the experiment's deadline is known.
constexpr std::chrono::seconds kLife{10};

// What travels: an exit code, a blank and a text. Code 0: no error.
struct Told {
  ExitCode code = ExitCode::ok;
  std::string text;

  std::string message() const { return std::to_string(static_cast<int>(code)) + ' ' + text; }
  static Told from(const std::string& message) {
    const size_t space = message.find(' ');
    RINGFOLD_INVARIANT(space != std::string::npos, "another process told '{}'", message);
    return {static_cast<ExitCode>(std::stoi(message.substr(0, space))), message.substr(space + 1)};
  }
};

}  // namespace

Team::Team(std::unique_ptr<World> world) {
  if (world == nullptr || world->size() == 1) return;
  world_ = std::move(world);
  control_ = world_->open({kBetweenCases, kLife});
}

void Team::set_deadline(std::chrono::milliseconds life) {
  if (!is_alone()) control_ = world_->open({kBetweenCases, life});
}

std::string Team::decide(const std::string& mine, const std::function<std::string(const Texts&)>& on_leader) {
  if (is_alone()) return on_leader({mine});
  const Texts all = control_->gather(mine);
  Told told;
  std::exception_ptr own;
  if (leads()) {
    try {
      told.text = on_leader(all);
    } catch (const Error& error) {
      own = std::current_exception();
      told = {error.code(), error.what()};
    }
  }
  told = Told::from(control_->broadcast(told.message()));
  if (own) std::rethrow_exception(own);
  if (told.code != ExitCode::ok) throw SharedError(told.code, told.text);
  return told.text;
}

void Team::give_up(const Error& error) {
  if (is_alone()) return;
  control_->abort(leads() ? error : Error(error.code(), fmt::format("{}: {}", name_of(rank()), error.what())));
}

void Team::together(const std::function<void()>& work) {
  if (is_alone()) return work();
  Told mine;
  std::exception_ptr own;
  try {
    work();
  } catch (const Error& error) {
    own = std::current_exception();
    mine = {error.code(), error.what()};
  } catch (const std::exception& error) {
    own = std::current_exception();
    mine = {ExitCode::internal, error.what()};
  }
  decide(mine.message(), [&](const Texts& all) {
    for (size_t rank = 0; rank < all.size(); ++rank) {
      const Told theirs = Told::from(all[rank]);
      if (theirs.code == ExitCode::ok) continue;
      if (rank == 0) std::rethrow_exception(own);
      throw Error(theirs.code, fmt::format("{}: {}", name_of(rank), theirs.text));
    }
    return std::string();
  });
}

std::string Team::from_leader(const std::function<std::string()>& answer) {
  return decide("", [&](const Texts&) { return answer(); });
}

std::string Team::first_of(const std::string& mine) {
  return decide(mine, [&](const Texts& all) {
    const auto first = std::ranges::find_if(all, [](const std::string& text) { return !text.empty(); });
    if (first == all.end()) return std::string();
    return first == all.begin() ? *first
                                : fmt::format("{}: {}", name_of(static_cast<size_t>(first - all.begin())), *first);
  });
}

bool Team::all_of(bool mine) { return first_of(mine ? "" : "no").empty(); }

void Team::agree(const char* what, const std::string& mine) {
  decide(mine, [&](const Texts& all) {
    for (size_t rank = 1; rank < all.size(); ++rank) {
      RINGFOLD_CHECK(all[rank] == all[0], ExitCode::configuration, "{} has another {} ({}) than rank 0 ({})",
                     name_of(rank), what, all[rank], all[0]);
    }
    return std::string();
  });
}

std::unique_ptr<World> join_team() {
  try {
    return join_world();
  } catch (const SharedError&) {
    throw;
  } catch (const Error& error) {
    const int rank = launched_rank().value_or(0);
    if (rank == 0) throw;
    throw Error(error.code(), fmt::format("{}: {}", name_of_process(rank), error.what()));
  }
}

}  // namespace ringfold
