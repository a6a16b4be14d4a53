#pragma once

#include <thread>

namespace ringfold {

/// A moment for who spins: the core's other hardware thread gets on meanwhile.
inline void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace ringfold
