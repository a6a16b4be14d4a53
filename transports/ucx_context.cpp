#include "transports/ucx_context.h"

#include "lib/error.h"

#include <ucs/config/global_opts.h>
#include <ucs/debug/log_def.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <mutex>
#include <sstream>

namespace ringfold {

namespace {

/// What UCX wrote last, errors before warnings.
class Complaints {
 public:
  void add(ucs_log_level_t level, const char* text) {
    const std::lock_guard lock(mutex_);
    if (!text_.empty() && level > level_) return;
    level_ = level;
    text_ = text;
  }
  std::string take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(text_, {});
  }

 private:
  std::mutex mutex_;
  ucs_log_level_t level_ = UCS_LOG_LEVEL_LAST;
  std::string text_;
};

Complaints& complaints() {
  static Complaints all;
  return all;
}

ucs_log_func_rc_t keep_complaint(const char*, unsigned, const char*, ucs_log_level_t level,
                                 const ucs_log_component_config_t*, const char* message, va_list arguments) {
  if (level == UCS_LOG_LEVEL_FATAL || level > UCS_LOG_LEVEL_WARN) return UCS_LOG_FUNC_RC_CONTINUE;
  std::array<char, 512> text{};
  std::vsnprintf(text.data(), text.size(), message, arguments);
  complaints().add(level, text.data());
  return std::getenv("UCX_LOG_LEVEL") != nullptr ? UCS_LOG_FUNC_RC_CONTINUE : UCS_LOG_FUNC_RC_STOP;
}

/// From UCX's own table: "#  resource 3  :  md 2  dev 0  flags -- sysv/memory".
std::vector<std::string> transports_of(ucp_context_h context) {
  std::istringstream lines(printed([&](std::FILE* file) { ucp_context_print_info(context, file); }));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find("-- ");
    const size_t slash = line.find('/', at);
    if (line.find("resource") == std::string::npos || at == std::string::npos || slash == std::string::npos) continue;
    const std::string name = line.substr(at + 3, slash - at - 3);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

ucs_memory_type_t ucs_memory_type(MemoryKind kind) {
  return kind == MemoryKind::cuda ? UCS_MEMORY_TYPE_CUDA : UCS_MEMORY_TYPE_HOST;
}

}  // namespace

std::string printed(const std::function<void(std::FILE*)>& print) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* file = open_memstream(&text, &size);
  if (file == nullptr) return {};
  print(file);
  std::fclose(file);
  std::string all(text, size);
  std::free(text);
  return all;
}

std::string ucx_error_text(ucs_status_t status) {
  const std::string said = complaints().take();
  const char* words = ucs_status_string(status);
  return said.empty() ? words : fmt::format("{} ({})", words, said);
}

/// UCX's settings from the environment, with ours where the environment leaves them open.
class UcxContext::Settings {
 public:
  Settings() {
    const ucs_status_t status = ucp_config_read(nullptr, nullptr, &config_);
    RINGFOLD_CHECK(status == UCS_OK, ExitCode::unavailable, "UCX refuses its settings (UCX_... in the environment): {}",
                   ucx_error_text(status));
    // Endpoints that report failures may use shared memory, which some versions know and leave off.
    prefer("POSIX_ERROR_HANDLING", "y");
    prefer("SYSV_ERROR_HANDLING", "y");
    // Who receives fetches: nobody writes to the memory of a rank that has given up.
    prefer("RNDV_SCHEME", "get_zcopy");
    // Whether a rank lives is for the control plane to say; UCX's own rounds would pass for progress.
    prefer("KEEPALIVE_INTERVAL", "inf");
    prefer("WARN_UNUSED_ENV_VARS", "n");
  }
  ~Settings() { ucp_config_release(config_); }
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;
  const ucp_config_t* get() const { return config_; }
  /// UCX hears of what becomes of GPU memory by hooks in the shared CUDA runtime. This program has its own, so UCX
  /// would take such memory for the host's, or for what lay at its address before.
  void forget_memory() {
    if (std::getenv("UCX_MEMTYPE_CACHE") == nullptr) (void)ucs_global_opts_set_value("MEMTYPE_CACHE", "n");
    prefer("RCACHE_ENABLE", "n");
  }

 private:
  void prefer(const char* name, const char* value) {
    if (std::getenv(fmt::format("UCX_{}", name).c_str()) == nullptr) (void)ucp_config_modify(config_, name, value);
  }
  ucp_config_t* config_ = nullptr;
};

UcxContext::UcxContext(int ranks) {
  static std::once_flag once;
  std::call_once(once, [] { ucs_log_push_handler(keep_complaint); });
  (void)complaints().take();
  Settings settings;
  start(ranks, settings);
  if (moves(MemoryKind::cuda)) {
    ucp_cleanup(std::exchange(handle_, nullptr));
    settings.forget_memory();
    start(ranks, settings);
  }
  transports_ = transports_of(handle_);
}

void UcxContext::start(int ranks, const Settings& settings) {
  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_MT_WORKERS_SHARED | UCP_PARAM_FIELD_ESTIMATED_NUM_EPS;
  params.features = UCP_FEATURE_TAG | UCP_FEATURE_WAKEUP;
  params.mt_workers_shared = 1;
  params.estimated_num_eps = static_cast<size_t>(ranks);
  const ucs_status_t status = ucp_init(&params, settings.get(), &handle_);
  RINGFOLD_CHECK(status == UCS_OK, ExitCode::unavailable, "UCX does not start: {}", ucx_error_text(status));
  ucp_context_attr_t attributes{};
  attributes.field_mask = UCP_ATTR_FIELD_REQUEST_SIZE | UCP_ATTR_FIELD_MEMORY_TYPES;
  ucp_context_query(handle_, &attributes);
  request_bytes_ = attributes.request_size;
  memory_types_ = attributes.memory_types;
}

UcxContext::~UcxContext() {
  for (const TakenIn& each : taken_in_) (void)ucp_mem_unmap(handle_, each.handle);
  ucp_cleanup(handle_);
}

bool UcxContext::moves(MemoryKind kind) const { return (memory_types_ & UCS_BIT(ucs_memory_type(kind))) != 0; }

ucp_mem_h UcxContext::take_in(const AnnouncedMemory& memory) {
  if (memory.bytes == 0 || !moves(MemoryKind::cuda)) return nullptr;
  ucp_mem_map_params_t params{};
  params.field_mask =
      UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH | UCP_MEM_MAP_PARAM_FIELD_MEMORY_TYPE;
  params.address = memory.data.get();
  params.length = static_cast<size_t>(memory.bytes);
  params.memory_type = ucs_memory_type(memory.kind);
  ucp_mem_h handle = nullptr;
  const ucs_status_t status = ucp_mem_map(handle_, &params, &handle);
  RINGFOLD_CHECK(status == UCS_OK, ExitCode::unavailable, "UCX does not take in {} bytes of memory: {}", memory.bytes,
                 ucx_error_text(status));
  const std::lock_guard lock(mutex_);
  taken_in_.push_back({memory.data, handle});
  return handle;
}

bool UcxContext::shares_memory() const {
  const auto has = [&](const char* name) {
    return std::find(transports_.begin(), transports_.end(), name) != transports_.end();
  };
  return (has("sysv") || has("posix")) && (has("cma") || has("knem") || has("xpmem"));
}

std::string ucx_library_text() {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  ucp_get_version(&major, &minor, &release);
  std::string text = fmt::format("UCX {}.{}.{}", major, minor, release);
  Dl_info file{};
  if (dladdr(reinterpret_cast<const void*>(&ucp_get_version_string), &file) != 0 && file.dli_fname != nullptr) {
    text += fmt::format(" ({})", file.dli_fname);
  }
  if (major != UCP_API_MAJOR || minor != UCP_API_MINOR) {
    text += fmt::format(", built with the headers of {}.{}", UCP_API_MAJOR, UCP_API_MINOR);
  }
  return text;
}

}  // namespace ringfold
