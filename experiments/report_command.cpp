#include "experiments/commands.h"
#include "experiments/report_data.h"
#include "experiments/report_page.h"
#include "experiments/result_reader.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace ringfold {
namespace {

/// Is this argument a trace itself?
bool is_trace_file(const std::string& path) { return std::filesystem::is_regular_file(path) && looks_like_trace(path); }

/// Traces that lie beside results.
std::vector<std::string> traces_beside(const std::string& results_file) {
  std::vector<std::string> paths;
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(results_file).parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(folder.empty() ? "." : folder, error)) {
    if (entry.path().extension() == ".json" && is_trace_file(entry.path())) paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

void read_trace(const std::string& path, Traces& traces, ReportData& data) {
  const std::string complaint = traces.read(path);
  if (!complaint.empty()) data.complain(complaint);
}

void read_run(const std::string& path, Traces& traces, ReportData& data) {
  for (const std::string& file : result_files(path)) {
    data.begin_run(file);
    ReadSummary summary;
    read_result_file(file, summary, [&](Row& row, const RowPlace&) { data.add(std::move(row)); });
    for (const UnusableLine& line : summary.listed) {
      data.complain(fmt::format("{}:{}: {}", line.file, line.line, line.reason));
    }
    const auto listed = static_cast<int64_t>(summary.listed.size());
    if (summary.unusable > listed) data.complain(fmt::format("{}: {} more lines", file, summary.unusable - listed));
    for (const std::string& trace : traces_beside(file)) read_trace(trace, traces, data);
  }
}

/// Writes beside the old file and puts it in its place.
void write_page(const std::string& path, const std::string& page) {
  const std::string temporary = path + ".tmp";
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << page;
  out.close();
  if (out.good() && std::rename(temporary.c_str(), path.c_str()) == 0) return;
  const int error = errno;
  ::unlink(temporary.c_str());
  throw Error(ExitCode::internal, fmt::format("cannot write {}: {}", path, std::strerror(error)));
}

}  // namespace

ExitCode report_command(const ReportOptions& options) {
  RINGFOLD_CHECK(!options.out.ends_with(".jsonl"), ExitCode::usage,
                 "{} would be written over: a report is no file of results; name it *.html", options.out);
  ReportData data;
  Traces traces;
  for (const std::string& path : options.paths) {
    if (is_trace_file(path)) {
      read_trace(path, traces, data);
    } else {
      read_run(path, traces, data);
    }
  }
  RINGFOLD_CHECK(!data.empty(), ExitCode::nothing_to_run, "{} has no row of results to report", options.paths.front());
  const auto empty_bytes = static_cast<int64_t>(empty_page_bytes());
  const std::string page = report_page("Ringfold report", data.take(traces, empty_bytes));
  write_page(options.out, page);
  fmt::print("{}\n", options.out);
  return ExitCode::ok;
}

}  // namespace ringfold
