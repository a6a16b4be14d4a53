// PMIx: how a process started by mpirun, prterun or srun --mpi=pmix learns who it is and where rank 0 listens.
#include "lib/error.h"
#include "transports/launch.h"

#include <pmix.h>

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>

namespace ringfold {

namespace {

/// For the launcher to answer what it knows without asking anybody.
constexpr std::chrono::milliseconds kAtOnce{2000};
/// For a server that has let us in to say who we are; a stopped one never does.
constexpr std::chrono::milliseconds kAdmission{10000};
/// kAtOnce for a process that has failed: Open MPI's mpirun, once it ends its processes after a loss, answers nothing
/// and soon kills them.
constexpr std::chrono::milliseconds kBriefly{200};

/// What came of a call that does not return by itself. Shared with the library, which may answer too late.
struct Answer {
  std::mutex mutex;
  std::condition_variable came;
  std::optional<pmix_status_t> status;
  std::string text;
  uint32_t number = 0;

  void give(pmix_status_t given, const pmix_value_t* value) {
    const std::lock_guard lock(mutex);
    status = given;
    if (given == PMIX_SUCCESS && value != nullptr) {
      if (value->type == PMIX_STRING && value->data.string != nullptr) text = value->data.string;
      if (value->type == PMIX_UINT32) number = value->data.uint32;
    }
    came.notify_all();
  }
  bool wait(std::chrono::milliseconds within) {
    std::unique_lock lock(mutex);
    return came.wait_for(lock, within, [this] { return status.has_value(); });
  }
};

void take(pmix_status_t status, pmix_value_t* value, void* given) {
  const std::unique_ptr<std::shared_ptr<Answer>> answer(static_cast<std::shared_ptr<Answer>*>(given));
  (*answer)->give(status, value);
}

/// Asks for a rank's value; null if there is no answer within this time.
std::shared_ptr<Answer> ask(const pmix_proc_t& of, const char* key, std::chrono::milliseconds within) {
  auto answer = std::make_shared<Answer>();
  auto given = std::make_unique<std::shared_ptr<Answer>>(answer);
  const pmix_status_t status = PMIx_Get_nb(&of, key, nullptr, 0, take, given.get());
  if (status != PMIX_SUCCESS) return nullptr;
  given.release();  // NOLINT: take() owns it
  return answer->wait(within) && *answer->status == PMIX_SUCCESS ? answer : nullptr;
}

/// Who we are. PMIx_Init has no deadline: where there is no answer, its thread is left behind.
pmix_proc_t admitted() {
  struct Admission {
    Answer answer;
    pmix_proc_t self{};
  };
  const auto admission = std::make_shared<Admission>();
  std::thread([admission] { admission->answer.give(PMIx_Init(&admission->self, nullptr, 0), nullptr); }).detach();
  RINGFOLD_CHECK(admission->answer.wait(kAdmission), ExitCode::unavailable,
                 "started by a launcher whose PMIx server has not answered for {} s", kAdmission.count() / 1000);
  const pmix_status_t status = *admission->answer.status;
  RINGFOLD_CHECK(status == PMIX_SUCCESS, ExitCode::unavailable,
                 "started by a launcher whose PMIx server does not answer ({}): start with mpirun, prterun or srun "
                 "--mpi=pmix of the same machine",
                 PMIx_Error_string(status));
  return admission->self;
}

/// A launcher reports a process as failed that ends without. Nobody waits for its answer but the process's end.
void say_goodbye() {
  static Answer& answer = *new Answer;  // NOLINT: the thread may outlive static objects
  std::thread([] { answer.give(PMIx_Finalize(nullptr, 0), nullptr); }).detach();
  on_exit([](int exit_code, void*) { answer.wait(exit_code == 0 ? kAtOnce : kBriefly); }, nullptr);
}

class PmixLaunch final : public Launch {
 public:
  PmixLaunch() {
    die_with_launcher();
    self_ = admitted();
    pmix_proc_t job = self_;
    job.rank = PMIX_RANK_WILDCARD;
    const auto size = ask(job, PMIX_JOB_SIZE, kAtOnce);
    if (!size || size->number == 0) {
      say_goodbye();
      throw Error(ExitCode::unavailable, "the launcher's PMIx server does not say how many ranks there are");
    }
    size_ = static_cast<int>(size->number);
  }
  ~PmixLaunch() override { say_goodbye(); }
  PmixLaunch(const PmixLaunch&) = delete;
  PmixLaunch& operator=(const PmixLaunch&) = delete;

  int rank() const override { return static_cast<int>(self_.rank); }
  int size() const override { return size_; }
  std::string host_of(int rank) override {
    const auto host = ask(proc(rank), PMIX_HOSTNAME, std::chrono::milliseconds(200));
    return host ? host->text : "";
  }
  void publish(const std::string& key, const std::string& text) override {
    published_[key] = text;
    pmix_value_t value;
    PMIX_VALUE_CONSTRUCT(&value);
    value.type = PMIX_STRING;
    value.data.string = strdup(text.c_str());
    pmix_status_t status = PMIx_Put(PMIX_GLOBAL, ours(key).c_str(), &value);
    PMIX_VALUE_DESTRUCT(&value);
    if (status == PMIX_SUCCESS) status = PMIx_Commit();
    RINGFOLD_CHECK(status == PMIX_SUCCESS, ExitCode::unavailable, "the launcher's PMIx server takes no {}: {}", key,
                   PMIx_Error_string(status));
  }
  std::optional<std::string> published_by(int rank, const std::string& key, std::chrono::milliseconds within) override {
    const auto published = ask(proc(rank), ours(key).c_str(), within);
    if (!published || published->text.empty()) return std::nullopt;
    return published->text;
  }
  /// The library gives for good what it has once heard of a rank, whatever it is told.
  void forget_others() override {
    PMIx_Finalize(nullptr, 0);
    const pmix_status_t status = PMIx_Init(&self_, nullptr, 0);
    RINGFOLD_CHECK(status == PMIX_SUCCESS, ExitCode::unavailable, "the launcher's PMIx server answers no more: {}",
                   PMIx_Error_string(status));
    for (const auto& [key, text] : std::map(published_)) publish(key, text);
  }

 private:
  static std::string ours(const std::string& key) { return "ringfold." + key; }
  pmix_proc_t proc(int rank) const {
    pmix_proc_t other = self_;
    other.rank = static_cast<pmix_rank_t>(rank);
    return other;
  }

  pmix_proc_t self_{};
  int size_ = 0;
  std::map<std::string, std::string> published_;
};

}  // namespace

std::unique_ptr<Launch> find_launch() {
  RINGFOLD_CHECK(launched_rank() || std::getenv("PMIX_RANK") == nullptr, ExitCode::unavailable,
                 "PMIX_RANK is set, but not PMIX_NAMESPACE, by which a launcher tells its ranks which run is theirs: "
                 "pass both on, or unset PMIX_RANK to run alone");
  if (launched_rank()) return std::make_unique<PmixLaunch>();
  refuse_other_launchers("without PMIx");
  return nullptr;
}

std::string describe_launch() { return PMIx_Get_version(); }

}  // namespace ringfold
