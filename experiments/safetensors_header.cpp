#include "experiments/descriptor.h"
#include "experiments/safetensors.h"
#include "lib/error.h"

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <set>

namespace ringfold {

namespace {

using nlohmann::json;

constexpr int64_t kLengthBytes = 8;
constexpr int64_t kMaxHeaderBytes = int64_t{1} << 20;

/// One file's header; every fault names the file.
class HeaderReader {
 public:
  explicit HeaderReader(const std::string& path) : path_(path) {}

  std::map<std::string, SafetensorsEntry> read() {
    const std::string text = read_text();
    std::map<std::string, SafetensorsEntry> entries;
    const json header = parse(text);
    for (const auto& [name, value] : header.items()) {
      if (name != "__metadata__") entries[name] = entry_of(name, value);
    }
    check_layout(entries);
    return entries;
  }

 private:
  template <typename... Args>
  void require(bool condition, fmt::format_string<Args...> format, Args&&... args) const {
    RINGFOLD_CHECK(condition, ExitCode::configuration, "{}: {}", path_,
                   fmt::format(format, std::forward<Args>(args)...));
  }

  std::string read_text() {
    const Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    require(file.is_open(), "cannot open the file: {}", std::strerror(errno));
    struct stat status{};
    require(::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode), "is no regular file");
    file_bytes_ = status.st_size;
    std::array<unsigned char, kLengthBytes> length{};
    require(::pread(file.get(), length.data(), length.size(), 0) == kLengthBytes,
            "{} bytes are too few for a safetensors file", file_bytes_);
    uint64_t header_bytes = 0;
    for (size_t i = length.size(); i-- > 0;) header_bytes = header_bytes << 8 | length[i];
    require(header_bytes <= static_cast<uint64_t>(kMaxHeaderBytes),
            "not a safetensors file: its header would have {} bytes; allowed are at most {}", header_bytes,
            kMaxHeaderBytes);
    data_begin_ = kLengthBytes + static_cast<int64_t>(header_bytes);
    require(data_begin_ <= file_bytes_, "truncated: the header ends at byte {}, the file at {}", data_begin_,
            file_bytes_);
    std::string text(header_bytes, '\0');
    const ssize_t got = ::pread(file.get(), text.data(), text.size(), kLengthBytes);
    require(got == static_cast<ssize_t>(text.size()), "cannot read the header: {}",
            got < 0 ? std::strerror(errno) : "too short");
    return text;
  }

  json parse(const std::string& text) const {
    std::set<std::string> names;
    const auto no_duplicates = [&](int depth, json::parse_event_t event, json& value) {
      if (event == json::parse_event_t::key && depth == 1) {
        require(names.insert(value.get<std::string>()).second, "tensor {} stands twice in the header", value.dump());
      }
      require(depth < 8, "the header is nested too deep");
      return true;
    };
    json header;
    try {
      header = json::parse(text, no_duplicates);
    } catch (const json::exception& error) {
      require(false, "the header is not JSON: {}", error.what());
    }
    require(header.is_object(), "the header is no JSON object");
    return header;
  }

  SafetensorsEntry entry_of(const std::string& name, const json& value) const {
    require(value.is_object() && value.size() == 3 && value.contains("dtype") && value.contains("shape") &&
                value.contains("data_offsets"),
            "tensor '{}' needs dtype, shape and data_offsets, and nothing else", name);
    SafetensorsEntry entry;
    entry.dtype = dtype_of(name, value["dtype"]);
    require(value["shape"].is_array(), "tensor '{}': the shape is no list", name);
    int64_t bytes = bytes_of(entry.dtype);
    for (const json& extent : value["shape"]) {
      entry.shape.push_back(count_of(name, "shape", extent));
      require(!__builtin_mul_overflow(bytes, entry.shape.back(), &bytes), "tensor '{}': the shape is too large", name);
    }
    const json& offsets = value["data_offsets"];
    require(offsets.is_array() && offsets.size() == 2, "tensor '{}': data_offsets is no pair", name);
    entry.begin = count_of(name, "data_offsets", offsets[0]);
    entry.end = count_of(name, "data_offsets", offsets[1]);
    require(entry.begin <= entry.end && entry.end - entry.begin == bytes,
            "tensor '{}': data_offsets [{}, {}] do not hold the {} bytes of its shape", name, entry.begin, entry.end,
            bytes);
    require(entry.end <= file_bytes_ - data_begin_,
            "truncated: tensor '{}' ends at byte {} of the data, the file at {}", name, entry.end,
            file_bytes_ - data_begin_);
    entry.begin += data_begin_;
    entry.end += data_begin_;
    return entry;
  }

  DType dtype_of(const std::string& name, const json& dtype) const {
    if (dtype == "F32") return DType::fp32;
    if (dtype == "BF16") return DType::bf16;
    if (dtype == "F16") return DType::fp16;
    require(false, "tensor '{}' has dtype {}; allowed: F32 | BF16 | F16", name, dtype.dump());
    return {};
  }

  int64_t count_of(const std::string& name, const char* what, const json& value) const {
    // The parser makes an integer that does not fit a floating-point number.
    require(value.is_number_unsigned() && value.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX),
            "tensor '{}': {} has {}; allowed: counts below 2^63", name, what, value.dump());
    return value.get<int64_t>();
  }

  void check_layout(const std::map<std::string, SafetensorsEntry>& entries) const {
    std::vector<std::pair<SafetensorsEntry, std::string>> sorted;
    for (const auto& [name, entry] : entries) sorted.emplace_back(entry, name);
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
      return std::pair(a.first.begin, a.first.end) < std::pair(b.first.begin, b.first.end);
    });
    int64_t end = data_begin_;
    for (const auto& [entry, name] : sorted) {
      require(entry.begin >= end, "tensor '{}' overlaps the one before it", name);
      require(entry.begin == end, "{} unused bytes before tensor '{}'", entry.begin - end, name);
      end = entry.end;
    }
    require(end == file_bytes_, "{} bytes after the last tensor", file_bytes_ - end);
  }

  std::string path_;
  int64_t file_bytes_ = 0;
  int64_t data_begin_ = 0;
};

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t extent : shape) text += fmt::format("{}{}", text.empty() ? "" : ", ", extent);
  return "[" + text + "]";
}

void check_tensor(const std::string& path, const std::map<std::string, SafetensorsEntry>& entries,
                  const SafetensorsShape& wanted, DType dtype) {
  const auto& [name, shape] = wanted;
  const auto found = entries.find(name);
  RINGFOLD_CHECK(found != entries.end(), ExitCode::configuration, "{}: there is no tensor '{}'", path, name);
  const SafetensorsEntry& entry = found->second;
  RINGFOLD_CHECK(entry.shape == shape, ExitCode::configuration, "{}: tensor '{}' has shape {}, the problem needs {}",
                 path, name, shape_text(entry.shape), shape_text(shape));
  RINGFOLD_CHECK(entry.dtype == dtype || entry.dtype == DType::fp32, ExitCode::configuration,
                 "{}: tensor '{}' is {}; the problem needs {}", path, name, to_string(entry.dtype),
                 dtype == DType::fp32 ? "fp32" : fmt::format("{} or fp32", to_string(dtype)));
}

}  // namespace

std::map<std::string, SafetensorsEntry> read_safetensors_header(const std::string& path) {
  return HeaderReader(path).read();
}

SafetensorsShape file_shape(const Problem& problem, InputTensor tensor) {
  const InputShape shape = input_shape(problem, tensor);
  const std::string name(to_string(tensor));
  if (tensor == InputTensor::x) return {name, {shape.rows.size(), shape.channels}};
  if (tensor >= InputTensor::wq) return {name, {shape.rows.size(), shape.heads * shape.channels}};
  return {name, {shape.rows.size(), shape.heads, shape.channels}};
}

void check_input_file(const std::string& path, const Problem& problem) {
  const std::map<std::string, SafetensorsEntry> entries = read_safetensors_header(path);
  for (const InputTensor tensor : given_tensors(problem)) {
    check_tensor(path, entries, file_shape(problem, tensor), problem.dtype);
  }
}

}  // namespace ringfold
