#include "experiments/commands.h"
#include "experiments/environment.h"
#include "experiments/gpu_watch.h"
#include "experiments/load.h"
#include "experiments/memory.h"
#include "experiments/ping.h"
#include "experiments/text.h"

#include <fmt/core.h>

#include <cstdio>
#include <unistd.h>

namespace ringfold {
namespace {

std::string simd_text() {
  std::vector<std::string> sets;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) sets.emplace_back("AVX2");
  if (__builtin_cpu_supports("fma")) sets.emplace_back("FMA");
  if (__builtin_cpu_supports("avx512f")) sets.emplace_back("AVX-512");
#endif
  return sets.empty() ? "none of AVX2, FMA, AVX-512" : joined(sets, ", ");
}

void print_line(std::string_view name, std::string_view text) { fmt::print("  {:<14}{}\n", name, text); }

void print_machine() {
  fmt::print("machine\n");
  print_line("processor", cpu_model());
  print_line("instructions", simd_text());
  print_line("cores", std::to_string(usable_cores()));
  print_line("memory",
             fmt::format("{}, {} available", bytes_text(total_memory_bytes()), bytes_text(available_memory_bytes())));
  print_line("system", os_text());
  const std::string gpus = clocks_text(gpu_clocks());
  if (!gpus.empty()) print_line("GPUs", gpus);
  fmt::print("program\n");
  print_line("ringfold", fmt::format("{} ({})", version(), revision()));
  print_line("compiler", compiler_text());
}

template <typename Info>
void print_entry(const Info& info) {
  const Style style = style_of(STDOUT_FILENO);
  const std::optional<std::string> missing = info.unavailable();
  if (missing) {
    fmt::print("  {:<14}{}unavailable{}: {}\n", info.id, style.bad, style.off, *missing);
  } else {
    print_line(info.id, info.describe());
  }
}

void print_support(const KernelInfo& info) {
  if (info.support != nullptr) print_line("", info.support());
}

void print_unbuilt(const std::vector<KnownName>& names) {
  for (const KnownName& name : names) {
    if (!name.unbuilt.empty()) print_line(name.name, name.unbuilt);
  }
}

void print_ping(const TransportInfo& info) {
  if (info.unavailable()) return;
  std::fflush(stdout);
  try {
    const std::optional<Ping> ping = measure_ping(info);
    if (!ping) return;
    print_line("", fmt::format("a message between two ranks: {} us, {} GB/s", number_text(ping->latency_us),
                               number_text(ping->gigabytes_per_second)));
  } catch (const Error& error) {
    print_line("", fmt::format("a message between two ranks fails: {}", error.what()));
  }
}

}  // namespace

ExitCode doctor_command() {
  const Vocabulary words = built_vocabulary();
  print_machine();
  fmt::print("kernels\n");
  for (const KernelInfo& info : kernel_table()) {
    print_entry(info);
    print_support(info);
  }
  print_unbuilt(words.kernels);
  fmt::print("transports\n");
  for (const TransportInfo& info : transport_table()) {
    print_entry(info);
    print_ping(info);
  }
  print_unbuilt(words.transports);
  return ExitCode::ok;
}

}  // namespace ringfold
