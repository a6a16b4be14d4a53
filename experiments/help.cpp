#include "experiments/help.h"

namespace ringfold {
namespace {

constexpr std::string_view kProgram = R"(ringfold: plans, proves, runs and compares schedules of distributed attention.

Usage: ringfold COMMAND ...

  run FILE [key=value ...]     run an experiment and compare its strategies
  plan FILE [key=value ...]    plan and prove it, without running anything
  check FILE [key=value ...]   validate the file and its input file
  report DIR... [-o FILE]      one HTML file that shows results and schedules
  compare A B                  tell what became slower or faster
  show DIR                     print the table of a finished run again
  export DIR --csv             its rows, for spreadsheets and data frames
  list strategies|transports|kernels
                               what a file may name, with options
  doctor                       what this machine offers, and what it lacks

  --help                       this text; `ringfold COMMAND --help` for more
  --version                    version and revision

An override has the words of the file, with dots: cluster.sp=8, dtype and
lists as in problem.dtype=bf16 'strategies=[naive_ring]'.

Exit codes: 0 all passed, 1 internal error, 2 usage, 3 configuration,
4 unavailable or unsupported, 5 numerics failed, 6 deadline passed,
7 peer lost, 8 regression, 9 schedule refuted, 10 nothing to run,
130 interrupted.
)";

constexpr std::string_view kRun = R"(Usage: ringfold run FILE [key=value ...] [options]

Plans every case of the experiment, proves the plan, runs it, checks the
numbers and prints a table. DIR/results.jsonl gets a line a case.

  --out DIR        where results go (default: results/NAME-UTCTIME)
  --resume         go on with the results in DIR: cases that are there and need
                   not run again are skipped
  --save-outputs   write O and LSE to DIR/ID.safetensors
  --save-inputs    write Q, K and V (with a layer hidden states and weights) to
                   DIR/ID.inputs.safetensors, usable as an input file
  --timeline FILE  write what each rank does when, in one more forward of each
                   case, for chrome://tracing or ui.perfetto.dev
)";

constexpr std::string_view kPlan = R"(Usage: ringfold plan FILE [key=value ...] [options]

Plans and proves every case. Per rank: steps, bytes, FLOPs and memory; a
diagram; the verdict. Touches no device.

  --json           machine-readable: {"schema": 1, "cases": [...]}
  --operations     every operation of every rank
  --tflops N --gbps N
                   with problem.layer: estimate both sources of K and V for
                   ranks of 10^12 N FLOP/s that send 10^9 N bytes/s each
  --ranks LIST     only these ranks, as in 5, 0-3 or 0-3,7; a case of a sweep
                   that has fewer shows those that it has
)";

constexpr std::string_view kCheck = R"(Usage: ringfold check FILE [key=value ...]
       ringfold check --schema

Validates the file, every case of its sweep and the header of its input file;
reports all errors at once.

  --schema         print the JSON Schema of experiment files, for editors
)";

constexpr std::string_view kReport = R"(Usage: ringfold report DIR... [-o report.html]

One HTML file, to be opened in a browser without a network: which strategy
wins and by how much, why, how it scales, whether its numbers are right, and
what the schedules look like.

  DIR              a folder with results.jsonl, or such a file; timelines that
                   lie beside it, or are given too, are shown with their cases
  -o, --output     the file to write (default: report.html)
)";

constexpr std::string_view kCompare = R"(Usage: ringfold compare A B [options]

Compares the times of cases that both have, by content: same, faster, slower,
or cannot tell. A and B are files or folders of results, or git revisions whose
rows are looked for.

  --fail-on slower exit with 8 if a case is slower, or passed in A and not in B
  --noise-floor P  differences up to P percent are noise (default: 5)
  --in DIR         where rows of a revision are looked for (default: results)
  --json           machine-readable: {"schema": 1, "cases": [...], ...}

Exit codes: 0 compared, 3 no results, 8 slower, 10 nothing to compare: no case
in common, no times, or with --fail-on too few repeats to ever find one slower.
)";

constexpr std::string_view kShow = R"(Usage: ringfold show DIR

Prints the table of a finished run again; of several runs below DIR, one after
the other. DIR may be a file of results.
)";

constexpr std::string_view kExport = R"(Usage: ringfold export DIR --csv

Writes a line for each row of results to standard output, quoted as RFC 4180
says. Columns are dotted names of fields; a list is one cell, as JSON.
)";

constexpr std::string_view kList = R"(Usage: ringfold list strategies|transports|kernels

What an experiment file may name, with options and whether this machine has it.
)";

constexpr std::string_view kDoctor = R"(Usage: ringfold doctor

What this machine offers, why something is missing, and how long a message
between two ranks takes.
)";

}  // namespace

std::string help_text(std::string_view command) {
  if (command == "run") return std::string(kRun);
  if (command == "plan") return std::string(kPlan);
  if (command == "check") return std::string(kCheck);
  if (command == "report") return std::string(kReport);
  if (command == "compare") return std::string(kCompare);
  if (command == "show") return std::string(kShow);
  if (command == "export") return std::string(kExport);
  if (command == "list") return std::string(kList);
  if (command == "doctor") return std::string(kDoctor);
  return std::string(kProgram);
}

}  // namespace ringfold
