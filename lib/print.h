#pragma once

#include "lib/schedule.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// Every rank of a schedule, ascending.
std::vector<int> all_ranks(const Schedule& schedule);

/// "512 B", "1.5 KiB", "3.0 GiB".
std::string format_bytes(int64_t bytes);

/// The programs of some ranks, an operation a line: what it reads, what it makes, bytes. Long lists are cut short.
std::string print_text(const Schedule& schedule, const std::vector<int>& ranks);

/// Who attends which keys when, at most 100 columns wide, read off the operations: a row a rank, a column a step, then
/// who sends how much to whom, and how evenly the work of each step is spread. A step is what can be done with what the
/// exchanges so far have brought. Of more than 16 ranks or steps the middle ones are left out; of several tp groups the
/// first is shown.
std::string print_diagram(const Schedule& schedule);

/// A JSON array with an object a rank: {"rank", "blocks": [{"id", "kind", "dtype", "layout",
/// "tokens": [[sequence, begin, end]], "heads": [begin, end], "bytes", "offset"?}], "inputs": [id], "outputs": [id],
/// "operations": [{"op": "exchange" ...}]}; "offset" once buffers are assigned. Handed to `write` piece by piece, so
/// that memory does not grow with the plan.
void print_json(const Schedule& schedule, const std::vector<int>& ranks,
                const std::function<void(std::string_view)>& write);

}  // namespace ringfold
