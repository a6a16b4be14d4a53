#include "transports/tcp.h"

#include "lib/error.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <ifaddrs.h>
#include <unistd.h>

namespace ringfold {

namespace {

/// Small frames at once; a host that has gone is noticed even if nobody says anything.
void set_options(int fd) {
  const int on = 1;
  const int idle_s = 5;
  const int probes = 3;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle_s, sizeof idle_s);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

/// An address and its length.
struct Endpoint {
  sockaddr_storage address{};
  socklen_t bytes = 0;
};

Endpoint endpoint(const std::string& text, int port) {
  Endpoint made;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&made.address);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&made.address);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(port));
    made.bytes = sizeof *v4;
  } else if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(port));
    made.bytes = sizeof *v6;
  }
  return made;
}

/// "" for those that lead nowhere from elsewhere.
std::string text_of(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text.data(), text.size());
  } else if (address->sa_family == AF_INET6) {
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    if (!IN6_IS_ADDR_LINKLOCAL(&v6)) inet_ntop(AF_INET6, &v6, text.data(), text.size());
  }
  return text.data();
}

Socket bound(int family, int& port) {
  Socket socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.fd() < 0) return socket;
  const int off = 0;
  if (family == AF_INET6) setsockopt(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  Endpoint any = endpoint(family == AF_INET6 ? "::" : "0.0.0.0", 0);
  auto* address = reinterpret_cast<sockaddr*>(&any.address);
  if (bind(socket.fd(), address, any.bytes) != 0 || listen(socket.fd(), SOMAXCONN) != 0) return Socket();
  getsockname(socket.fd(), address, &any.bytes);
  port = ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);  // at the same place in both families
  return socket;
}

}  // namespace

Listener listen_tcp() {
  Listener listener;
  listener.socket = bound(AF_INET6, listener.port);
  if (listener.socket.fd() < 0) listener.socket = bound(AF_INET, listener.port);
  RINGFOLD_CHECK(listener.socket.fd() >= 0, ExitCode::unavailable, "rank 0 cannot listen for the other ranks: {}",
                 std::strerror(errno));
  return listener;
}

Socket accept_tcp(const Listener& listener) {
  Socket socket(accept4(listener.socket.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (socket.fd() >= 0) set_options(socket.fd());
  return socket;
}

std::vector<std::string> host_addresses() {
  std::vector<std::string> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || (each->ifa_flags & IFF_UP) == 0 || (each->ifa_flags & IFF_LOOPBACK) != 0) continue;
    std::string text = text_of(each->ifa_addr);
    if (!text.empty()) addresses.push_back(std::move(text));
  }
  freeifaddrs(list);
  std::stable_partition(addresses.begin(), addresses.end(),
                        [](const std::string& each) { return each.find(':') == std::string::npos; });
  return addresses;
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

Socket start_connecting(const std::string& address, int port) {
  const Endpoint to = endpoint(address, port);
  if (to.bytes == 0) return Socket();
  Socket socket(::socket(to.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.fd() < 0) return socket;
  set_options(socket.fd());
  const int status = connect(socket.fd(), reinterpret_cast<const sockaddr*>(&to.address), to.bytes);
  if (status != 0 && errno != EINPROGRESS) return Socket();
  return socket;
}

int connect_error(int socket) {
  int error = 0;
  socklen_t bytes = sizeof error;
  return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 ? error : errno;
}

std::string random_secret() {
  std::array<unsigned char, 16> bits{};
  RINGFOLD_CHECK(getrandom(bits.data(), bits.size(), 0) == static_cast<ssize_t>(bits.size()), ExitCode::unavailable,
                 "no random numbers from the system: {}", std::strerror(errno));
  std::string text;
  for (const unsigned char each : bits) text += fmt::format("{:02x}", each);
  return text;
}

}  // namespace ringfold
