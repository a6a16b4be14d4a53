#include "transports/beat.h"

#include "transports/frames.h"

#include <algorithm>

namespace ringfold {

namespace {

constexpr size_t kMostWords = 1000;
constexpr size_t kMostWordBytes = 100;
constexpr size_t kMostWants = 256;

}  // namespace

const char* Words::keep(std::string_view word) {
  word = word.substr(0, kMostWordBytes);
  const auto kept = std::find_if(words_.begin(), words_.end(), [&](const auto& each) { return *each == word; });
  if (kept != words_.end()) return (*kept)->c_str();
  if (words_.size() >= kMostWords) return "...";
  words_.push_back(std::make_unique<const std::string>(word));
  return words_.back()->c_str();
}

void write_beat(const Beat& beat, std::string& text) {
  TextWriter writer(text);
  writer.put(beat.silent.count());
  writer.put(beat.operation);
  writer.put(beat.name.substr(0, kMostWordBytes));
  const size_t wants = std::min(beat.wants.size(), kMostWants);
  writer.put(static_cast<int64_t>(wants));
  for (size_t i = 0; i < wants; ++i) {
    const auto& [session, wanted] = beat.wants[i];
    writer.put(static_cast<int64_t>(session));
    writer.put(wanted.peer);
    writer.put(std::string_view(wanted.what).substr(0, kMostWordBytes));
    writer.put(wanted.operation);
    writer.put(static_cast<int64_t>(wanted.tag));
    writer.put(wanted.bytes);
  }
}

Beat read_beat(std::string_view text, Words& words) {
  TextReader reader(text);
  Beat beat;
  beat.silent = std::chrono::milliseconds(reader.number());
  beat.operation = static_cast<int>(reader.number());
  beat.name = words.keep(reader.word());
  const int64_t wants = std::min(reader.number(), static_cast<int64_t>(kMostWants));
  for (int64_t i = 0; i < wants; ++i) {
    const auto session = static_cast<uint64_t>(reader.number());
    Wanted wanted;
    wanted.peer = static_cast<int>(reader.number());
    wanted.what = words.keep(reader.word());
    wanted.operation = static_cast<int>(reader.number());
    wanted.tag = static_cast<uint64_t>(reader.number());
    wanted.bytes = reader.number();
    beat.wants.emplace_back(session, wanted);
  }
  return beat;
}

}  // namespace ringfold
