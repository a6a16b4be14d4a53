#include "experiments/results.h"

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <unistd.h>

namespace ringfold {
namespace {

constexpr const char* kFileName = "results.jsonl";

/// Why a write cannot go on, in one line.
[[noreturn]] void fail_write(const std::string& path, int error) {
  throw Error(ExitCode::internal, fmt::format("cannot write {}: {}", path, std::strerror(error)));
}

void write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail_write(path, written == 0 ? ENOSPC : errno);
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void sync(int fd, const std::string& path) {
  // Some file systems cannot flush a folder, which is no loss of ours.
  if (::fsync(fd) != 0 && errno != EINVAL && errno != EROFS) fail_write(path, errno);
}

bool runs_again(const Row& row) {
  const int exit = row.at("exit").get<int>();
  return exit == static_cast<int>(ExitCode::internal) || exit == static_cast<int>(ExitCode::unavailable) ||
         exit == static_cast<int>(ExitCode::deadline) || exit == static_cast<int>(ExitCode::peer_lost);
}

bool is_row(const Row& json) {
  return json.is_object() && json.contains("id") && json["id"].is_string() && json.contains("exit") &&
         json["exit"].is_number_integer() && json.contains("case");
}

/// What a line says: nothing if it is torn.
std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  RINGFOLD_CHECK(in.good(), ExitCode::internal, "cannot read {}", path);
  std::vector<std::string> lines;
  std::string line;
  while (std::getline(in, line)) {
    // A last line without its end is torn, however much of it is there.
    lines.push_back(in.eof() ? std::string() : line);
  }
  return lines;
}

}  // namespace

Results::Results(const std::string& folder, bool resume) : folder_(folder) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) fail_write(folder_, error.value());
  lock();
  struct stat status{};
  const bool holds_results = ::stat(path().c_str(), &status) == 0 && status.st_size > 0;
  RINGFOLD_CHECK(resume || !holds_results, ExitCode::usage,
                 "{} holds results already: continue them with --resume or choose another --out", folder_);
  if (holds_results) read_old_rows();
  open_for_append();
}

Results::~Results() {
  if (file_fd_ >= 0) ::close(file_fd_);
  if (folder_fd_ >= 0) ::close(folder_fd_);
}

std::string Results::default_folder(const std::string& name) {
  const std::string stem = fmt::format("results/{}-{:%Y%m%dT%H%M%SZ}", name, fmt::gmtime(std::time(nullptr)));
  std::string folder = stem;
  for (int number = 2; std::filesystem::exists(folder); ++number) folder = fmt::format("{}-{}", stem, number);
  return folder;
}

std::string Results::path() const { return folder_ + "/" + kFileName; }

void Results::lock() {
  folder_fd_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd_ < 0) fail_write(folder_, errno);
  // A killed run holds its lock until the system has taken it apart: a restart right after it waits for that.
  bool is_locked = false;
  for (int tries = 0; tries < 40 && !is_locked; ++tries) {
    if (tries > 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    // Where a file system has no locks, the run goes on without.
    is_locked = ::flock(folder_fd_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
  }
  RINGFOLD_CHECK(is_locked, ExitCode::usage, "another run is writing to {}", folder_);
}

void Results::read_old_rows() {
  const std::vector<std::string> lines = lines_of(path());
  bool complete = true;
  for (size_t i = 0; i < lines.size(); ++i) {
    const Row row = Row::parse(lines[i], nullptr, /*allow_exceptions=*/false);
    const bool keep = is_row(row) && !runs_again(row) && !has(row["id"].get<std::string>());
    RINGFOLD_CHECK(is_row(row) || i + 1 == lines.size(), ExitCode::usage,
                   "{}:{}: this is no row of results: mend it or choose another --out", path(), i + 1);
    if (keep) rows_.push_back(row);
    complete = complete && keep;
  }
  if (!complete) replace(rows_);
}

void Results::open_for_append() {
  file_fd_ = ::open(path().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_fd_ < 0) fail_write(path(), errno);
  const off_t end = ::lseek(file_fd_, 0, SEEK_END);
  if (end < 0) fail_write(path(), errno);
  file_bytes_ = end;
  sync(folder_fd_, folder_);
}

/// Writes a new file beside the old one and puts it in its place: a reader sees all of one or all of the other.
void Results::replace(const std::vector<Row>& rows) {
  const std::string temporary = path() + ".tmp";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) fail_write(temporary, errno);
  try {
    for (const Row& row : rows) write_all(fd, row.dump() + "\n", temporary);
    sync(fd, temporary);
  } catch (...) {
    ::close(fd);
    ::unlink(temporary.c_str());
    throw;
  }
  ::close(fd);
  if (::rename(temporary.c_str(), path().c_str()) != 0) fail_write(path(), errno);
  sync(folder_fd_, folder_);
}

bool Results::has(std::string_view id) const {
  return std::any_of(rows_.begin(), rows_.end(), [&](const Row& row) { return row["id"] == id; });
}

void Results::append(const Row& row) {
  const std::string line = row.dump() + "\n";
  try {
    write_all(file_fd_, line, path());
    sync(file_fd_, path());
  } catch (...) {
    // A torn line must not stay; where even this fails, --resume drops it.
    [[maybe_unused]] const int ignored = ::ftruncate(file_fd_, file_bytes_);
    throw;
  }
  file_bytes_ += static_cast<int64_t>(line.size());
  rows_.push_back(row);
}

void Results::sort_by(const std::vector<std::string>& ids) {
  const auto place = [&](const Row& row) {
    const auto found = std::find(ids.begin(), ids.end(), row["id"].get<std::string>());
    return found == ids.end() ? std::ptrdiff_t{-1} : found - ids.begin();
  };
  const auto before = [&](const Row& a, const Row& b) { return place(a) < place(b); };
  if (std::is_sorted(rows_.begin(), rows_.end(), before)) return;
  std::stable_sort(rows_.begin(), rows_.end(), before);
  replace(rows_);
  ::close(file_fd_);
  open_for_append();
}

}  // namespace ringfold
