#include "experiments/result_reader.h"

#include "experiments/printable.h"
#include "experiments/row_parser.h"
#include "experiments/row_shape.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <utility>

namespace ringfold {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFileName = "results.jsonl";
// A row of 1,024 ranks and 1,000 repeats has 20 MB and a million values. More is no row, and what a parser makes of it
// may take any memory.
constexpr size_t kMostBytes = size_t{48} << 20;
constexpr int64_t kMostValues = int64_t{2} << 20;
constexpr size_t kBatchBytes = size_t{1} << 20;  // parsed by another thread while those before are worked on
constexpr size_t kParsers = 2;
constexpr int kMostDepth = 32;  // values are walked and freed by recursion

/// Lines of a file, of which at most kMostBytes are kept.
class LineReader {
 public:
  explicit LineReader(const std::string& path) : path_(path), file_(std::fopen(path.c_str(), "rb"), &std::fclose) {
    RINGFOLD_CHECK(file_ != nullptr, ExitCode::configuration, "cannot read {}: {}", printable(path),
                   std::strerror(errno));
  }

  /// False at the end of the file.
  bool next() {
    line_.clear();
    bytes_ = 0;
    is_whole_ = false;
    while (!is_whole_) {
      if (begin_ == end_ && !fill()) return bytes_ > 0;
      const auto* newline = static_cast<const char*>(std::memchr(buffer_.data() + begin_, '\n', end_ - begin_));
      const size_t stop = newline == nullptr ? end_ : static_cast<size_t>(newline - buffer_.data());
      bytes_ += stop - begin_;
      if (bytes_ <= kMostBytes) line_.append(buffer_.data() + begin_, stop - begin_);
      is_whole_ = newline != nullptr;
      begin_ = is_whole_ ? stop + 1 : stop;
    }
    return true;
  }

  std::string take_line() { return std::move(line_); }
  bool is_whole() const { return is_whole_; }  ///< it ended with a newline
  bool is_too_long() const { return bytes_ > kMostBytes; }

 private:
  bool fill() {
    begin_ = 0;
    end_ = std::fread(buffer_.data(), 1, buffer_.size(), file_.get());
    RINGFOLD_CHECK(std::ferror(file_.get()) == 0, ExitCode::configuration, "cannot read {}: {}", printable(path_),
                   std::strerror(errno));
    return end_ > 0;
  }

  const std::string& path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::string buffer_ = std::string(size_t{1} << 18, '\0');
  size_t begin_ = 0;
  size_t end_ = 0;
  std::string line_;
  size_t bytes_ = 0;  ///< of the line, those not kept included
  bool is_whole_ = false;
};

/// Whether a parser would need more depth or memory than a row does.
bool is_too_much(const std::string& line) {
  int64_t values = 1;
  int depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (in_text) {
      if (c == '\\') ++i;
      in_text = c != '"';
    } else if (c == '"') {
      in_text = true;
    } else if (c == '[' || c == '{') {
      ++values;
      if (++depth > kMostDepth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (c == ',' || c == ':') {
      ++values;
    }
  }
  return values > kMostValues;
}

/// A line, and what it turned out to be.
struct Line {
  int64_t number = 0;
  std::string text;
  bool is_whole = false;  ///< it ended with a newline
  bool is_too_long = false;
  Row row;
  std::string fault;  ///< why it is no row; empty if it is
};

void parse(Line& line, RowParser& parser) {
  if (line.is_too_long || is_too_much(line.text)) {
    line.fault = "no row: longer or deeper than any row";
    return;
  }
  line.row = parser.parse(line.text);
  if (!line.row.is_discarded()) {
    line.fault = row_fault(line.row);
  } else {
    // One that ends without a newline may still be whole: an object has an end of its own.
    line.fault = line.is_whole ? "no row: not JSON" : "torn: the line has no end";
  }
}

/// Some lines that are not blank, or a single long one: two batches are held at a time. None at the end of the file.
std::vector<Line> next_batch(LineReader& reader, int64_t& number) {
  std::vector<Line> batch;
  size_t bytes = 0;
  while (bytes < kBatchBytes && reader.next()) {
    Line line{number++, reader.take_line(), reader.is_whole(), reader.is_too_long(), {}, {}};
    const bool is_blank = line.text.find_first_not_of(" \t\r") == std::string::npos;
    if (is_blank && line.is_whole && !line.is_too_long) continue;
    bytes += line.text.size();
    batch.push_back(std::move(line));
  }
  return batch;
}

std::vector<Line> parse_all(std::vector<Line> lines) {
  RowParser parser;
  for (Line& line : lines) {
    parse(line, parser);
    line.text = {};
  }
  return lines;
}

}  // namespace

std::vector<std::string> result_files(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  RINGFOLD_CHECK(fs::exists(status), ExitCode::configuration, "{}: no such file or folder", printable(path));
  if (!fs::is_directory(status)) return {path};
  const std::string own = (fs::path(path) / kFileName).string();
  if (fs::exists(own, error)) return {own};
  std::vector<std::string> files;
  auto entry = fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry->path().filename() == kFileName) files.push_back(entry->path().string());
  }
  RINGFOLD_CHECK(!error, ExitCode::configuration, "cannot read {}: {}", printable(path), error.message());
  RINGFOLD_CHECK(!files.empty(), ExitCode::configuration, "{}: no {} in it or below it", printable(path), kFileName);
  std::sort(files.begin(), files.end());
  return files;
}

void read_result_file(const std::string& file, ReadSummary& summary, const OnRow& on_row) {
  const auto deliver = [&](std::vector<Line>&& lines) {
    for (Line& line : lines) {
      if (line.fault.empty()) {
        ++summary.rows;
        on_row(line.row, {file, line.number});
        continue;
      }
      ++summary.unusable;
      if (summary.listed.size() < ReadSummary::kMostListed) {
        summary.listed.push_back({file, line.number, std::move(line.fault)});
      }
    }
  };
  LineReader reader(file);
  std::deque<std::future<std::vector<Line>>> parsing;
  for (int64_t number = 1;;) {
    std::vector<Line> batch = next_batch(reader, number);
    const bool is_end = batch.empty();
    // Long lines may take a lot of memory: one batch of them at a time.
    const bool is_usual = std::ranges::all_of(batch, [](const Line& line) { return line.text.size() < kBatchBytes; });
    while (parsing.size() > (is_end || !is_usual ? 0 : kParsers - 1)) {
      std::vector<Line> parsed = parsing.front().get();
      parsing.pop_front();
      deliver(std::move(parsed));
    }
    if (is_end) return;
    parsing.push_back(std::async(std::launch::async, parse_all, std::move(batch)));
  }
}

ReadSummary read_results(const std::string& path, const OnRow& on_row) {
  ReadSummary summary;
  for (const std::string& file : result_files(path)) read_result_file(file, summary, on_row);
  return summary;
}

std::string unusable_text(const ReadSummary& summary) {
  constexpr size_t kMostPlaces = 3;
  std::map<std::pair<std::string, std::string>, std::vector<int64_t>> places;  // by file and reason
  for (const UnusableLine& line : summary.listed) places[{line.file, line.reason}].push_back(line.line);
  std::string text;
  for (const auto& [where, numbers] : places) {
    std::string more;
    if (numbers.size() > 1) more = fmt::format(" (and line{}", numbers.size() == 2 ? "" : "s");
    for (size_t i = 1; i < std::min(numbers.size(), kMostPlaces + 1); ++i) more += fmt::format(" {}", numbers[i]);
    if (numbers.size() > kMostPlaces + 1) more += fmt::format(" and {} more", numbers.size() - kMostPlaces - 1);
    if (numbers.size() > 1) more += ")";
    text +=
        fmt::format("{}:{}: left out: {}{}\n", printable(where.first), numbers.front(), printable(where.second), more);
  }
  const auto rest = summary.unusable - static_cast<int64_t>(summary.listed.size());
  if (rest > 0) text += fmt::format("{} more lines were left out\n", rest);
  return text;
}

void require_rows(const ReadSummary& summary, const std::string& source) {
  RINGFOLD_CHECK(summary.rows > 0, ExitCode::configuration, "{}: no row of results in {}", printable(source),
                 summary.unusable == 0 ? "an empty file"
                                       : fmt::format("{} line{}", summary.unusable, summary.unusable == 1 ? "" : "s"));
}

}  // namespace ringfold
