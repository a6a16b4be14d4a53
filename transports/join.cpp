#include "transports/join.h"

#include "lib/drill.h"
#include "lib/error.h"
#include "transports/hub.h"
#include "transports/hub_client.h"
#include "transports/rendezvous.h"
#include "transports/search.h"
#include "transports/tcp.h"

#include <charconv>
#include <exception>
#include <unistd.h>
#include <utility>

namespace ringfold {

namespace {

std::string next_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  std::string line(rest.substr(0, end));
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

}  // namespace

std::string as_text(const Meetpoint& point) {
  std::string text = fmt::format("{}\n{}\n{}\n{}\n", point.secret, point.port, point.host, point.name);
  for (const std::string& address : point.addresses) text += address + "\n";
  return text;
}

Meetpoint as_meetpoint(const std::string& text) {
  std::string_view rest = text;
  Meetpoint point;
  point.secret = next_line(rest);
  const std::string port = next_line(rest);
  std::from_chars(port.data(), port.data() + port.size(), point.port);
  point.host = next_line(rest);
  point.name = next_line(rest);
  while (!rest.empty()) point.addresses.push_back(next_line(rest));
  RINGFOLD_INVARIANT(point.port > 0 && point.port < 65536 && !point.secret.empty(),
                     "rank 0 has published what is no address: '{}'", text);
  return point;
}

std::string name_of_process(int rank) { return fmt::format("rank {} (host {}, pid {})", rank, host_name(), getpid()); }

std::string host_in_name(const std::string& name) {
  constexpr std::string_view kBefore = " (host ";
  const size_t before = name.find(kBefore);
  if (before == std::string::npos) return {};
  const size_t begin = before + kBefore.size();
  return name.substr(begin, name.rfind(", pid ") - begin);
}

std::unique_ptr<World> join_world(const JoinOptions& options) {
  std::unique_ptr<Launch> launch = find_launch();
  return launch ? join_world(std::move(launch), options) : nullptr;
}

void stay_away(const std::string& why, ExitCode code) noexcept {
  try {
    if (const std::unique_ptr<Launch> launch = find_launch()) hand_in_card(*launch, why, code);
  } catch (const std::exception&) {
    return;  // nobody can wait for this process then
  }
}

std::unique_ptr<World> join_world(std::unique_ptr<Launch> launch, const JoinOptions& options) {
  const int rank = launch->rank();
  hand_in_card(*launch);
  drill(rank, "launch");
  Joined joined = rank == 0 ? host_ranks(*launch, options.deadline) : visit_host(*launch, options.deadline);
  retire(*launch);
  const auto hub = rank == 0 ? std::make_shared<Hub>(std::move(joined.at_hub), joined.names) : nullptr;
  return make_hub_client(rank, std::move(joined.names), std::move(joined.to_hub), hub);
}

}  // namespace ringfold
