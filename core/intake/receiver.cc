#include "core/intake/receiver.h"

#include <algorithm>
#include <exception>
#include <future>
#include <set>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "core/intake/dry_run.h"
#include "core/intake/replay.h"
#include "core/intake/request_record.h"
#include "core/json/document.h"

namespace penstock::intake {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) noexcept {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

}  // namespace

std::optional<hooks::Event> parse_event_or_explain(std::string_view body, std::string& reason) {
  try {
    return hooks::parse_event(body);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInvalidInput) throw;
    json::Document::parse(body);
    reason = error.what();
    return std::nullopt;
  }
}

// One request on its way to its answer.
struct Receiver::Work {
  enum class Kind { kDelivery, kStranger, kBroken };
  Kind kind = Kind::kDelivery;
  HookAnswer answer;
  HookDone done;
  // For the log.
  std::string endpoint, request_id, trace_id, event_type, repository;
  hooks::IpAddress remote;
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
};

Receiver::Receiver(Options options, store::Store& store, hooks::ActionConfigurationLookup configuration,
                   Wake& trigger_wake, const Clock& clock, const telemetry::Log& log, telemetry::Metrics& metrics)
    : options_(options),
      store_(store),
      configuration_(configuration ? std::move(configuration) : [](const std::string&, const std::string&)
                         -> std::optional<std::map<std::string, std::string>> { return std::nullopt; }),
      trigger_wake_(trigger_wake),
      clock_(clock),
      log_(log),
      decision_seconds_(metrics.histogram("penstock_decision_seconds",
                                          "How long a request took from its last byte until it was decided.",
                                          telemetry::latency_bounds())),
      answer_seconds_(metrics.histogram("penstock_hook_answer_seconds",
                                        "How long a request took from its last byte until its answer, on disk.",
                                        telemetry::latency_bounds())),
      stranger_quota_(options.strangers_kept_per_minute),
      broken_quota_(options.broken_kept_per_minute),
      failed_attempts_(options.failed_attempts),
      recent_redeliveries_(options.redelivery_pause),
      settings_(std::make_shared<const PreparedSettings>(std::make_shared<const IntakeSettings>())) {}

Receiver::~Receiver() {
  std::unique_lock lock(under_way_mutex_);
  all_answered_.wait(lock, [this] { return under_way_ == 0; });
}

void Receiver::set_settings(std::shared_ptr<const IntakeSettings> settings) {
  // Asking once makes the catalog read the configurations that the filters need, before the first push needs them.
  for (const WebhookSettings& item : settings->webhooks) {
    const hooks::WebhookDefinition& definition = item.webhook->definition();
    if (item.webhook->needed_keys().empty()) continue;
    try {
      configuration_(definition.target_pipeline, definition.target_action);
    } catch (const std::exception& error) {
      log_.warning("asking for a pipeline's configuration failed",
                   {{"pipeline", definition.target_pipeline}, {"error", error.what()}});
    }
  }
  auto prepared = std::make_shared<const PreparedSettings>(std::move(settings));
  std::lock_guard lock(settings_mutex_);
  settings_.swap(prepared);
}

std::shared_ptr<const PreparedSettings> Receiver::settings() const {
  std::lock_guard lock(settings_mutex_);
  return settings_;
}

void Receiver::receive(HookRequest request, HookDone done) noexcept {
  {
    std::lock_guard lock(under_way_mutex_);
    ++under_way_;
  }
  auto work = std::make_unique<Work>();
  work->done = std::move(done);
  work->endpoint = request.endpoint;
  work->request_id = std::move(request.request_id);
  work->remote = request.remote;
  std::optional<store::NewDelivery> delivery;
  std::optional<Error> failure;
  try {
    delivery = examine(request, *work);
  } catch (const std::exception& error) {
    failure.emplace(ErrorKind::kInternal, error.what());
  } catch (...) {
    failure.emplace(ErrorKind::kInternal, "unknown exception");
  }
  decision_seconds_.observe(seconds_since(work->began));
  if (!delivery) {
    finish(*work, nullptr, failure ? &*failure : nullptr);
    return;
  }
  // The store calls back exactly once.
  store_.record_delivery(std::move(*delivery),
                         [this, raw = work.release()](const store::RecordedDelivery* recorded, const Error* error) {
                           const std::unique_ptr<Work> owned(raw);
                           finish(*owned, recorded, error);
                         });
}

HookAnswer Receiver::receive(HookRequest request) {
  std::promise<HookAnswer> promise;
  receive(std::move(request), [&](HookAnswer answer) { promise.set_value(std::move(answer)); });
  return promise.get_future().get();
}

std::optional<store::NewDelivery> Receiver::examine(HookRequest& request, Work& work) {
  const std::shared_ptr<const PreparedSettings> snapshot = settings();
  const Endpoint* const endpoint = snapshot->find(request.endpoint);
  if (endpoint == nullptr) {
    return reject_stranger(nullptr, request, 404, "no endpoint of this name is configured", work);
  }
  const hooks::HeaderLookup lookup = hooks::lookup_in(request.headers);
  hooks::AuthenticationResult result;
  std::shared_ptr<const JudgingList> webhooks;
  if (endpoint->is_uniform) {
    result = hooks::authenticate(*endpoint->authentication, request.remote, lookup, request.body);
    webhooks = endpoint->all;
  } else {
    const Admission admission = admit(snapshot->settings(), request.endpoint, request.remote, lookup, request.body);
    result = admission.result;
    if (admission.allowed()) webhooks = snapshot->list_of(admission.webhooks);
  }
  switch (result) {
    case hooks::AuthenticationResult::kAddressNotAllowed:
      return reject_stranger(endpoint, request, 403, "the sender's address is not in allowedIpRanges", work);
    case hooks::AuthenticationResult::kNoCredential:
      return reject_stranger(endpoint, request, 401, "the request carries no credential that this endpoint knows",
                             work);
    case hooks::AuthenticationResult::kWrongCredential:
      return reject_stranger(endpoint, request, 401, "the credential is wrong", work);
    case hooks::AuthenticationResult::kAllowed:
      break;
  }

  store::NewDelivery delivery;
  delivery.id = make_uuid_v7(clock_);
  delivery.received_at = clock_.now();
  delivery.endpoint = std::move(request.endpoint);
  delivery.remote_address = request.remote.to_string();
  delivery.request_headers_json =
      headers_to_json(endpoint, request.headers, HeaderTrust::kAuthenticated, options_.header_bytes_kept);
  delivery.body = std::move(request.body);
  delivery.body_bytes = delivery.body.size();
  std::optional<hooks::Event> event;
  try {
    event = parse_event_or_explain(delivery.body, delivery.reason);
  } catch (const Error& error) {
    return reject_broken(std::move(delivery), error.what(), work);
  }
  decide(event, *webhooks, configuration_, delivery, work.answer);
  // Only here, where the sender has been let in: to everybody else the header changes nothing.
  if (asks_for_dry_run(request.headers)) make_dry_run(delivery, work.answer);
  work.trace_id = trace_id_of(lookup("traceparent"), delivery.id);
  work.event_type = delivery.event_type;
  work.repository = delivery.repository_name;
  return delivery;
}

void decide(const std::optional<hooks::Event>& event, const JudgingList& webhooks,
            const hooks::ActionConfigurationLookup& configuration, store::NewDelivery& delivery, HookAnswer& answer) {
  if (!event) {
    delivery.outcome = store::Outcome::kIgnored;
    return;
  }
  describe_event(*event, delivery.endpoint, delivery);
  if (delivery.redelivery_of) delivery.duplicate_key.clear();
  hooks::VerdictCounts counts;
  if (event->not_actionable.empty() && webhooks.size() > 0) {
    const hooks::Evidence evidence = webhooks.plan.judge(*event, configuration);
    delivery.webhook_set = webhooks.stored;
    delivery.evidence = hooks::encode_evidence(evidence);
    std::set<std::uint32_t> waiting, waiting_for_paths;
    for (const auto& subject : evidence.subjects) {
      for (const auto& told : subject.told) {
        switch (told.decision.verdict) {
          case hooks::Verdict::kMatched:
            add_once(answer.matched, told.decision.webhook);
            break;
          case hooks::Verdict::kWaiting:
            waiting.insert(told.webhook);
            break;
          case hooks::Verdict::kWaitingForPaths:
            waiting_for_paths.insert(told.webhook);
            break;
          case hooks::Verdict::kNotMatched:
            break;
        }
      }
    }
    counts = {answer.matched.size(), waiting.size(), waiting_for_paths.size()};
    if (!event->is_test) delivery.triggers = triggers_of(evidence);
  }
  if (event->is_test) {
    delivery.outcome = store::Outcome::kTest;
    delivery.reason = "portal test: recorded, starts nothing";
  } else if (!event->not_actionable.empty()) {
    delivery.outcome = store::Outcome::kIgnored;
    delivery.reason = event->not_actionable;
  } else if (!delivery.triggers.empty()) {
    delivery.outcome = store::Outcome::kTriggered;
    delivery.reason = hooks::summarize(counts);
  } else {
    delivery.outcome = store::Outcome::kFiltered;
    delivery.reason = webhooks.size() == 0 ? "no webhook listens to this endpoint" : hooks::summarize(counts);
  }
}

std::optional<store::NewDelivery> Receiver::reject_stranger(const Endpoint* endpoint, const HookRequest& request,
                                                            int status, std::string reason, Work& work) {
  work.kind = Work::Kind::kStranger;
  work.answer.status = status;
  work.answer.reason = std::move(reason);
  const auto now = clock_.steady_now();
  const FailedAttempts::Verdict attempts = failed_attempts_.note(request.remote.network(), now);
  if (attempts.to_report > 0) {
    log_.warning("requests were refused without a trace: their addresses fail to authenticate too often",
                 {{"count", attempts.to_report}, {"lastRemote", request.remote.to_string()}});
  }
  work.answer.close_connection = !attempts.within_limit;
  if (log_.enabled(telemetry::LogLevel::kDebug)) {
    log_.debug("delivery refused", {{"status", status},
                                    {"endpoint", truncate_utf8(request.endpoint, 100, 400)},
                                    {"remote", request.remote.to_string()},
                                    {"request", work.request_id}});
  }
  if (!attempts.within_limit) return std::nullopt;
  const MinuteQuota::Grant grant = stranger_quota_.take(now);
  if (grant.refused_before > 0) {
    log_.warning("refused requests were not kept: too many", {{"count", grant.refused_before}});
  }
  if (!grant.granted) return std::nullopt;

  store::NewDelivery delivery;
  delivery.id = make_uuid_v7(clock_);
  delivery.received_at = clock_.now();
  delivery.endpoint = truncate_utf8(request.endpoint, 100, 400);
  delivery.remote_address = request.remote.to_string();
  delivery.outcome = store::Outcome::kRejected;
  delivery.reason = std::to_string(status) + ": " + work.answer.reason;
  delivery.request_headers_json = headers_to_json(endpoint, request.headers, HeaderTrust::kStranger, 4096);
  delivery.body_bytes = request.body.size();
  return delivery;
}

std::optional<store::NewDelivery> Receiver::reject_broken(store::NewDelivery delivery, const std::string& reason,
                                                          Work& work) {
  work.kind = Work::Kind::kBroken;
  work.answer.status = 400;
  work.answer.reason = reason;
  const MinuteQuota::Grant grant = broken_quota_.take(clock_.steady_now());
  if (grant.refused_before > 0) {
    log_.warning("requests with broken bodies were not kept: too many", {{"count", grant.refused_before}});
  }
  if (!grant.granted) return std::nullopt;
  delivery.outcome = store::Outcome::kRejected;
  delivery.reason = "400: " + reason;
  delivery.body_sha256 = sha256_hex(delivery.body);
  delivery.body.resize(std::min(delivery.body.size(), options_.broken_body_bytes_kept));
  return delivery;
}

void Receiver::finish(Work& work, const store::RecordedDelivery* recorded, const Error* error) noexcept {
  try {
    if (recorded != nullptr) {
      answer_recorded(work, *recorded);
    } else if (error != nullptr && work.kind == Work::Kind::kDelivery) {
      answer_unavailable(work, error->what());
    } else if (error != nullptr) {
      // The refusal stands without its trace.
      log_.debug("keeping a refused request failed", {{"error", error->what()}});
    }
  } catch (...) {
    // Only for want of memory. What was answered 2xx is on disk all the same; a 503 is always true.
    if (recorded == nullptr && work.kind == Work::Kind::kDelivery) work.answer.status = 503;
  }
  answer_seconds_.observe(seconds_since(work.began));
  work.done(std::move(work.answer));
  // Under the lock: the destructor may be waiting, and with it all that the condition variable lives in.
  std::lock_guard lock(under_way_mutex_);
  if (--under_way_ == 0) all_answered_.notify_all();
}

void Receiver::answer_recorded(Work& work, const store::RecordedDelivery& recorded) {
  if (!recorded.trigger_ids.empty()) trigger_wake_.notify();
  work.answer.delivery_id = recorded.id;
  work.answer.outcome = recorded.outcome;
  switch (work.kind) {
    case Work::Kind::kDelivery:
      work.answer.reason = recorded.reason;
      log_.info("delivery", {{"requestId", work.request_id},
                             {"traceId", work.trace_id},
                             {"delivery", recorded.id},
                             {"endpoint", work.endpoint},
                             {"eventType", work.event_type},
                             {"repository", work.repository},
                             {"outcome", store::to_string(recorded.outcome)},
                             {"triggers", recorded.trigger_ids.size()}});
      return;
    case Work::Kind::kBroken:
      log_.info("delivery with a broken body", {{"requestId", work.request_id},
                                                {"delivery", recorded.id},
                                                {"endpoint", work.endpoint},
                                                {"remote", work.remote.to_string()},
                                                {"error", work.answer.reason}});
      return;
    case Work::Kind::kStranger:
      return;
  }
}

void Receiver::answer_unavailable(Work& work, std::string_view cause) {
  log_.error("delivery not stored, the sender was asked to repeat it", {{"endpoint", work.endpoint},
                                                                        {"remote", work.remote.to_string()},
                                                                        {"requestId", work.request_id},
                                                                        {"error", cause}});
  // A commit whose answer came too late may have left triggers all the same.
  trigger_wake_.notify();
  work.answer = {};
  work.answer.status = 503;
  work.answer.reason = "the delivery cannot be stored now";
  work.answer.retry_after = options_.retry_after;
}

HookAnswer Receiver::redeliver(const std::string& delivery_id, const std::string& webhook) {
  const std::optional<store::Delivery> stored = store_.find_delivery(delivery_id);
  if (!stored)
    throw Error(ErrorKind::kNotFound, "redelivering " + in_quotes(delivery_id) + ": there is no such delivery");
  const std::shared_ptr<const PreparedSettings> snapshot = settings();
  return recent_redeliveries_.run({stored->id, webhook, snapshot}, clock_.steady_now(),
                                  [&] { return redeliver_now(*stored, *snapshot, webhook); });
}

Receiver::Explained Receiver::explain(const std::string& delivery_id) const {
  std::optional<store::Delivery> stored = store_.find_delivery(delivery_id);
  if (!stored)
    throw Error(ErrorKind::kNotFound, "explaining " + in_quotes(delivery_id) + ": there is no such delivery");
  Explanation now = explain_delivery(*settings(), *stored, configuration_);
  return {std::move(*stored), std::move(now)};
}

HookAnswer Receiver::redeliver_now(const store::Delivery& stored, const PreparedSettings& settings,
                                   const std::string& webhook) {
  const std::string doing = "redelivering " + in_quotes(stored.id);
  require_replayable(stored, doing);
  if (stored.outcome == store::Outcome::kDryRun) {
    throw Error(ErrorKind::kConflict, doing +
                                          ": it was a dry run, whose sender wanted nothing to be started; let the "
                                          "sender send it without X-Penstock-Dry-Run");
  }
  std::vector<const hooks::Webhook*> reached = readmit(settings.settings(), stored.endpoint, stored.judged_webhooks);
  if (!webhook.empty()) reached = {&choose_webhook(settings.settings(), stored.endpoint, reached, webhook, doing)};
  const std::shared_ptr<const JudgingList> webhooks = settings.list_of(reached);

  store::NewDelivery delivery;
  delivery.id = make_uuid_v7(clock_);
  delivery.received_at = clock_.now();
  delivery.endpoint = stored.endpoint;
  delivery.remote_address = stored.remote_address;
  delivery.request_headers_json = stored.request_headers_json;
  delivery.body = stored.body;
  delivery.body_bytes = stored.body_bytes;
  delivery.redelivery_of = stored.id;
  const std::optional<hooks::Event> event = parse_event_or_explain(delivery.body, delivery.reason);
  Work work;
  work.endpoint = delivery.endpoint;
  decide(event, *webhooks, configuration_, delivery, work.answer);
  if (!webhook.empty()) delivery.reason = "redelivered to webhook " + in_quotes(webhook) + " alone: " + delivery.reason;
  work.event_type = delivery.event_type;
  work.repository = delivery.repository_name;
  answer_recorded(work, store_.record_delivery(delivery));
  return std::move(work.answer);
}

}  // namespace penstock::intake
