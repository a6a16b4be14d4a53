#include "experiments/cli.h"

#include "experiments/commands.h"
#include "experiments/environment.h"
#include "experiments/help.h"
#include "experiments/report_error.h"
#include "experiments/run_command.h"
#include "experiments/spec.h"
#include "experiments/streams.h"
#include "lib/error.h"
#include "transports/join.h"
#include "transports/launch.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>

namespace ringfold {
namespace {

using Action = std::function<ExitCode()>;

CLI::App* add_command(CLI::App& program, std::string_view name) {
  CLI::App* command = program.add_subcommand(std::string(name));
  command->formatter_fn([name](const CLI::App*, const std::string&, CLI::AppFormatMode) { return help_text(name); });
  return command;
}

void add_experiment(CLI::App& command, std::string& file, std::vector<std::string>& overrides) {
  command.add_option("FILE", file)->required();
  command.add_option("overrides", overrides);
}

void add_run(CLI::App& program, RunOptions& options, Action& action) {
  CLI::App* command = add_command(program, "run");
  add_experiment(*command, options.file, options.overrides);
  command->add_option("--out", options.out);
  command->add_flag("--resume", options.resume);
  command->add_flag("--save-outputs", options.save_outputs);
  command->add_flag("--save-inputs", options.save_inputs);
  command->add_option("--timeline", options.timeline);
  command->callback([&] { action = [&] { return run_command(options); }; });
}

/// Wide enough for any machine, and times stay finite.
std::string refuse_rate(const std::string& text) {
  double rate = 0;
  const std::string fault = parse_number(text, rate);
  if (fault.empty() && rate >= 1e-6 && rate <= 1e6) return "";
  return fmt::format("{} {}; allowed: a number from 1e-6 to 1e6", in_quotes(text),
                     fault.empty() ? "is out of range" : fault);
}

void add_plan(CLI::App& program, PlanOptions& options, Action& action) {
  CLI::App* command = add_command(program, "plan");
  add_experiment(*command, options.file, options.overrides);
  command->add_flag("--json", options.json);
  command->add_flag("--operations", options.operations);
  command->add_option("--ranks", options.ranks);
  CLI::Option* tflops = command->add_option("--tflops", options.tflops)->check(refuse_rate);
  CLI::Option* gbps = command->add_option("--gbps", options.gbps)->check(refuse_rate);
  tflops->needs(gbps);
  gbps->needs(tflops);
  command->callback([&] { action = [&] { return plan_command(options); }; });
}

void add_check(CLI::App& program, CheckOptions& options, Action& action) {
  CLI::App* command = add_command(program, "check");
  command->add_option("FILE", options.file);
  command->add_option("overrides", options.overrides);
  command->add_flag("--schema", options.schema);
  command->callback([&] { action = [&] { return check_command(options); }; });
}

void add_report(CLI::App& program, ReportOptions& options, Action& action) {
  CLI::App* command = add_command(program, "report");
  command->add_option("PATHS", options.paths)->required();
  command->add_option("-o,--output", options.out);
  command->callback([&] { action = [&] { return report_command(options); }; });
}

void add_list(CLI::App& program, std::string& what, Action& action) {
  CLI::App* command = add_command(program, "list");
  command->add_option("WHAT", what)->required();
  command->callback([&] { action = [&] { return list_command(what); }; });
}

void add_compare(CLI::App& program, CompareOptions& options, Action& action) {
  CLI::App* command = add_command(program, "compare");
  command->add_option("A", options.a)->required();
  command->add_option("B", options.b)->required();
  command->add_option("--in", options.folder);
  command->add_option("--fail-on", options.fail_on);
  command->add_option("--noise-floor", options.noise_floor_percent);
  command->add_flag("--json", options.json);
  command->callback([&] { action = [&] { return compare_command(options); }; });
}

void add_show(CLI::App& program, std::string& path, Action& action) {
  CLI::App* command = add_command(program, "show");
  command->add_option("DIR", path)->required();
  command->callback([&] { action = [&] { return show_command(path); }; });
}

void add_export(CLI::App& program, std::string& path, Action& action) {
  CLI::App* command = add_command(program, "export");
  command->add_option("DIR", path)->required();
  // The only format yet; asked for by name, so that another one can join it.
  command->add_flag("--csv")->required();
  command->callback([&] { action = [&] { return export_command(path); }; });
}

/// Of several processes the first speaks for all, except where they work together: in `run`.
bool is_silent() { return launched_rank().value_or(0) > 0; }

/// Processes that are in a run hear of the error too: it may be this one's alone.
ExitCode refuse(const Error& error) {
  stay_away(error.what(), error.code());
  if (is_silent()) return ExitCode::ok;
  throw error;
}

/// CLI11 would say of a word that it does not know that a command is missing.
void refuse_unknown_word(const CLI::App& program, int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "-";
  std::vector<std::string> names;
  for (const CLI::App* command : program.get_subcommands({})) names.push_back(command->get_name());
  const bool is_known = word.starts_with('-') || std::find(names.begin(), names.end(), word) != names.end();
  RINGFOLD_CHECK(is_known, ExitCode::usage, "unknown command {}; {}allowed: {}", in_quotes(word),
                 suggestion(word, names), join(names, " | "));
}

ExitCode run(int argc, char** argv) {
  CLI::App program;
  program.formatter_fn([](const CLI::App*, const std::string&, CLI::AppFormatMode) { return help_text(""); });
  program.set_version_flag("--version", fmt::format("ringfold {} ({})", version(), revision()));
  program.require_subcommand(1);
  Action action;
  RunOptions run_options;
  PlanOptions plan_options;
  CheckOptions check_options;
  ReportOptions report_options;
  CompareOptions compare_options;
  std::string what;
  add_run(program, run_options, action);
  add_plan(program, plan_options, action);
  add_check(program, check_options, action);
  add_report(program, report_options, action);
  add_list(program, what, action);
  add_compare(program, compare_options, action);
  add_show(program, what, action);
  add_export(program, what, action);
  add_command(program, "doctor")->callback([&] { action = [] { return doctor_command(); }; });
  try {
    refuse_unknown_word(program, argc, argv);
    program.parse(argc, argv);
    if (program.got_subcommand("run")) check_run_options(run_options);
  } catch (const CLI::Success& success) {
    stay_away("it shows its version or help, and has no part in this run");
    if (!is_silent()) program.exit(success);
    return ExitCode::ok;
  } catch (const CLI::ParseError& error) {
    return refuse(Error(ExitCode::usage, fmt::format("{} (see ringfold --help)", error.what())));
  } catch (const Error& error) {
    return refuse(error);
  }
  if (program.got_subcommand("run")) return action();
  stay_away(fmt::format("it was started as 'ringfold {}', and has no part in this run",
                        program.get_subcommands().front()->get_name()));
  return is_silent() ? ExitCode::ok : action();
}

}  // namespace

int run_program(int argc, char** argv) {
  fill_standard_streams();
  // Before anything of CUDA starts: by default streams share 8 hardware queues, where one that waits for another rank
  // holds up what stands behind it, possibly for ever.
  (void)setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
  try {
    const ExitCode code = run(argc, argv);
    // A full disk behind standard output must not pass for success.
    RINGFOLD_CHECK(std::fflush(stdout) == 0 && std::ferror(stdout) == 0, ExitCode::internal,
                   "cannot write to standard output");
    return static_cast<int>(code);
  } catch (...) {
    return static_cast<int>(report_error(std::current_exception()));
  }
}

}  // namespace ringfold
