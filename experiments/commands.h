#pragma once

#include "lib/error.h"

#include <string>
#include <vector>

namespace ringfold {

struct PlanOptions {
  std::string file;
  std::vector<std::string> overrides;
  bool json = false;
  bool operations = false;
  std::string ranks;  ///< "0-3,7": which ones are shown; empty: all
  double tflops = 0;  ///< a rank's rate and its link's, to weigh a layer's sources of K and V by; 0: not given
  double gbps = 0;
};

struct CheckOptions {
  std::string file;
  std::vector<std::string> overrides;
  bool schema = false;  ///< print the JSON Schema of experiment files instead
};

struct ReportOptions {
  std::vector<std::string> paths;  ///< folders or files of results, and traces
  std::string out = "report.html";
};

struct CompareOptions {
  std::string a;  ///< a file, a folder or a revision
  std::string b;
  std::string folder = "results";  ///< where revisions are looked for
  std::string fail_on;             ///< "slower": a regression is exit 8
  double noise_floor_percent = 5;
  bool json = false;
};

/// Plans and proves every case; touches no device.
ExitCode plan_command(const PlanOptions& options);
/// Reads the file and the header of its input file.
ExitCode check_command(const CheckOptions& options);
/// One HTML file that shows results, plans and traces. Prints its path.
ExitCode report_command(const ReportOptions& options);
/// strategies, transports or kernels.
ExitCode list_command(const std::string& what);
/// Whether B's results are slower or faster than A's.
ExitCode compare_command(const CompareOptions& options);
/// The tables of finished runs, of all results at `path`.
ExitCode show_command(const std::string& path);
/// All results at `path` as comma-separated values.
ExitCode export_command(const std::string& path);
/// What this machine offers, and why something is missing.
ExitCode doctor_command();

}  // namespace ringfold
