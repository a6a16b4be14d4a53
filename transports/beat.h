#pragma once

#include "lib/control.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringfold {

/// What a heartbeat says of its rank.
struct Beat {
  /// How long the rank has shown no progress, added up by itself in small steps.
  std::chrono::milliseconds silent{};
  int operation = -1;
  std::string_view name;
  /// What it is blocked in, with the session.
  std::vector<std::pair<uint64_t, Wanted>> wants;
};

/// How often a rank's beat is sent; in the same steps silence is added up, by ranks and hub.
inline constexpr std::chrono::milliseconds kBeat{50};
/// The hub's own beat, by which ranks know that it is there.
inline constexpr std::chrono::milliseconds kHubBeat{250};
/// A rank without beats for so long is stopped or cut off.
inline constexpr std::chrono::milliseconds kCutOff{1000};
/// For ranks to say what they wait for, before a death is told; for bytes of a rank that has left to arrive.
inline constexpr std::chrono::milliseconds kGrace{250};

/// Keeps copies of strings for as long as it lives; of so many, then "...".
class Words {
 public:
  const char* keep(std::string_view word);

 private:
  std::vector<std::unique_ptr<const std::string>> words_;
};

void write_beat(const Beat& beat, std::string& text);
/// The words of what it returns are kept by `words`.
Beat read_beat(std::string_view text, Words& words);

}  // namespace ringfold
