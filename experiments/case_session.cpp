#include "experiments/case_session.h"

#include "experiments/accumulation.h"
#include "experiments/output_file.h"
#include "experiments/parcels.h"
#include "experiments/rank_case.h"
#include "experiments/row_parcels.h"
#include "experiments/timeline.h"
#include "lib/drill.h"
#include "lib/stop.h"
#include "lib/transport.h"
#include "lib/world.h"

#include <cmath>

namespace ringfold {

std::chrono::milliseconds deadline_of(const Case& item) {
  // Rounded up: no deadline of 0 ms, which would be none.
  return std::chrono::milliseconds(static_cast<int64_t>(std::ceil(item.measure.deadline_seconds * 1000)));
}

CaseSession::CaseSession(const PlannedCase& planned, const Setup& setup)
    : planned_(planned),
      setup_(setup),
      turns_(setup.world == nullptr ? planned.item.cluster.ranks() : 1),
      outcome_(planned.outcome),
      latest_ms_(static_cast<size_t>(setup.world == nullptr ? planned.item.cluster.ranks() : 1)) {
  thread_ = std::thread([this] { run(); });
  turns_.wait_until_ready();
}

CaseSession::~CaseSession() {
  turns_.end();
  if (thread_.joinable()) thread_.join();
}

Outcome CaseSession::finish() {
  if (turns_.wait_until_ready()) turns_.finish();
  thread_.join();
  if (error_) {
    try {
      std::rethrow_exception(error_);
    } catch (const Error& error) {
      if (error.code() == ExitCode::interrupted) throw;
      fail(error);
    } catch (const std::exception& error) {
      fail(Error(ExitCode::internal, error.what()));
    }
  }
  return outcome_;
}

/// What was measured before does not count; the plan stays true.
void CaseSession::fail(const Error& error) {
  Outcome outcome = outcome_of(error);
  outcome.plan = std::move(outcome_.plan);
  outcome_ = std::move(outcome);
}

void CaseSession::run() {
  try {
    TransportOptions options;
    options.world = setup_.world;
    options.deadline = deadline_of(planned_.item);
    const int ranks = planned_.item.cluster.ranks();
    std::unique_ptr<Fabric> fabric;
    std::unique_ptr<OutputFile> file;
    std::vector<Accumulation> how;
    try {
      fabric = find_transport(planned_.item.transport)->make(ranks, options);
      if (!setup_.save_outputs.empty() && fabric->is_local(0)) {
        file = std::make_unique<OutputFile>(setup_.save_outputs, planned_.item.problem);
      }
      how = accumulation_of(*planned_.schedule);
    } catch (const std::exception& error) {
      tell_others(error, options);
      throw;
    }
    run_ranks(
        *fabric, [&](RankContext& context) { run_rank(context, how[static_cast<size_t>(context.rank)], file.get()); },
        [this] { turns_.end(); });
    if (file != nullptr && is_complete_) file->finish();
  } catch (...) {
    error_ = std::current_exception();
  }
  turns_.end();
}

/// Ranks that are other processes have come to this session, or will: they hear why it does not begin.
void CaseSession::tell_others(const std::exception& error, const TransportOptions& options) {
  if (options.world == nullptr) return;
  const auto* ours = dynamic_cast<const Error*>(&error);
  options.world->open(options.deadline)->abort(Error(ours ? ours->code() : ExitCode::internal, error.what()));
}

void CaseSession::run_rank(RankContext& context, const Accumulation& how, OutputFile* file) {
  RankCase rank(planned_, context, *setup_.inputs);
  RankReport report;
  std::optional<uint64_t> proved;
  while (turns_.wait_for_step()) {
    context.control.tick();
    if (report.forwards_ms.empty() && planned_.item.measure.warmup > 0) {
      drill(context.rank, "warm-up");
      rank.sealed_forward();
      proved = rank.output_sum();
      report.forwards_ms.push_back(0);  // a warm-up: dropped
    } else {
      report.forwards_ms.push_back(rank.forward_ms());
    }
    latest_ms_[setup_.world == nullptr ? static_cast<size_t>(context.rank) : 0] = report.forwards_ms.back();
  }
  if (turns_.is_given_up()) {
    // Ranks that are other processes hear why.
    RINGFOLD_CHECK(!stop_requested(), ExitCode::interrupted, "interrupted");
    return;
  }
  const uint64_t measured = rank.output_sum();
  const RankTrace trace = watch(rank, context);
  report.breakdown = breakdown_of(planned_.schedule->ranks[static_cast<size_t>(context.rank)], trace);
  check_bits(rank, context, measured, proved);
  if (setup_.measures_link) report.link_gbps = rank.measure_link_gbps();
  report.sent_bytes = rank.sent_bytes();
  if (setup_.judge != nullptr) report.figures = rank.judge(*setup_.judge, how);
  if (!setup_.save_outputs.empty()) save(rank, context.control, file);
  const std::vector<std::string> reports = context.control.gather(report.serialize());
  if (context.rank == 0) conclude(reports);
}

/// What was measured, and what will be judged, must be, bit by bit, what is computed when every message is proved to
/// arrive as it was sent. `measured`: the outputs' sum of the last repeat. `proved`: that under seals; without a
/// warm-up to seal, one more forward makes it.
void CaseSession::check_bits(RankCase& rank, const RankContext& context, uint64_t measured,
                             std::optional<uint64_t> proved) {
  const uint64_t watched = rank.output_sum();
  if (!proved) {
    rank.sealed_forward();
    proved = rank.output_sum();
  }
  RINGFOLD_CHECK(measured == *proved && watched == *proved, ExitCode::numerics,
                 "rank {}: O and LSE of the last repeat are not bit by bit those of a forward with sealed messages: "
                 "bytes were changed under way, or results vary from run to run",
                 context.rank);
}

/// One more forward; what all ranks did in it meets on rank 0 if a timeline wants it.
RankTrace CaseSession::watch(RankCase& rank, RankContext& context) {
  std::vector<ClockOffset> clocks;
  const bool has_timeline = setup_.timeline != nullptr;
  if (has_timeline && setup_.world != nullptr) clocks = measure_clock_offsets(context.control);
  RankTrace trace = rank.traced_forward();
  if (!has_timeline) return trace;
  Timeline::CaseTrace all{planned_.item.id, setup_.label, &*planned_.schedule, {}, std::move(clocks)};
  for (const std::string& bytes : gather_in_parcels(context.control, trace.serialize())) {
    all.ranks.push_back(RankTrace::parse(bytes));
  }
  if (context.rank == 0) setup_.timeline->add(all);
  return trace;
}

/// Threads write their rows themselves; those of other processes travel to rank 0, a part of each at a time.
void CaseSession::save(const RankCase& rank, Control& control, OutputFile* file) {
  if (setup_.world == nullptr) return rank.save(*file);
  const int64_t dim = planned_.item.problem.heads.dim;
  RowParcels parcels(rank.output_rows(), dim);
  bool is_done = false;
  while (!is_done) {
    is_done = true;
    for (const std::string& parcel : control.gather(parcels.next())) {
      if (parcel.empty()) continue;
      file->write(rows_of_parcel(parcel, dim));
      is_done = false;
    }
    is_done = !control.broadcast(is_done ? "done" : "").empty();
  }
}

/// On rank 0, with what all ranks report.
void CaseSession::conclude(const std::vector<std::string>& reports) {
  Figures figures;
  const auto warmup = static_cast<size_t>(planned_.item.measure.warmup);
  for (const std::string& bytes : reports) {
    const RankReport report = RankReport::parse(bytes);
    figures.merge(report.figures);
    outcome_.sent_bytes.push_back(report.sent_bytes);
    if (report.breakdown) outcome_.breakdown.push_back(*report.breakdown);
    if (report.link_gbps) outcome_.rates.link_gbps = report.link_gbps;
    for (size_t i = warmup; i < report.forwards_ms.size(); ++i) {
      outcome_.ranks_ms.resize(std::max(outcome_.ranks_ms.size(), i - warmup + 1));
      outcome_.ranks_ms[i - warmup].push_back(report.forwards_ms[i]);
    }
  }
  if (outcome_.breakdown.size() != reports.size()) outcome_.breakdown.clear();
  is_complete_ = true;
  for (size_t rank = 0; rank < reports.size(); ++rank) {
    const int64_t planned = outcome_.plan->sent_bytes[rank];
    RINGFOLD_INVARIANT(outcome_.sent_bytes[rank] == planned, "rank {} sent {} bytes in a forward, its plan says {}",
                       rank, outcome_.sent_bytes[rank], planned);
  }
  if (setup_.judge == nullptr) return;
  outcome_.numerics = Numerics{{figures.output.error, figures.output.bound},
                               {figures.lse.error, figures.lse.bound},
                               setup_.judge->rows_checked(figures)};
  outcome_.reason = setup_.judge->failure_of(figures);
  if (outcome_.reason.empty()) return;
  outcome_.status = Status::failed;
  outcome_.exit = ExitCode::numerics;
}

}  // namespace ringfold
