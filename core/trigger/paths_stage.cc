#include "core/trigger/paths_stage.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <variant>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/retry.h"
#include "core/base/text.h"
#include "core/hooks/event.h"
#include "core/trigger/paths_subject.h"

namespace penstock::trigger {
namespace {

// More wait only when servers are away for long; what is beyond is seen when this has shrunk.
constexpr int kMaxAwaiting = 10'000;
// Every push asks for a look: between two of them it rests this many times as long as the last one took.
constexpr int kRestPerLook = 19;
constexpr std::chrono::milliseconds kLongestRest{5000};
constexpr BackoffPolicy kStoreBackoff{std::chrono::milliseconds(200), std::chrono::seconds(10)};

PathsJudgement gone(const std::string& webhook) {
  PathsJudgement judgement;
  judgement.outcome.step = store::PathsOutcome::Step::kSkips;
  judgement.reason = "webhook " + in_quotes(webhook) + " is not defined any more";
  judgement.outcome.reason = judgement.reason;
  return judgement;
}

}  // namespace

// A trigger on its way to its judgement.
struct PathsStage::Item {
  store::Trigger trigger;
  PathsSubject subject;
  std::optional<Error> failure;  // of reading what it is about
  std::optional<PathsJudgement> judgement;
};

// One fetch and one list of paths, for all that ask for the same.
struct PathsStage::Comparison {
  PathsSource source;
  git::PushedRef push;
  std::vector<Item*> items;
};

PathsStage::PathsStage(Options options, Parts parts)
    : options_(options), parts_(std::move(parts)), settings_(std::make_shared<const Settings>()) {}

PathsStage::~PathsStage() {
  request_stop();
  join();
}

void PathsStage::set(std::shared_ptr<const Settings> settings) {
  {
    std::lock_guard lock(mutex_);
    settings_ = std::move(settings);
    try_all_ = true;
  }
  wake_.notify();
}

std::shared_ptr<const PathsStage::Settings> PathsStage::settings() const {
  std::lock_guard lock(mutex_);
  return settings_;
}

PathsStage::Waiting PathsStage::waiting() const {
  std::lock_guard lock(mutex_);
  return waiting_;
}

void PathsStage::start() {
  if (!threads_.empty()) return;
  threads_.emplace_back([this](std::stop_token stop) { look(std::move(stop)); });
  for (int i = 0; i < std::max(1, options_.concurrency); ++i)
    threads_.emplace_back([this](std::stop_token stop) { work(std::move(stop)); });
}

void PathsStage::request_stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

void PathsStage::join() {
  for (std::jthread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

// --- looking ---

void PathsStage::look(std::stop_token stop) {
  int failures = 0;
  while (!stop.stop_requested()) {
    std::chrono::milliseconds pause{0}, rest{0};
    try {
      const auto began = std::chrono::steady_clock::now();
      pause = look_once();
      const auto taken = std::chrono::steady_clock::now() - began;
      rest = std::min(kLongestRest, std::chrono::duration_cast<std::chrono::milliseconds>(kRestPerLook * taken));
      failures = 0;
    } catch (const std::exception& error) {
      ++failures;
      rest = retry_delay(kStoreBackoff, failures, random_unit());
      parts_.log.warning("reading the triggers that wait for changed paths failed",
                         {{"error", error.what()}, {"failures", failures}});
    }
    if (rest.count() > 0) {
      Wake none;
      none.wait_for(stop, rest);
    }
    wake_.wait_for(stop, pause);
  }
}

std::vector<PathsStage::Group> PathsStage::read_groups(Timestamp now) {
  const std::vector<store::AwaitingTrigger> triggers = parts_.store.triggers_awaiting_paths(kMaxAwaiting);
  std::vector<Group> groups;
  std::unordered_map<std::string, std::size_t> places;
  Waiting waiting;
  waiting.count = triggers.size();
  for (const store::AwaitingTrigger& trigger : triggers) {
    if (!waiting.oldest || trigger.created_at < *waiting.oldest) waiting.oldest = trigger.created_at;
    const auto [place, is_new] = places.try_emplace(trigger.push_key, groups.size());
    if (is_new) {
      Group& group = groups.emplace_back();
      group.push_key = trigger.push_key;
      group.repository = trigger.repository;
    }
    Group& group = groups[place->second];
    group.trigger_ids.push_back(trigger.id);
    if (!trigger.next_attempt_at || *trigger.next_attempt_at <= now) {
      group.is_due = true;
    } else if (!group.next_due || *trigger.next_attempt_at < *group.next_due) {
      group.next_due = trigger.next_attempt_at;
    }
  }
  std::lock_guard lock(mutex_);
  waiting_ = waiting;
  return groups;
}

std::chrono::milliseconds PathsStage::look_once() {
  bool all = false;
  std::map<std::string, std::string> in_flight;
  {
    // Before the store is read: what is finished by now has its new state there.
    std::lock_guard lock(mutex_);
    all = std::exchange(try_all_, false);
    in_flight = in_flight_;
  }
  const Timestamp now = parts_.clock.now();
  std::vector<Group> groups;
  try {
    groups = read_groups(now);
  } catch (...) {
    std::lock_guard lock(mutex_);
    try_all_ = try_all_ || all;
    throw;
  }
  if (all) {
    tried_early_.clear();
    for (const Group& group : groups) {
      if (!group.is_due) tried_early_.insert(group.push_key);
    }
  }
  auto pause = options_.longest_pause;
  std::map<std::string, std::size_t> busy;  // by repository
  for (const auto& [push, repository] : in_flight) ++busy[repository];
  std::size_t queued = 0;
  for (Group& group : groups) {
    if (in_flight.contains(group.push_key)) continue;
    if (!group.is_due && !tried_early_.contains(group.push_key)) {
      pause = std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(*group.next_due - now),
                         std::chrono::milliseconds(10), pause);
      continue;
    }
    std::size_t& of_repository = busy[group.repository];
    if (in_flight.size() + queued >= static_cast<std::size_t>(std::max(1, options_.concurrency)) ||
        of_repository >= std::max<std::size_t>(1, options_.per_repository)) {
      continue;  // whoever finishes wakes us
    }
    tried_early_.erase(group.push_key);
    ++of_repository;
    ++queued;
    std::lock_guard lock(mutex_);
    in_flight_.emplace(group.push_key, group.repository);
    queue_.push_back(std::move(group));
    queued_.notify_one();
  }
  return pause;
}

// --- comparing ---

void PathsStage::work(std::stop_token stop) {
  while (true) {
    Group group;
    {
      std::unique_lock lock(mutex_);
      if (!queued_.wait(lock, stop, [this] { return !queue_.empty(); })) return;
      if (stop.stop_requested()) return;
      group = std::move(queue_.front());
      queue_.pop_front();
    }
    try {
      handle(group, stop);
    } catch (const std::exception& error) {
      // Only the store can have failed: the triggers wait still, and are looked at again.
      parts_.log.warning("recording what the changed paths mean failed", {{"error", error.what()}});
      Wake none;
      none.wait_for(stop, retry_delay(kStoreBackoff, 3, random_unit()));
    }
    {
      std::lock_guard lock(mutex_);
      in_flight_.erase(group.push_key);
    }
    wake_.notify();
  }
}

void PathsStage::handle(const Group& group, const std::stop_token& stop) {
  std::vector<Item> items = load_items(group);
  for (Comparison& comparison : plan(items)) {
    if (stop.stop_requested() || !compare(comparison, stop)) return;
  }
  settle(items);
}

std::vector<PathsStage::Item> PathsStage::load_items(const Group& group) const {
  std::vector<Item> items;
  std::map<std::string, std::variant<PathsSubject, Error>> subjects;  // by delivery
  for (const std::string& id : group.trigger_ids) {
    std::optional<store::Trigger> trigger = parts_.store.find_trigger(id);
    if (!trigger || !trigger->awaits_paths || trigger->state != store::TriggerState::kPending) continue;
    Item& item = items.emplace_back();
    item.trigger = std::move(*trigger);
    auto known = subjects.find(item.trigger.delivery_id);
    if (known == subjects.end()) {
      const std::optional<store::Delivery> delivery = parts_.store.find_delivery(item.trigger.delivery_id);
      std::variant<PathsSubject, Error> found;
      try {
        if (!delivery) throw Error(ErrorKind::kInvalidInput, "its delivery is not in the history any more");
        found = find_paths_subject(hooks::parse_event(delivery->body), item.trigger.push_key, item.trigger.ref);
      } catch (const Error& error) {
        found = Error(ErrorKind::kInvalidInput, error.what());
      }
      known = subjects.emplace(item.trigger.delivery_id, std::move(found)).first;
    }
    if (const auto* subject = std::get_if<PathsSubject>(&known->second)) {
      item.subject = *subject;
    } else {
      item.failure = std::get<Error>(known->second);
    }
  }
  return items;
}

// Judges those that need no comparison.
std::vector<PathsStage::Comparison> PathsStage::plan(std::vector<Item>& items) const {
  const auto settings = this->settings();
  std::vector<Comparison> comparisons;
  for (Item& item : items) {
    const auto webhook = find_webhook(*settings->webhooks, item.trigger.webhook);
    if (!webhook) {
      item.judgement = gone(item.trigger.webhook);
      continue;
    }
    const bool is_known = !item.failure || !hooks::is_pull_request_key(item.trigger.push_key);
    if (is_known && (item.judgement = judge_ref_alone(*webhook, item.trigger, item.subject.judged))) continue;
    if (item.failure) {
      fail(item, *item.failure);
      continue;
    }
    Comparison wanted;
    try {
      wanted.source = parts_.sources.find(*webhook, item.trigger.pipeline);
    } catch (const Error& error) {
      fail(item, error);
      continue;
    }
    wanted.push = comparison_of(item.subject, *webhook, item.trigger.commit_id, item.trigger.ref, settings->new_ref);
    const auto same = std::find_if(comparisons.begin(), comparisons.end(), [&](const Comparison& other) {
      return other.source == wanted.source && is_same_comparison(other.push, wanted.push);
    });
    Comparison& comparison = same != comparisons.end() ? *same : comparisons.emplace_back(std::move(wanted));
    comparison.items.push_back(&item);
  }
  return comparisons;
}

bool PathsStage::compare(Comparison& comparison, const std::stop_token& stop) const {
  auto left = options_.fetch_timeout;
  const auto patience = settings()->policy.timeout;
  for (const Item* item : comparison.items) left = std::min(left, patience - age(item->trigger));
  comparison.push.fetch.timeout = std::max(left, options_.shortest_fetch);
  comparison.push.fetch.stop = stop;
  const auto began = std::chrono::steady_clock::now();
  try {
    const git::PushedPaths paths = parts_.compare(comparison.source, comparison.push);
    parts_.log.debug("compared the commits of a push",
                     {{"ref", comparison.push.fetch.ref},
                      {"commit", comparison.push.fetch.commit_id},
                      {"paths", paths.changed.paths.size()},
                      {"triggers", comparison.items.size()},
                      {"seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count()}});
    for (Item* item : comparison.items) judge(*item, paths);
    return true;
  } catch (const Error& error) {
    if (stop.stop_requested()) return false;
    for (Item* item : comparison.items) fail(*item, error);
  } catch (const std::exception& error) {  // such as a lack of memory
    for (Item* item : comparison.items) fail(*item, Error(ErrorKind::kInternal, error.what()));
  }
  return true;
}

void PathsStage::judge(Item& item, const git::PushedPaths& paths) const {
  // As they are now: a reload may have come while the commits were compared.
  const auto webhook = find_webhook(*settings()->webhooks, item.trigger.webhook);
  if (!webhook) {
    item.judgement = gone(item.trigger.webhook);
    return;
  }
  if ((item.judgement = judge_ref_alone(*webhook, item.trigger, item.subject.judged))) return;
  try {
    item.judgement = judge_paths(*webhook, item.trigger, paths, item.subject.judged);
  } catch (const Error& error) {
    // The same patterns ask for as much at every attempt.
    fail(item, Error(ErrorKind::kInvalidInput, error.what()));
  }
}

void PathsStage::fail(Item& item, const Error& error) const {
  const auto settings = this->settings();
  const auto webhook = find_webhook(*settings->webhooks, item.trigger.webhook);
  if (!webhook) {
    item.judgement = gone(item.trigger.webhook);
    return;
  }
  PathsFailure failure =
      judge_paths_failure(settings->policy, error, item.trigger.attempts + 1, age(item.trigger), random_unit());
  item.judgement = judge_unknown_paths(*webhook, item.trigger, failure, parts_.clock.now());
}

std::chrono::milliseconds PathsStage::age(const store::Trigger& trigger) const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.now() - trigger.created_at);
}

// --- settling ---

void PathsStage::settle(const std::vector<Item>& items) {
  std::map<std::string, std::vector<const Item*>> by_delivery;
  for (const Item& item : items) {
    if (item.judgement) by_delivery[item.trigger.delivery_id].push_back(&item);
  }
  for (const auto& [delivery_id, of_delivery] : by_delivery) {
    store::PathsSettlement settlement;
    settlement.delivery_id = delivery_id;
    std::vector<TellPaths> told;
    for (const Item* item : of_delivery) {
      settlement.outcomes.push_back(item->judgement->outcome);
      settlement.outcomes.back().trigger_id = item->trigger.id;
      if (!item->judgement->reason.empty())
        told.push_back({item->trigger.webhook, item->trigger.ref, &*item->judgement});
    }
    {
      std::lock_guard lock(*parts_.decisions);
      if (!told.empty()) {
        if (const auto delivery = parts_.store.find_delivery(delivery_id)) {
          try {
            ToldPaths tells = tell_paths(delivery->decisions_json, delivery->reason, told);
            settlement.decisions_json = std::move(tells.decisions_json);
            settlement.reason = std::move(tells.reason);
          } catch (const Error& error) {  // the triggers say it still
            parts_.log.warning("adding the verdict on changed paths to a decision failed",
                               {{"delivery", delivery_id}, {"error", error.what()}});
          }
        }
      }
      parts_.store.settle_paths(settlement);
    }
    for (const Item* item : of_delivery) log_outcome(*item);
    parts_.settled.notify();
  }
}

void PathsStage::log_outcome(const Item& item) const {
  const PathsJudgement& judgement = *item.judgement;
  const auto log = [&](auto&& write, std::string_view message) {
    write(message, {{"trigger", item.trigger.id},
                    {"webhook", item.trigger.webhook},
                    {"pipeline", item.trigger.pipeline},
                    {"delivery", item.trigger.delivery_id},
                    {"reason", judgement.reason.empty() ? judgement.outcome.reason : judgement.reason}});
  };
  using Fields = std::initializer_list<telemetry::LogField>;
  const auto info = [&](std::string_view message, Fields fields) { parts_.log.info(message, fields); };
  const auto warning = [&](std::string_view message, Fields fields) { parts_.log.warning(message, fields); };
  switch (judgement.outcome.step) {
    case store::PathsOutcome::Step::kGoes:
    case store::PathsOutcome::Step::kSplits:
      if (judgement.outcome.note.empty()) {
        log(info, "changed paths start pipelines");
      } else {
        log(warning, "pipelines are started without knowing the changed paths");
      }
      return;
    case store::PathsOutcome::Step::kSkips:
      log(info, "changed paths start nothing");
      return;
    case store::PathsOutcome::Step::kFails:
      log(warning, "trigger failed");
      return;
    case store::PathsOutcome::Step::kWaits:
      log(info, "trigger waits for changed paths");
      return;
  }
}

}  // namespace penstock::trigger
