#include "transports/hub_client.h"

#include "transports/hub_link.h"
#include "transports/rendezvous.h"

#include <utility>

namespace ringfold {

namespace {

class SessionControl final : public Control {
 public:
  SessionControl(HubLink& link, const Deadlines& deadlines) : link_(link), session_(link.open(deadlines)) {}
  ~SessionControl() override { link_.close(session_); }
  SessionControl(const SessionControl&) = delete;
  SessionControl& operator=(const SessionControl&) = delete;

  int rank() const override { return link_.rank(); }
  int size() const override { return link_.size(); }
  void barrier() override { link_.meet(session_, Meeting::barrier, {}); }
  std::vector<std::string> gather(const std::string& mine) override {
    link_.meet(session_, Meeting::gather, rank() == 0 ? std::string() : mine);
    if (rank() != 0) return {};
    session_.parts.resize(static_cast<size_t>(size()));
    session_.parts[0] = mine;
    return std::exchange(session_.parts, {});
  }
  std::string broadcast(const std::string& from_rank_0) override {
    link_.meet(session_, Meeting::broadcast, rank() == 0 ? from_rank_0 : std::string());
    return std::exchange(session_.text, {});
  }
  void tick() override { link_.tick(); }
  void enter(int operation, const char* name) override {
    link_.enter(operation, name);
    link_.check(session_);
  }
  void waits_for(std::span<const Wanted> wants) override { link_.set_waits(session_, wants); }
  void check() override { link_.check(session_); }
  std::optional<Error> first_error() override { return link_.first_error(session_); }
  void abort(const Error& error) noexcept override { link_.fail(session_, error); }

 private:
  HubLink& link_;
  HubLink::Session& session_;
};

class HubClient final : public World {
 public:
  HubClient(int rank, std::vector<std::string> names, FrameSocket to_hub, std::shared_ptr<void> keep)
      : keep_(std::move(keep)), link_(rank, std::move(names), std::move(to_hub)) {}

  int rank() const override { return link_.rank(); }
  int size() const override { return link_.size(); }
  std::string name_of(int rank) const override { return link_.name_of(rank); }
  std::string host_of(int rank) const override { return host_in_name(link_.name_of(rank)); }
  std::unique_ptr<Control> open(const Deadlines& deadlines) override {
    return std::make_unique<SessionControl>(link_, deadlines);
  }
  void on_lost(std::function<void(const Error&)> report) override { link_.on_lost(std::move(report)); }
  std::optional<Error> lost_within(std::chrono::milliseconds time) override { return link_.lost_within(time); }
  int leave(int exit_code) override { return link_.leave(exit_code).value_or(exit_code); }

 private:
  std::shared_ptr<void> keep_;  // outlives the link, which says goodbye to the hub
  HubLink link_;
};

}  // namespace

std::unique_ptr<World> make_hub_client(int rank, std::vector<std::string> names, FrameSocket to_hub,
                                       std::shared_ptr<void> keep) {
  return std::make_unique<HubClient>(rank, std::move(names), std::move(to_hub), std::move(keep));
}

}  // namespace ringfold
