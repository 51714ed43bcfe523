#include "core/trigger/starter.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/retry.h"
#include "core/base/text.h"
#include "core/trigger/decide_again.h"
#include "core/trigger/schedule.h"

namespace penstock::trigger {
namespace {

// More than any backlog that 24 hours of patience leave; what is beyond is seen when this has shrunk.
constexpr int kMaxPending = 100'000;
// Above this many the list is not read anew for every trigger that was started, but once in a while.
constexpr std::size_t kLongList = 1000;
constexpr std::chrono::milliseconds kLongListLife{1000};
// With a long backlog a round takes its time, and every push asks for one: between two of them it rests this many times
// as long as the last one took, so that the backlog costs a twentieth of a core and not all of it.
constexpr int kRestPerRound = 19;
constexpr std::chrono::milliseconds kLongestRest{5000};
constexpr BackoffPolicy kStoreBackoff{std::chrono::milliseconds(200), std::chrono::seconds(10)};

const aws::PipelineAction* find_action(const aws::PipelineDescription& pipeline, const std::string& name) {
  for (const aws::PipelineAction& action : pipeline.actions) {
    if (action.name == name) return &action;
  }
  return nullptr;
}

}  // namespace

Starter::Starter(Options options, Parts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      unclaimed_(options_.unclaimed,
                 {parts_.store, parts_.codepipeline, parts_.codepipeline_client, parts_.clock, parts_.log}),
      webhooks_(std::make_shared<const WebhookList>()),
      gates_(std::make_shared<const GateMap>()),
      worked_action_types_(options_.worked_action_types) {}

Starter::~Starter() {
  request_stop();
  join();
}

void Starter::set_webhooks(std::shared_ptr<const WebhookList> webhooks) {
  {
    std::lock_guard lock(mutex_);
    webhooks_ = std::move(webhooks);
  }
  parts_.wake.notify();
}

void Starter::set_gates(std::shared_ptr<const GateMap> gates) {
  std::lock_guard lock(mutex_);
  gates_ = std::move(gates);
}

std::shared_ptr<const GateMap> Starter::gates() const {
  std::lock_guard lock(mutex_);
  return gates_;
}

void Starter::release(const std::string& trigger_id) {
  parts_.store.release_trigger(trigger_id);
  parts_.wake.notify();
}

void Starter::set_worked_action_types(std::set<aws::ActionTypeId> types) {
  std::lock_guard lock(mutex_);
  worked_action_types_ = std::move(types);
}

void Starter::start() {
  if (!threads_.empty()) return;
  unclaimed_.start();
  threads_.emplace_back([this](std::stop_token stop) { schedule(std::move(stop)); });
  for (int i = 0; i < std::max(1, options_.concurrency); ++i) {
    threads_.emplace_back([this](std::stop_token stop) { work(std::move(stop)); });
  }
}

void Starter::request_stop() {
  unclaimed_.request_stop();
  for (std::jthread& thread : threads_) thread.request_stop();
}

void Starter::join() {
  for (std::jthread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

// --- scheduler ---

void Starter::schedule(std::stop_token stop) {
  int failures = 0;
  while (!stop.stop_requested()) {
    std::chrono::milliseconds pause{0}, rest{0};
    try {
      const auto began = std::chrono::steady_clock::now();
      pause = schedule_once();
      const auto taken = std::chrono::steady_clock::now() - began;
      rest = std::min(kLongestRest, std::chrono::duration_cast<std::chrono::milliseconds>(kRestPerRound * taken));
      failures = 0;
    } catch (const std::exception& error) {
      ++failures;
      pause = retry_delay(kStoreBackoff, failures, random_unit());
      parts_.log.warning("reading pending triggers failed", {{"error", error.what()}, {"failures", failures}});
      // A wake must not turn the back-off into spinning.
      Wake none;
      none.wait_for(stop, pause);
      continue;
    }
    if (rest.count() > 0) {
      Wake none;
      none.wait_for(stop, rest);
    }
    parts_.wake.wait_for(stop, pause);
    if (parts_.on_woken) parts_.on_woken();
  }
}

void Starter::take_finished() {
  std::vector<Finished> finished;
  {
    std::lock_guard lock(mutex_);
    finished.swap(finished_);
  }
  for (const Finished& item : finished) {
    if (item.pending) {
      // Its place in the order is kept until its new state has been read.
      stale_.insert(item.id);
    } else {
      in_flight_.erase(item.id);
      std::erase_if(pending_, [&](const store::PendingTrigger& trigger) { return trigger.id == item.id; });
    }
  }
}

void Starter::read_pending() {
  const auto now = std::chrono::steady_clock::now();
  if (pending_.size() > kLongList && now - read_at_ < kLongListLife) return;
  // All pending ones, not only the due: an early one that waits for its next attempt holds back later ones.
  // The deferred ones first: what changes from them to the pending in between is then in both lists, and not in none,
  // where it would hold back nobody.
  store::DeferredTriggers deferred = parts_.store.deferred_triggers(parts_.clock.now(), kMaxPending);
  pending_ = parts_.store.pending_triggers(kMaxPending);
  next_deferred_ = deferred.next;
  if (!deferred.due.empty()) {
    const auto middle = pending_.insert(pending_.end(), deferred.due.begin(), deferred.due.end());
    std::inplace_merge(pending_.begin(), middle, pending_.end(),
                       [](const store::PendingTrigger& a, const store::PendingTrigger& b) { return a.id < b.id; });
    pending_.erase(
        std::unique(pending_.begin(), pending_.end(),
                    [](const store::PendingTrigger& a, const store::PendingTrigger& b) { return a.id == b.id; }),
        pending_.end());
  }
  read_at_ = now;
  for (const std::string& id : stale_) in_flight_.erase(id);
  stale_.clear();
}

std::chrono::milliseconds Starter::schedule_once() {
  // In this order: what is finished by now has its new state in the store, what finishes later stays in flight for this
  // round and is not taken for pending.
  take_finished();
  const int free_slots = std::max(1, options_.concurrency) - static_cast<int>(in_flight_.size() - stale_.size());
  // When every starter is busy, the first that finishes wakes us.
  if (free_slots <= 0) return options_.longest_pause;
  read_pending();

  std::set<std::string> ids, deciding;
  for (const auto& [id, trigger] : in_flight_) {
    ids.insert(id);
    if (trigger.undecided) deciding.insert(trigger.pipeline);
  }
  const Timestamp now = parts_.clock.now();
  const Schedule plan = make_schedule({.pending = pending_,
                                       .in_flight = ids,
                                       .deciding = deciding,
                                       .now = now,
                                       .free_slots = free_slots,
                                       .max_deciding = static_cast<std::size_t>(std::max(1, options_.concurrency / 2)),
                                       .is_configuration_known = [this](const store::PendingTrigger& trigger) {
                                         return is_configuration_known(trigger);
                                       }});
  {
    std::lock_guard lock(mutex_);
    for (const store::PendingTrigger* trigger : plan.go) {
      in_flight_.emplace(trigger->id, *trigger);
      queue_.push_back(*trigger);
    }
  }
  for (std::size_t i = 0; i < plan.go.size(); ++i) queued_.notify_one();

  auto pause = options_.longest_pause;
  if (pending_.size() > kLongList) pause = std::min(pause, kLongListLife);
  for (const std::optional<Timestamp>& due : {plan.next_due, next_deferred_}) {
    if (!due) continue;
    pause = std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(*due - now), std::chrono::milliseconds(10),
                       pause);
  }
  return pause;
}

bool Starter::is_configuration_known(const store::PendingTrigger& trigger) const {
  return parts_.catalog.find_configuration(trigger.pipeline, trigger.action).has_value();
}

// --- starters ---

void Starter::work(std::stop_token stop) {
  while (true) {
    store::PendingTrigger trigger;
    {
      std::unique_lock lock(mutex_);
      if (!queued_.wait(lock, stop, [this] { return !queue_.empty(); })) return;
      if (stop.stop_requested()) return;
      trigger = std::move(queue_.front());
      queue_.pop_front();
    }
    bool pending = true;
    try {
      pending = handle(trigger.id, stop);
    } catch (const std::exception& error) {
      // Only the store can have failed: the trigger is pending still and is looked at again.
      parts_.log.warning("recording the state of a trigger failed",
                         {{"trigger", trigger.id}, {"pipeline", trigger.pipeline}, {"error", error.what()}});
      Wake none;
      none.wait_for(stop, retry_delay(kStoreBackoff, 3, random_unit()));
    }
    {
      std::lock_guard lock(mutex_);
      finished_.push_back({trigger.id, pending});
    }
    parts_.wake.notify();
  }
}

bool Starter::handle(const std::string& id, const std::stop_token& stop) {
  const std::optional<store::Trigger> trigger = parts_.store.find_trigger(id);
  if (!trigger) return false;
  const bool deferred = trigger->state == store::TriggerState::kDeferred;
  if (!deferred && trigger->state != store::TriggerState::kPending) return false;
  if (trigger->awaits_paths) return true;
  if (trigger->undecided) return decide(*trigger);
  if (!trigger->cleared_at && (deferred || find_gate(trigger->webhook))) return ask_calendar(*trigger);
  return start_execution(*trigger, stop);
}

std::chrono::milliseconds Starter::age(const store::Trigger& trigger) const {
  // The patience with failures begins when it may be started.
  const Timestamp since = trigger.cleared_at.value_or(trigger.created_at);
  return std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.now() - since);
}

std::shared_ptr<const hooks::Webhook> Starter::find_webhook(const std::string& name) const {
  std::lock_guard lock(mutex_);
  return trigger::find_webhook(*webhooks_, name);
}

std::optional<Gate> Starter::find_gate(const std::string& webhook) const {
  std::lock_guard lock(mutex_);
  const auto gate = gates_->find(webhook);
  return gate == gates_->end() ? std::nullopt : std::optional(gate->second);
}

// Before the first attempt, never between two: the first may have started an execution although no answer came, and
// then only the same call says which. That it may go is recorded, so that this holds over a restart.
bool Starter::ask_calendar(const store::Trigger& trigger) {
  const bool deferred = trigger.state == store::TriggerState::kDeferred;
  if (deferred && !find_webhook(trigger.webhook)) {
    end(trigger, store::TriggerState::kSkipped, "webhook " + in_quotes(trigger.webhook) + " is not defined any more");
    return false;
  }
  const std::optional<Gate> gate = find_gate(trigger.webhook);
  const GateVerdict verdict = gate ? judge_gate(*gate, parts_.clock.now()) : GateVerdict{};
  switch (verdict.step) {
    case GateVerdict::Step::kGo:
      parts_.store.clear_trigger(trigger.id, parts_.clock.now());
      return true;
    case GateVerdict::Step::kPostpone:
      parts_.store.defer_trigger(trigger.id, verdict.until, verdict.reason);
      parts_.log.info("start of a pipeline put off until its calendar opens", {{"trigger", trigger.id},
                                                                               {"pipeline", trigger.pipeline},
                                                                               {"webhook", trigger.webhook},
                                                                               {"delivery", trigger.delivery_id},
                                                                               {"reason", verdict.reason}});
      return true;
    case GateVerdict::Step::kSkip:
      end(trigger, store::TriggerState::kSkipped, verdict.reason);
      return false;
    case GateVerdict::Step::kFail:
      end(trigger, store::TriggerState::kFailed, verdict.reason);
      return false;
  }
  return false;
}

std::map<std::string, std::string> Starter::load_configuration(const store::Trigger& trigger) {
  if (auto known = parts_.catalog.find_configuration(trigger.pipeline, trigger.action)) return *known;
  const aws::PipelineDescription pipeline = parts_.catalog.load(trigger.pipeline);
  if (const aws::PipelineAction* action = find_action(pipeline, trigger.action)) return action->configuration;
  throw Error(ErrorKind::kConfiguration, "reading pipeline " + in_quotes(trigger.pipeline) + ": it has no action " +
                                             in_quotes(trigger.action) + "; check targetAction");
}

bool Starter::decide(const store::Trigger& trigger) {
  const std::shared_ptr<const hooks::Webhook> webhook = find_webhook(trigger.webhook);
  if (!webhook) {
    end(trigger, store::TriggerState::kSkipped, "webhook " + in_quotes(trigger.webhook) + " is not defined any more");
    return false;
  }
  std::map<std::string, std::string> configuration;
  try {
    configuration = load_configuration(trigger);
  } catch (const Error& error) {
    const StartVerdict verdict = judge_configuration_failure(options_.policy, error, trigger.pipeline,
                                                             trigger.attempts + 1, age(trigger), random_unit());
    if (verdict.step == NextStep::kGiveUp) {
      end(trigger, store::TriggerState::kFailed, verdict.reason);
      return false;
    }
    parts_.store.reschedule_trigger(trigger.id, parts_.clock.now() + verdict.delay, verdict.reason);
    return true;
  }
  std::lock_guard lock(*parts_.decisions);
  const std::optional<store::Delivery> delivery = parts_.store.find_delivery(trigger.delivery_id);
  if (!delivery) {
    end(trigger, store::TriggerState::kFailed, "its delivery is not in the history any more");
    return false;
  }
  LateDecision decision;
  try {
    decision = decide_again(trigger, *delivery, *webhook, configuration);
  } catch (const Error& error) {
    end(trigger, store::TriggerState::kFailed, std::string("deciding again: ") + error.what());
    return false;
  }
  switch (decision.verdict) {
    case hooks::Verdict::kMatched:
      parts_.store.decide_trigger(trigger.id, decision.decisions_json, decision.variables);
      return true;
    case hooks::Verdict::kWaitingForPaths:
      parts_.store.decide_trigger(trigger.id, decision.decisions_json, decision.variables, store::AwaitsPaths::kYes);
      if (parts_.on_woken) parts_.on_woken();
      return true;
    case hooks::Verdict::kWaiting:
    case hooks::Verdict::kNotMatched:
      // In this order: a crash in between must not leave a trigger that is decided and pending.
      end(trigger, store::TriggerState::kSkipped, decision.reason);
      parts_.store.decide_trigger(trigger.id, decision.decisions_json, {});
      return false;
  }
  return false;
}

bool Starter::start_execution(const store::Trigger& trigger, const std::stop_token& stop) {
  const bool watched = is_watched(trigger);
  std::string execution_id;
  try {
    execution_id = parts_.codepipeline->start_pipeline_execution({.pipeline = trigger.pipeline,
                                                                  .client_request_token = trigger.client_request_token,
                                                                  .variables = trigger.variables});
  } catch (const Error& error) {
    const StartVerdict verdict = judge_start_failure(options_.policy, error, trigger.pipeline, trigger.attempts + 1,
                                                     age(trigger), random_unit());
    if (verdict.step == NextStep::kGiveUp) {
      end(trigger, store::TriggerState::kFailed, verdict.reason);
      return false;
    }
    // A calendar that it gets only now must not come between two attempts.
    if (!trigger.cleared_at) parts_.store.clear_trigger(trigger.id, trigger.created_at);
    parts_.store.reschedule_trigger(trigger.id, parts_.clock.now() + verdict.delay, verdict.reason);
    parts_.log.info("start of a pipeline put off", {{"trigger", trigger.id},
                                                    {"pipeline", trigger.pipeline},
                                                    {"attempt", trigger.attempts + 1},
                                                    {"delayMs", verdict.delay.count()},
                                                    {"error", verdict.reason}});
    return true;
  }
  record_start(trigger, execution_id, watched, stop);
  return false;
}

void Starter::record_start(const store::Trigger& trigger, const std::string& execution_id, bool watched,
                           const std::stop_token& stop) {
  const Timestamp started_at = parts_.clock.now();
  std::optional<Timestamp> deadline;
  if (watched) deadline = started_at + options_.unclaimed.timeout;
  for (int failures = 0;;) {
    try {
      parts_.store.mark_trigger_started(trigger.id, execution_id, started_at, deadline);
      break;
    } catch (const Error& error) {
      // Unrecorded, it would be started again with the same token, which is harmless; but the job of this execution
      // waits for the record to know its commit.
      if (stop.stop_requested() || error.kind() == ErrorKind::kConflict || error.kind() == ErrorKind::kNotFound) throw;
      ++failures;
      parts_.log.warning("recording a started execution failed, trying again",
                         {{"trigger", trigger.id}, {"pipelineExecutionId", execution_id}, {"error", error.what()}});
      Wake none;
      none.wait_for(stop, retry_delay(kStoreBackoff, failures, random_unit()));
    }
  }
  parts_.log.info("pipeline started", {{"pipeline", trigger.pipeline},
                                       {"pipelineExecutionId", execution_id},
                                       {"ref", trigger.ref},
                                       {"commit", trigger.commit_id},
                                       {"delivery", trigger.delivery_id},
                                       {"trigger", trigger.id}});
  if (deadline) unclaimed_.notify();
  if (parts_.on_started) parts_.on_started(trigger);
}

bool Starter::is_watched(const store::Trigger& trigger) {
  if (options_.unclaimed.timeout.count() <= 0) return false;
  std::optional<aws::PipelineDescription> pipeline = parts_.catalog.find(trigger.pipeline);
  if (!pipeline) {
    // Before the start, not after: then the record of the start need not wait for it. A pipeline that cannot be read is
    // not asked for again at every start; the catalog answers with its last error for a while.
    try {
      pipeline = parts_.catalog.load(trigger.pipeline);
    } catch (const Error& error) {
      parts_.log.debug("the source job of an execution is not watched: its pipeline cannot be read",
                       {{"pipeline", trigger.pipeline}, {"error", error.what()}});
      return false;
    }
  }
  const aws::PipelineAction* action = find_action(*pipeline, trigger.action);
  std::lock_guard lock(mutex_);
  return action != nullptr && worked_action_types_.contains(action->action_type);
}

void Starter::end(const store::Trigger& trigger, store::TriggerState state, const std::string& reason) {
  parts_.store.mark_trigger_ended(trigger.id, state, truncate_utf8(reason, 2000, 6000));
  if (state == store::TriggerState::kFailed) {
    parts_.log.warning("trigger failed", {{"trigger", trigger.id},
                                          {"pipeline", trigger.pipeline},
                                          {"webhook", trigger.webhook},
                                          {"delivery", trigger.delivery_id},
                                          {"error", reason}});
  }
}

}  // namespace penstock::trigger
