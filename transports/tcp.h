#pragma once

#include "transports/frames.h"

#include <string>
#include <vector>

namespace ringfold {

/// A socket that listens on all addresses of this host. Throws Error(unavailable).
struct Listener {
  Socket socket;
  int port = 0;
};
Listener listen_tcp();
/// The next connection, if one has come.
Socket accept_tcp(const Listener& listener);

/// The addresses by which other hosts may reach this one, best first.
std::vector<std::string> host_addresses();
std::string host_name();

/// A socket that is about to be connected (poll it for POLLOUT, then ask connect_error); none if the address is no
/// good.
Socket start_connecting(const std::string& address, int port);
/// 0, or why not, as errno says it.
int connect_error(int socket);

/// 128 bits that nobody can guess, in hexadecimal.
std::string random_secret();

}  // namespace ringfold
