// The trigger stage: stored pending triggers become pipeline executions.
//
// What is here only in memory is which triggers are in flight; everything else is in the store. After a crash what was
// in flight is pending still and is sent again with the same clientRequestToken, which CodePipeline answers with the
// same execution. While the store is unavailable nothing is started and nothing is lost.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/aws/client.h"
#include "core/aws/codepipeline.h"
#include "core/aws/pipeline_catalog.h"
#include "core/base/time.h"
#include "core/base/wake.h"
#include "core/hooks/webhook.h"
#include "core/store/store.h"
#include "core/telemetry/log.h"
#include "core/trigger/calendar.h"
#include "core/trigger/trigger_policy.h"
#include "core/trigger/unclaimed_watch.h"
#include "core/trigger/webhook_list.h"

namespace penstock::trigger {

// Threads: one scheduler (blocks on the store and on the wake), `concurrency` starters (block on AWS calls and on the
// store), one watch for unclaimed jobs. Thread-safe.
class Starter {
 public:
  struct Options {
    int concurrency = 4;  // StartPipelineExecution calls at a time; above about 20 AWS throttles
    StartPolicy policy;
    // How long at most until the store is looked at without a wake.
    std::chrono::milliseconds longest_pause{std::chrono::seconds(15)};
    // A started execution's source job must be claimed within `timeout` when its source action is of one of these
    // types.
    std::set<aws::ActionTypeId> worked_action_types;
    UnclaimedWatch::Options unclaimed;
  };
  struct Parts {
    store::Store& store;
    std::shared_ptr<aws::CodePipelineClient> codepipeline;
    std::shared_ptr<aws::Client> codepipeline_client;  // for GetPipelineState; may be null, see UnclaimedWatch
    aws::PipelineCatalog& catalog;
    Wake& wake;  // notified by intake; the scheduler is the only one that waits on it
    const Clock& clock;
    const telemetry::Log& log;
    // "A job will show up soon"; called on a starter thread; may be null.
    std::function<void(const store::Trigger& trigger)> on_started;
    // Called on the scheduler's thread when it was woken: PathsStage::wake(). May be null.
    std::function<void()> on_woken = nullptr;
    // Held by whoever reads, changes and writes a delivery's decisions; to be shared with PathsStage.
    std::shared_ptr<std::mutex> decisions = std::make_shared<std::mutex>();
  };
  Starter(Options options, Parts parts);
  ~Starter();  // stop() and join

  void set_webhooks(std::shared_ptr<const WebhookList> webhooks);
  // Triggers of webhooks that are not in it wait for nothing.
  void set_gates(std::shared_ptr<const GateMap> gates);
  std::shared_ptr<const GateMap> gates() const;
  void set_worked_action_types(std::set<aws::ActionTypeId> types);

  void start();
  // Lets a deferred trigger go now. Error{kNotFound}, Error{kConflict} when it is not deferred, errors of the store.
  void release(const std::string& trigger_id);

  // Begins nothing new. What is in flight is finished and recorded, or stays pending. Does not block.
  void request_stop();
  // Blocks until the threads have ended: at most for the AWS calls that are under way.
  void join();

 private:
  struct Finished {
    std::string id;
    bool pending = false;  // still: put off, or decided and now to be started
  };

  void schedule(std::stop_token stop);
  void take_finished();
  void read_pending();
  std::chrono::milliseconds schedule_once();
  void work(std::stop_token stop);
  // These return whether the trigger is pending still. Errors of the store.
  bool handle(const std::string& id, const std::stop_token& stop);
  bool decide(const store::Trigger& trigger);
  bool ask_calendar(const store::Trigger& trigger);
  bool start_execution(const store::Trigger& trigger, const std::stop_token& stop);
  void record_start(const store::Trigger& trigger, const std::string& execution_id, bool watched,
                    const std::stop_token& stop);
  // Whether the source job of this trigger's execution must be claimed here. May block for GetPipeline.
  std::map<std::string, std::string> load_configuration(const store::Trigger& trigger);
  bool is_watched(const store::Trigger& trigger);
  std::shared_ptr<const hooks::Webhook> find_webhook(const std::string& name) const;
  std::optional<Gate> find_gate(const std::string& webhook) const;
  bool is_configuration_known(const store::PendingTrigger& trigger) const;
  void end(const store::Trigger& trigger, store::TriggerState state, const std::string& reason);
  std::chrono::milliseconds age(const store::Trigger& trigger) const;

  const Options options_;
  const Parts parts_;
  UnclaimedWatch unclaimed_;

  mutable std::mutex mutex_;
  std::condition_variable_any queued_;
  // Guarded by mutex_:
  std::shared_ptr<const WebhookList> webhooks_;
  std::shared_ptr<const GateMap> gates_;
  std::set<aws::ActionTypeId> worked_action_types_;
  std::deque<store::PendingTrigger> queue_;  // handed out, not yet taken by a starter
  std::vector<Finished> finished_;           // what starters are done with, not yet seen by the scheduler
  // Only the scheduler touches these:
  std::map<std::string, store::PendingTrigger> in_flight_;  // by id
  std::set<std::string> stale_;                             // of those, the ones whose new state is in the store only
  // As last read, in the order of their arrival; with the deferred ones that are due.
  std::vector<store::PendingTrigger> pending_;
  std::optional<Timestamp> next_deferred_;  // when the first of the other deferred ones is due
  std::chrono::steady_clock::time_point read_at_{};

  std::vector<std::jthread> threads_;  // last: they end before the rest goes
};

}  // namespace penstock::trigger
