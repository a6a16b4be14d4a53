#include "experiments/descriptor.h"
#include "experiments/safetensors.h"
#include "lib/error.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <numeric>

namespace ringfold {

namespace {

constexpr int64_t kChunkElements = int64_t{1} << 16;

float from_bf16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

/// Exact for every value; NaN stays NaN.
float from_fp16(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000U) << 16;
  const uint32_t exponent = bits >> 10 & 0x1FU;
  const uint32_t fraction = bits & 0x3FFU;
  if (exponent == 0) {  // zero and subnormals: fraction 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign == 0 ? magnitude : -magnitude;
  }
  const uint32_t widened = exponent == 0x1F ? 0xFFU : exponent + (127 - 15);
  return std::bit_cast<float>(sign | widened << 23 | fraction << 13);
}

void convert(DType dtype, const std::byte* bytes, std::span<float> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t bits = 0;
    switch (dtype) {
      case DType::fp32: std::memcpy(&values[i], bytes + i * 4, 4); break;
      case DType::bf16:
        std::memcpy(&bits, bytes + i * 2, 2);
        values[i] = from_bf16(bits);
        break;
      case DType::fp16:
        std::memcpy(&bits, bytes + i * 2, 2);
        values[i] = from_fp16(bits);
        break;
    }
  }
}

}  // namespace

struct SafetensorsReader::Impl {
  std::string path;
  std::map<std::string, SafetensorsEntry> entries;
  Descriptor file;

  void read(int64_t offset, std::span<std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t got = ::pread(file.get(), bytes.data(), bytes.size(), offset);
      if (got < 0 && errno == EINTR) continue;
      RINGFOLD_CHECK(got > 0, ExitCode::configuration, "{}: cannot read at byte {}: {}", path, offset,
                     got < 0 ? std::strerror(errno) : "the file has become shorter");
      offset += got;
      bytes = bytes.subspan(static_cast<size_t>(got));
    }
  }
};

SafetensorsReader::SafetensorsReader(const std::string& path)
    : impl_(new Impl{path, read_safetensors_header(path), Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC))}) {
  RINGFOLD_CHECK(impl_->file.is_open(), ExitCode::configuration, "{}: cannot open the file: {}", path,
                 std::strerror(errno));
}

SafetensorsReader::~SafetensorsReader() = default;

const std::map<std::string, SafetensorsEntry>& SafetensorsReader::entries() const { return impl_->entries; }

const SafetensorsEntry& SafetensorsReader::entry(const std::string& name) const {
  const auto found = impl_->entries.find(name);
  RINGFOLD_CHECK(found != impl_->entries.end(), ExitCode::configuration, "{}: there is no tensor '{}'", impl_->path,
                 name);
  return found->second;
}

void SafetensorsReader::read_rows(const std::string& name, int64_t first_row, int64_t rows,
                                  std::span<float> values) const {
  const SafetensorsEntry& tensor = entry(name);
  RINGFOLD_INVARIANT(!tensor.shape.empty() && first_row >= 0 && rows >= 0 && first_row + rows <= tensor.shape[0],
                     "rows [{}, {}) of tensor '{}'", first_row, first_row + rows, name);
  const int64_t row_elements =
      std::accumulate(tensor.shape.begin() + 1, tensor.shape.end(), int64_t{1}, std::multiplies<>());
  RINGFOLD_INVARIANT(static_cast<int64_t>(values.size()) == rows * row_elements, "{} values for {} rows", values.size(),
                     rows);
  const int64_t element_bytes = bytes_of(tensor.dtype);
  std::vector<std::byte> buffer(static_cast<size_t>(std::min(kChunkElements, rows * row_elements) * element_bytes));
  for (int64_t done = 0; done < rows * row_elements;) {
    const int64_t elements = std::min(kChunkElements, rows * row_elements - done);
    const std::span<std::byte> bytes(buffer.data(), static_cast<size_t>(elements * element_bytes));
    impl_->read(tensor.begin + (first_row * row_elements + done) * element_bytes, bytes);
    convert(tensor.dtype, bytes.data(), values.subspan(static_cast<size_t>(done), static_cast<size_t>(elements)));
    done += elements;
  }
}

}  // namespace ringfold
