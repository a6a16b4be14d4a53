// in_process: ranks are threads of one process. The strict transport: every transfer is a rendezvous, each rank has one
// exchange in flight, in program order, and it ends only when all its transfers have met their partners. A schedule
// that runs here needs no buffering from any transport. See meeting_point.h.
#include "lib/control.h"
#include "lib/transport.h"
#include "transports/meeting_point.h"

namespace ringfold {

namespace {

class InProcessControl final : public Control {
 public:
  InProcessControl(MeetingPoint& point, int rank) : point_(point), rank_(rank) { point_.arrive(rank); }
  ~InProcessControl() override { point_.leave(rank_); }
  InProcessControl(const InProcessControl&) = delete;
  InProcessControl& operator=(const InProcessControl&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return point_.ranks(); }
  void barrier() override { point_.meet(rank_, "barrier", nullptr); }
  std::vector<std::string> gather(const std::string& mine) override {
    std::vector<std::string> all;
    point_.meet(rank_, "gather", &mine);
    if (rank_ == 0) {
      for (int rank = 0; rank < size(); ++rank) all.push_back(point_.slot(rank));
    }
    point_.meet(rank_, "gather", nullptr);  // the slots are free again
    return all;
  }
  std::string broadcast(const std::string& from_rank_0) override {
    point_.meet(rank_, "broadcast", rank_ == 0 ? &from_rank_0 : nullptr);
    std::string text = point_.slot(0);
    point_.meet(rank_, "broadcast", nullptr);
    return text;
  }
  void tick() override { point_.tick(rank_); }
  void enter(int operation, const char* name) override { point_.enter(rank_, operation, name); }
  void abort(const Error& error) noexcept override { point_.abort(rank_, error); }
  std::optional<Error> first_error() override { return point_.first_error(rank_); }

 private:
  MeetingPoint& point_;
  int rank_;
};

class InProcessTransport final : public Transport {
 public:
  InProcessTransport(MeetingPoint& point, int rank) : point_(point), rank_(rank) {}
  ~InProcessTransport() override { cancel(); }
  InProcessTransport(const InProcessTransport&) = delete;
  InProcessTransport& operator=(const InProcessTransport&) = delete;

  std::unique_ptr<Fence> make_fence() override { return std::make_unique<MeetingFence>(point_, rank_); }
  /// Waits for `after` on the host: work on a host queue has ended when it has been enqueued.
  void enqueue(const BoundExchange& exchange, Fence* after, Fence& done) override {
    if (after != nullptr) after->wait();
    point_.enqueue(rank_, exchange, static_cast<MeetingFence&>(done));
  }
  void synchronize() override { point_.synchronize(rank_); }
  void cancel() noexcept override { point_.cancel(rank_); }
  bool moves(MemoryKind kind) const override { return kind == MemoryKind::host; }

 private:
  MeetingPoint& point_;
  int rank_;
};

class InProcessFabric final : public Fabric {
 public:
  InProcessFabric(int ranks, const TransportOptions& options) : point_(ranks, options) {}
  int ranks() const override { return point_.ranks(); }
  std::unique_ptr<Control> make_control(int rank) override { return std::make_unique<InProcessControl>(point_, rank); }
  std::unique_ptr<Transport> make_transport(int rank, Control&) override {
    return std::make_unique<InProcessTransport>(point_, rank);
  }

 private:
  MeetingPoint point_;
};

std::optional<std::string> unavailable() { return std::nullopt; }

std::string describe() { return "threads of this process"; }

std::unique_ptr<Fabric> make(int ranks, const TransportOptions& options) {
  return std::make_unique<InProcessFabric>(ranks, options);
}

}  // namespace

}  // namespace ringfold

RINGFOLD_TRANSPORT(in_process, "ranks are threads, every transfer is a rendezvous", ringfold::unavailable,
                   ringfold::describe, ringfold::make)
