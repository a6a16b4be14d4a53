#include "experiments/timeline.h"

#include "experiments/descriptor.h"
#include "experiments/row.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <tuple>
#include <unistd.h>

namespace ringfold {
namespace {

std::string quoted(const std::string& text) { return Row(text).dump(-1, ' ', false, Row::error_handler_t::replace); }

const Exchange* exchange_of(const Program& program, size_t operation) {
  return std::get_if<Exchange>(&program.operations[operation]);
}

int64_t sent_bytes(const Schedule& schedule, const Program& program, const Exchange& exchange) {
  int64_t bytes = 0;
  for (const Send& send : exchange.sends) {
    const Block& block = program.blocks[static_cast<size_t>(send.view.block)];
    bytes += bytes_of(block, send.view.tokens.size(), send.view.heads.size(), schedule.problem.heads.dim);
  }
  return bytes;
}

/// In rank 0's time.
int64_t shifted(const Timeline::CaseTrace& trace, int rank, int64_t ns) {
  return trace.clocks.empty() ? ns : ns + trace.clocks[static_cast<size_t>(rank)].offset_ns;
}

int tid_of(int rank, bool is_exchange) { return 2 * rank + (is_exchange ? 1 : 0); }

}  // namespace

Timeline::Timeline(const std::string& path) : path_(path) {
  if (path.empty()) return;
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  is_new_ = file.is_open();
  if (!is_new_) file = Descriptor(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  RINGFOLD_CHECK(file.is_open(), ExitCode::internal, "cannot write {}: {}", path, std::strerror(errno));
}

Timeline::~Timeline() {
  end();
  if (is_new_) ::unlink(path_.c_str());
}

void Timeline::open() {
  if (path_.empty() || file_ != nullptr || error_ != 0) return;
  file_ = std::fopen(path_.c_str(), "we");
  if (file_ == nullptr) error_ = errno;
  is_new_ = false;
  put("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
}

void Timeline::put(const std::string& text) {
  if (file_ == nullptr || error_ != 0) return;
  if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) error_ = errno;
}

void Timeline::put_event(const std::string& event) { put((events_++ == 0 ? "\n{" : ",\n{") + event + "}"); }

std::string Timeline::us(const CaseTrace& trace, int rank, int64_t ns) const {
  return fmt::format("{:.3f}", 1e-3 * static_cast<double>(shifted(trace, rank, ns) - origin_ns_));
}

void Timeline::add(const CaseTrace& trace) {
  if (path_.empty()) return;
  open();
  if (cases_ == 0) {
    origin_ns_ = INT64_MAX;
    for (int rank = 0; rank < static_cast<int>(trace.ranks.size()); ++rank) {
      origin_ns_ = std::min(origin_ns_, shifted(trace, rank, trace.ranks[static_cast<size_t>(rank)].begin_ns));
    }
  }
  const int64_t pid = cases_++;
  put_tracks(trace, pid);
  for (int rank = 0; rank < static_cast<int>(trace.ranks.size()); ++rank) put_rank(trace, pid, rank);
  put_arrows(trace, pid);
  note_clocks(trace);
}

void Timeline::put_tracks(const CaseTrace& trace, int64_t pid) {
  put_event(fmt::format(R"("ph":"M","name":"process_name","pid":{},"args":{{"name":{},"id":{}}})", pid,
                        quoted(trace.label), quoted(trace.id)));
  for (int rank = 0; rank < static_cast<int>(trace.ranks.size()); ++rank) {
    for (const bool is_exchange : {false, true}) {
      put_event(fmt::format(R"("ph":"M","name":"thread_name","pid":{},"tid":{},"args":{{"name":"rank {} {}"}})", pid,
                            tid_of(rank, is_exchange), rank, is_exchange ? "exchange" : "compute"));
    }
  }
}

void Timeline::put_rank(const CaseTrace& trace, int64_t pid, int rank) {
  const Program& program = trace.schedule->ranks[static_cast<size_t>(rank)];
  const RankTrace& mine = trace.ranks[static_cast<size_t>(rank)];
  for (size_t i = 0; i < mine.operations.size(); ++i) {
    const OperationSpan& span = mine.operations[i];
    const Exchange* exchange = exchange_of(program, i);
    if (exchange != nullptr && !mine.is_complete) continue;
    const auto put_span = [&](std::string_view name, int64_t begin_ns, int64_t end_ns, const std::string& more) {
      put_event(
          fmt::format(R"("ph":"X","name":"{}","pid":{},"tid":{},"ts":{},"dur":{:.3f},"args":{{"operation":{}{}}})",
                      name, pid, tid_of(rank, exchange != nullptr), us(trace, rank, begin_ns),
                      1e-3 * static_cast<double>(end_ns - begin_ns), i, more));
    };
    if (span.start_ns > span.begin_ns) put_span("wait", span.begin_ns, span.start_ns, "");
    const std::string bytes =
        exchange == nullptr ? "" : fmt::format(R"(,"bytes":{})", sent_bytes(*trace.schedule, program, *exchange));
    put_span(name_of(program.operations[i]), span.start_ns, span.end_ns, bytes);
  }
}

/// From the begin of the exchange that sends to the end of that which receives. Viewers look for the slice around an
/// arrow's end, so that lies a nanosecond inside.
void Timeline::put_arrows(const CaseTrace& trace, int64_t pid) {
  std::map<std::tuple<int, int, uint64_t>, size_t> receives;  // (sender, receiver, tag) -> operation
  const auto& ranks = trace.schedule->ranks;
  const auto each_exchange = [&](auto&& visit) {
    for (size_t rank = 0; rank < ranks.size(); ++rank) {
      for (size_t i = 0; i < ranks[rank].operations.size() && trace.ranks[rank].is_complete; ++i) {
        if (const Exchange* exchange = exchange_of(ranks[rank], i)) visit(static_cast<int>(rank), i, *exchange);
      }
    }
  };
  each_exchange([&](int rank, size_t i, const Exchange& exchange) {
    for (const Receive& receive : exchange.receives) receives[{receive.peer, rank, receive.tag}] = i;
  });
  each_exchange([&](int rank, size_t i, const Exchange& exchange) {
    for (const Send& send : exchange.sends) {
      const auto found = receives.find({rank, send.peer, send.tag});
      if (found == receives.end()) continue;
      const OperationSpan& from = trace.ranks[static_cast<size_t>(rank)].operations[i];
      const OperationSpan& to = trace.ranks[static_cast<size_t>(send.peer)].operations[found->second];
      const int64_t id = arrows_++;
      const auto put_end = [&](const char* phase, int at, int64_t ns) {
        put_event(fmt::format(R"("ph":{},"cat":"message","name":"message","id":{},"pid":{},"tid":{},"ts":{})", phase,
                              id, pid, tid_of(at, true), us(trace, at, ns)));
      };
      put_end(R"("s")", rank, from.start_ns);
      put_end(R"("f","bp":"e")", send.peer, std::max(to.start_ns, to.end_ns - 1));
    }
  });
}

void Timeline::note_clocks(const CaseTrace& trace) {
  Row offsets = Row::array();
  Row uncertainties = Row::array();
  for (size_t rank = 0; rank < trace.ranks.size(); ++rank) {
    const ClockOffset clock = trace.clocks.empty() ? ClockOffset{} : trace.clocks[rank];
    offsets.push_back(1e-3 * static_cast<double>(clock.offset_ns));
    uncertainties.push_back(1e-3 * static_cast<double>(clock.uncertainty_ns));
  }
  const Row noted = {{"id", trace.id}, {"offset_us", offsets}, {"uncertainty_us", uncertainties}};
  clocks_ += (clocks_.empty() ? "\n" : ",\n") + noted.dump();
}

void Timeline::end() {
  if (file_ == nullptr) return;
  put("\n],\"otherData\":{\"clock\":\"steady clock of rank 0; its time = a rank's own + offset_us, give or take "
      "uncertainty_us\",\"clock_offsets\":[" +
      clocks_ + "\n]}}\n");
  if (std::fclose(file_) != 0 && error_ == 0) error_ = errno;
  file_ = nullptr;
}

void Timeline::write() {
  open();
  end();
  RINGFOLD_CHECK(error_ == 0, ExitCode::internal, "cannot write {}: {}", path_, std::strerror(error_));
}

}  // namespace ringfold
