#include "experiments/cell_store.h"

#include "lib/error.h"

#include <cerrno>
#include <cstring>

namespace ringfold {
namespace {

constexpr size_t kBlockBytes = size_t{16} << 20;
constexpr uint32_t kEnd = UINT32_MAX;

}  // namespace

void CellStore::put(uint32_t number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  block_.append(bytes, sizeof bytes);
}

void CellStore::add(uint32_t column, std::string_view text) {
  put(column);
  put(static_cast<uint32_t>(text.size()));
  block_ += text;
}

void CellStore::end_row() {
  put(kEnd);
  if (block_.size() > kBlockBytes) write();
}

void CellStore::write() {
  if (!file_) file_.reset(std::tmpfile());
  const size_t bytes = block_.size();
  const bool is_written = file_ && std::fwrite(&bytes, sizeof bytes, 1, file_.get()) == 1 &&
                          std::fwrite(block_.data(), 1, bytes, file_.get()) == bytes;
  RINGFOLD_CHECK(is_written, ExitCode::internal, "cannot write a temporary file: {}", std::strerror(errno));
  block_.clear();
}

bool CellStore::read_block() {
  size_t bytes = 0;
  if (std::fread(&bytes, sizeof bytes, 1, file_.get()) == 1) {
    block_.resize(bytes);
    if (std::fread(block_.data(), 1, bytes, file_.get()) == bytes) return true;
  }
  RINGFOLD_CHECK(std::ferror(file_.get()) == 0, ExitCode::internal, "cannot read a temporary file: {}",
                 std::strerror(errno));
  return false;
}

void CellStore::read_rows(const std::function<void(const Cells& cells)>& on_row) const {
  Cells cells;
  std::string_view rest = block_;
  const auto take = [&] {
    uint32_t number = 0;
    std::memcpy(&number, rest.data(), sizeof number);
    rest.remove_prefix(sizeof number);
    return number;
  };
  while (!rest.empty()) {
    const uint32_t column = take();
    if (column == kEnd) {
      on_row(cells);
      cells.clear();
      continue;
    }
    const uint32_t bytes = take();
    cells.emplace_back(column, rest.substr(0, bytes));
    rest.remove_prefix(bytes);
  }
}

void CellStore::read(const std::function<void(const Cells& cells)>& on_row) {
  if (!file_) {
    read_rows(on_row);
    return;
  }
  write();
  RINGFOLD_CHECK(std::fseek(file_.get(), 0, SEEK_SET) == 0, ExitCode::internal, "cannot write a temporary file: {}",
                 std::strerror(errno));
  while (read_block()) read_rows(on_row);
}

}  // namespace ringfold
