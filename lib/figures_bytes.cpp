#include "lib/compare.h"
#include "lib/error.h"

#include <cstring>

namespace ringfold {

namespace {

template <typename T>
void put(std::vector<std::byte>& bytes, const T& value) {
  const auto* from = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), from, from + sizeof(T));
}

template <typename T>
T take(std::span<const std::byte>& bytes) {
  RINGFOLD_INVARIANT(bytes.size() >= sizeof(T), "figures end after {} of {} bytes", bytes.size(), sizeof(T));
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes = bytes.subspan(sizeof(T));
  return value;
}

void put_worst(std::vector<std::byte>& bytes, const WorstRow& worst) {
  put(bytes, worst.error);
  put(bytes, worst.bound);
  put(bytes, worst.row.sequence);
  put(bytes, worst.row.position);
  put(bytes, worst.row.head);
  put(bytes, worst.rank);
}

WorstRow take_worst(std::span<const std::byte>& bytes) {
  WorstRow worst;
  worst.error = take<double>(bytes);
  worst.bound = take<double>(bytes);
  worst.row.sequence = take<int64_t>(bytes);
  worst.row.position = take<int64_t>(bytes);
  worst.row.head = take<int64_t>(bytes);
  worst.rank = take<int32_t>(bytes);
  return worst;
}

}  // namespace

std::vector<std::byte> Figures::serialize() const {
  std::vector<std::byte> bytes;
  put_worst(bytes, output);
  put_worst(bytes, lse);
  put(bytes, out_rows_checked);
  put(bytes, lse_rows_checked);
  put(bytes, static_cast<int64_t>(broken.size()));
  for (const std::string& message : broken) {
    put(bytes, static_cast<int64_t>(message.size()));
    for (char letter : message) put(bytes, letter);
  }
  put(bytes, static_cast<int64_t>(groups.size()));
  for (const auto& [key, group] : groups) {
    put(bytes, key.first);
    put(bytes, key.second);
    put(bytes, group.squares);
    put(bytes, group.rows);
  }
  return bytes;
}

Figures Figures::parse(std::span<const std::byte> bytes) {
  Figures figures;
  figures.output = take_worst(bytes);
  figures.lse = take_worst(bytes);
  figures.out_rows_checked = take<int64_t>(bytes);
  figures.lse_rows_checked = take<int64_t>(bytes);
  for (auto left = take<int64_t>(bytes); left > 0; --left) {
    std::string message;
    for (auto letters = take<int64_t>(bytes); letters > 0; --letters) message += take<char>(bytes);
    figures.broken.push_back(std::move(message));
  }
  for (auto left = take<int64_t>(bytes); left > 0; --left) {
    const auto head = take<int64_t>(bytes);
    const auto block = take<int64_t>(bytes);
    RmsGroup& group = figures.groups[{head, block}];
    group.squares = take<double>(bytes);
    group.rows = take<int64_t>(bytes);
  }
  RINGFOLD_INVARIANT(bytes.empty(), "figures are followed by {} bytes", bytes.size());
  return figures;
}

}  // namespace ringfold
