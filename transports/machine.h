#pragma once

#include <initializer_list>
#include <string>

namespace ringfold {

/// The same for all processes of one boot of one kernel that are in the same namespaces of these kinds ("pid": they see
/// each other's pids; "ipc": they can share memory), and for no others.
std::string machine_id(std::initializer_list<const char*> namespaces);

}  // namespace ringfold
