#pragma once

namespace ringfold {

// What passes assume of transports between GPUs, so that a plan is the same in a build without them: bytes a second out
// of one rank, and seconds of an exchange of nothing.
inline constexpr double kNcclBytesPerSecond = 150e9;
inline constexpr double kNcclExchangeSeconds = 15e-6;
inline constexpr double kPeerCopyBytesPerSecond = 300e9;
inline constexpr double kPeerCopyExchangeSeconds = 12e-6;

}  // namespace ringfold
