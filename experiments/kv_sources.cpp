#include "experiments/kv_sources.h"

#include "experiments/grid.h"
#include "experiments/rounds.h"
#include "experiments/text.h"
#include "lib/estimate.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace ringfold {

namespace {

SourceCost cost_of_source(const PlannedCase& planned, const std::optional<AssumedRates>& rates) {
  SourceCost most;
  most.is_planned = planned.is_proved();
  if (!most.is_planned) return most;
  const Cost& cost = *planned.outcome.plan;
  const std::vector<double> flops = cost.all_flops();
  for (size_t rank = 0; rank < flops.size(); ++rank) {
    most.sent_bytes = std::max(most.sent_bytes, cost.sent_bytes[rank]);
    most.peak_bytes = std::max(most.peak_bytes, cost.peak_bytes[rank]);
    most.projection_flops = std::max(most.projection_flops, cost.projection_flops[rank]);
    most.flops = std::max(most.flops, flops[rank]);
    if (!rates) continue;
    const Schedule& schedule = *planned.schedule;
    const double seconds = estimate_seconds(schedule.ranks[rank], schedule.problem, *rates);
    most.seconds = std::max(most.seconds.value_or(0), seconds);
  }
  return most;
}

/// By what needs no rates.
std::string plain_verdict(const KvSources& sources) {
  const auto& [exchange, recompute] = sources;
  if (const auto even = sources.flops_per_byte()) {
    return fmt::format("{} is cheaper where a rank does more than {} FLOP while it sends a byte, if nothing overlaps\n",
                       recompute.sent_bytes < exchange.sent_bytes ? "recompute" : "exchange", number_text(*even));
  }
  if (exchange.flops == recompute.flops && exchange.sent_bytes == recompute.sent_bytes) {
    return "they cost the same: as many FLOP and as many bytes sent\n";
  }
  const bool recomputes = recompute.flops <= exchange.flops && recompute.sent_bytes <= exchange.sent_bytes;
  return fmt::format("{} is cheaper whatever the rates: it does no more and sends no more\n",
                     recomputes ? "recompute" : "exchange");
}

std::string estimate_verdict(const KvSources& sources, const AssumedRates& rates) {
  const double exchange = *sources.exchange.seconds;
  const double recompute = *sources.recompute.seconds;
  const char* verdict = recompute < exchange   ? "recompute is cheaper"
                        : exchange < recompute ? "exchange is cheaper"
                                               : "they cost the same";
  return fmt::format("at {} TFLOP/s and {} GB/s a rank {} by this estimate, which counts {}\n",
                     number_text(rates.flops_per_second / 1e12), number_text(rates.link_bytes_per_second / 1e9),
                     verdict, rates.is_device() ? "memory and launches too" : "arithmetic and links only");
}

}  // namespace

std::optional<double> KvSources::flops_per_byte() const {
  const double flops = recompute.flops - exchange.flops;
  const auto bytes = static_cast<double>(exchange.sent_bytes - recompute.sent_bytes);
  if (flops * bytes <= 0) return std::nullopt;
  return flops / bytes;
}

KvSources compare_sources(const PlannedCase& planned, const std::optional<AssumedRates>& rates) {
  PlannedCase other = planned;
  KvSource& source = other.item.problem.layer->source;
  const bool exchanges = source == KvSource::exchange;
  source = exchanges ? KvSource::recompute : KvSource::exchange;
  other.item.unsupported_reason = refused_rounds(other.item);
  other = plan_case(other.item);
  return {cost_of_source(exchanges ? planned : other, rates), cost_of_source(exchanges ? other : planned, rates)};
}

AssumedRates plain_rates(double tflops, double gbps) {
  constexpr double kNoTime = 1e30;
  AssumedRates rates;
  rates.flops_per_second = tflops * 1e12;
  rates.memory_bytes_per_second = kNoTime;
  rates.link_bytes_per_second = gbps * 1e9;
  return rates;
}

std::string sources_text(const KvSources& sources, const std::optional<AssumedRates>& rates) {
  std::vector<Column> columns;
  for (const char* title : {"K and V by", "sent", "memory", "projected GFLOP", "all GFLOP"})
    columns.push_back({title, false, 10, {}});
  if (rates) columns.push_back({"estimate ms", false, 10, {}});
  for (const auto& [name, cost] :
       {std::pair("exchange", sources.exchange), std::pair("recompute", sources.recompute)}) {
    if (!cost.is_planned) continue;
    std::vector<std::string> cells = {name, bytes_text(cost.sent_bytes), bytes_text(cost.peak_bytes),
                                      number_text(cost.projection_flops / 1e9), number_text(cost.flops / 1e9)};
    if (rates) cells.push_back(number_text(*cost.seconds * 1e3));
    for (size_t i = 0; i < cells.size(); ++i) columns[i].cells.push_back(cells[i]);
  }
  std::string text =
      "the layer, by source of K and V; each of the rank that has most\n" + grid_text(std::move(columns), {}, 0);
  if (!sources.exchange.is_planned || !sources.recompute.is_planned) return text;
  text += plain_verdict(sources);
  return rates ? text + estimate_verdict(sources, *rates) : text;
}

Row sources_json(const KvSources& sources) {
  Row json;
  for (const auto& [name, cost] :
       {std::pair("exchange", sources.exchange), std::pair("recompute", sources.recompute)}) {
    if (!cost.is_planned) continue;
    json[name] = {{"sent_bytes", cost.sent_bytes},
                  {"peak_bytes", cost.peak_bytes},
                  {"projection_flops", cost.projection_flops},
                  {"flops", cost.flops}};
    if (cost.seconds) json[name]["estimate_ms"] = *cost.seconds * 1e3;
  }
  if (const auto even = sources.flops_per_byte()) json["even_flops_per_byte"] = *even;
  return json;
}

}  // namespace ringfold
