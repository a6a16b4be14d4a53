#include "kernels/merge_tables.h"

#include <algorithm>
#include <set>

namespace ringfold {

namespace {

/// Where a part begins or ends.
struct Edge {
  int64_t row = 0;
  int32_t part = 0;
  bool begins = false;
};

std::vector<Edge> edges_of(std::span<const StatePart> parts) {
  std::vector<Edge> edges;
  for (size_t i = 0; i < parts.size(); ++i) {
    const StatePart& part = parts[i];
    if (part.rows <= 0 || part.heads <= 0) continue;
    edges.push_back({part.target_row, static_cast<int32_t>(i), true});
    edges.push_back({part.target_row + part.rows, static_cast<int32_t>(i), false});
  }
  std::ranges::sort(edges, {}, &Edge::row);
  return edges;
}

void add_run(MergeTables& tables, int64_t row, int64_t count, const std::set<int32_t>& parts) {
  const auto entries = static_cast<int32_t>(parts.size());
  tables.runs.push_back({tables.rows, row, entries, static_cast<int32_t>(tables.entries.size())});
  tables.entries.insert(tables.entries.end(), parts.begin(), parts.end());
  tables.rows += count;
  tables.most_entries = std::max(tables.most_entries, entries);
}

}  // namespace

MergeTables plan_merge(std::span<const RowSpan> target, std::span<const StatePart> parts) {
  std::vector<RowSpan> spans(target.begin(), target.end());
  std::ranges::sort(spans, {}, &RowSpan::begin);
  const std::vector<Edge> edges = edges_of(parts);
  MergeTables tables;
  std::set<int32_t> here;
  size_t next = 0;
  for (const RowSpan& span : spans) {
    const int64_t end = span.begin + span.count;
    for (int64_t row = span.begin; row < end;) {
      for (; next < edges.size() && edges[next].row <= row; ++next) {
        if (edges[next].begins) {
          here.insert(edges[next].part);
        } else {
          here.erase(edges[next].part);
        }
      }
      const int64_t stop = next < edges.size() ? std::min(end, edges[next].row) : end;
      add_run(tables, row, stop - row, here);
      row = stop;
    }
  }
  return tables;
}

}  // namespace ringfold
