#include "experiments/commands.h"
#include "experiments/compare_output.h"
#include "experiments/printable.h"
#include "experiments/streams.h"
#include "experiments/text.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <future>
#include <unistd.h>

namespace ringfold {
namespace {

void check_usable(const Side& side) {
  tell(unusable_text(side.summary));
  require_rows(side.summary, side.source);
}

/// Not an error, since it is a way to try the command; but hardly what a pipeline means.
void warn_of_same_files(const Side& a, const Side& b) {
  for (const std::string& file : a.files) {
    const auto is_same = [&](const std::string& other) {
      std::error_code error;
      return std::filesystem::equivalent(file, other, error) && a.revisions == b.revisions;
    };
    if (std::any_of(b.files.begin(), b.files.end(), is_same)) {
      tell("A and B are the same results: {}\n", printable(file));
      return;
    }
  }
}

}  // namespace

ExitCode compare_command(const CompareOptions& options) {
  const bool is_percent = options.noise_floor_percent >= 0 && options.noise_floor_percent <= 100;
  RINGFOLD_CHECK(is_percent, ExitCode::usage, "--noise-floor takes a percentage from 0 to 100");
  RINGFOLD_CHECK(options.fail_on.empty() || options.fail_on == "slower", ExitCode::usage,
                 "--fail-on {}: only slower is known", printable(options.fail_on));
  Criterion criterion;
  criterion.noise_floor = options.noise_floor_percent / 100;
  // Side by side: large files take seconds.
  std::future<Side> reading_b = std::async(std::launch::async, read_side, options.b, options.folder);
  const Side a = read_side(options.a, options.folder);
  check_usable(a);
  const Side b = reading_b.get();
  check_usable(b);
  warn_of_same_files(a, b);
  const Compared compared = compare_sides(a, b, criterion);
  fmt::print("{}", options.json ? compared_json(a, b, compared, criterion)
                                : compared_table(a, b, compared, criterion, style_of(STDOUT_FILENO),
                                                 terminal_columns(STDOUT_FILENO)));
  const ExitCode code = exit_of(compared, criterion, !options.fail_on.empty());
  if (code == ExitCode::nothing_to_run) {
    // What was printed says which cases there are.
    std::fflush(stdout);
    const char* reason = compared.cases.empty() ? "no case of A is in B"
                         : options.fail_on.empty() || compared.timed() == 0
                             ? "no case has times in both A and B"
                             : "no case has the repeats to be found slower";
    throw Error(code, fmt::format("nothing to compare: {}", reason));
  }
  return code;
}

}  // namespace ringfold
