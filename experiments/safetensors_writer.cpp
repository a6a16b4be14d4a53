#include "experiments/descriptor.h"
#include "experiments/safetensors.h"
#include "lib/error.h"

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <numeric>

namespace ringfold {

namespace {

constexpr size_t kAlignment = 8;

int64_t row_elements_of(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin() + 1, shape.end(), int64_t{1}, std::multiplies<>());
}

/// The first bytes of the file: length and JSON, padded with spaces.
std::string header_of(const std::vector<SafetensorsShape>& tensors, std::map<std::string, SafetensorsEntry>& entries) {
  nlohmann::json header = nlohmann::json::object();
  int64_t end = 0;
  for (const SafetensorsShape& tensor : tensors) {
    RINGFOLD_INVARIANT(!tensor.shape.empty(), "tensor '{}' has no axis", tensor.name);
    const int64_t bytes = tensor.shape[0] * row_elements_of(tensor.shape) * 4;
    header[tensor.name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {end, end + bytes}}};
    entries[tensor.name] = {DType::fp32, tensor.shape, end, end + bytes};
    end += bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  std::string length(8, '\0');
  for (size_t i = 0; i < length.size(); ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xFF);
  for (auto& [name, entry] : entries) {
    entry.begin += static_cast<int64_t>(length.size() + text.size());
    entry.end += static_cast<int64_t>(length.size() + text.size());
  }
  return length + text;
}

}  // namespace

struct SafetensorsWriter::Impl {
  std::string path;
  std::string temporary;
  Descriptor file;
  std::map<std::string, SafetensorsEntry> entries;
  std::atomic<int64_t> missing_elements = 0;
  bool is_finished = false;

  [[noreturn]] void fail(const char* what) const {
    throw Error(ExitCode::internal, fmt::format("{}: cannot {}: {}", path, what, std::strerror(errno)));
  }

  void write(int64_t offset, const char* data, size_t bytes) const {
    while (bytes > 0) {
      const ssize_t done = ::pwrite(file.get(), data, bytes, offset);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) fail("write");
      offset += done;
      data += done;
      bytes -= static_cast<size_t>(done);
    }
  }
};

SafetensorsWriter::SafetensorsWriter(const std::string& path, const std::vector<SafetensorsShape>& tensors)
    : impl_(std::make_unique<Impl>()) {
  impl_->path = path;
  impl_->temporary = path + ".tmp";
  impl_->file = Descriptor(::open(impl_->temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!impl_->file.is_open()) impl_->fail("create the file");
  const std::string header = header_of(tensors, impl_->entries);
  for (const auto& [name, entry] : impl_->entries) impl_->missing_elements += (entry.end - entry.begin) / 4;
  try {
    impl_->write(0, header.data(), header.size());
  } catch (...) {
    ::unlink(impl_->temporary.c_str());
    throw;
  }
}

SafetensorsWriter::~SafetensorsWriter() {
  if (!impl_->is_finished) ::unlink(impl_->temporary.c_str());
}

void SafetensorsWriter::write_rows(const std::string& name, int64_t first_row, std::span<const float> values) {
  const auto found = impl_->entries.find(name);
  RINGFOLD_INVARIANT(found != impl_->entries.end(), "no tensor '{}' in {}", name, impl_->path);
  const SafetensorsEntry& entry = found->second;
  write_elements(name, first_row * row_elements_of(entry.shape), values);
}

void SafetensorsWriter::write_elements(const std::string& name, int64_t first, std::span<const float> values) {
  const auto found = impl_->entries.find(name);
  RINGFOLD_INVARIANT(found != impl_->entries.end(), "no tensor '{}' in {}", name, impl_->path);
  const SafetensorsEntry& entry = found->second;
  const int64_t offset = entry.begin + first * 4;
  const auto bytes = static_cast<int64_t>(values.size_bytes());
  RINGFOLD_INVARIANT(first >= 0 && offset + bytes <= entry.end, "elements from {} of tensor '{}'", first, name);
  impl_->write(offset, reinterpret_cast<const char*>(values.data()), values.size_bytes());
  impl_->missing_elements -= static_cast<int64_t>(values.size());
}

void SafetensorsWriter::finish() {
  RINGFOLD_INVARIANT(impl_->missing_elements == 0, "{} values of {} are missing", impl_->missing_elements.load(),
                     impl_->path);
  if (::fsync(impl_->file.get()) != 0) impl_->fail("flush");
  if (::rename(impl_->temporary.c_str(), impl_->path.c_str()) != 0) impl_->fail("rename the temporary file");
  impl_->is_finished = true;
  const std::filesystem::path folder = std::filesystem::path(impl_->path).parent_path();
  const Descriptor directory(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // The name must survive a crash too; file systems that cannot flush a folder say EINVAL.
  if (directory.is_open() && ::fsync(directory.get()) != 0 && errno != EINVAL) impl_->fail("flush the folder");
}

}  // namespace ringfold
