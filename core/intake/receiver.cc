#include "core/intake/receiver.h"

#include <algorithm>
#include <exception>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "core/intake/request_record.h"
#include "core/json/document.h"
#include "core/json/json.h"

namespace penstock::intake {
namespace {

hooks::HeaderLookup lookup_in(const std::vector<std::pair<std::string, std::string>>& headers) {
  return [&headers](std::string_view name) -> std::optional<std::string_view> {
    for (const auto& [key, value] : headers) {
      if (equals_ignoring_case(key, name)) return std::string_view(value);
    }
    return std::nullopt;
  };
}

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

// "matched" of a stored decision is not enough to know whom the delivery reached: every judged webhook is listed.
std::vector<std::string> judged_webhooks(const std::string& decisions_json) {
  std::vector<std::string> names;
  if (decisions_json.empty()) return names;
  const json::Json decisions = json::parse_json(decisions_json, "stored decisions");
  for (const json::Json& decision : decisions) {
    std::string name = json::string_or(decision, "webhook");
    if (!name.empty()) add_once(names, name);
  }
  return names;
}

// Nothing and the reason for JSON that is no service-hook event: that is answered 200 and kept, because a sender that
// proved its identity and sends JSON must not be put on probation. Throws for bytes that are no JSON, or that nest too
// deeply for us to tell.
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

}  // namespace

std::string to_json(const HookAnswer& answer) {
  json::Json object = json::Json::object();
  object["deliveryId"] = answer.delivery_id;
  object["outcome"] = answer.outcome ? std::string(store::to_string(*answer.outcome)) : "";
  object["matched"] = answer.matched;
  object["reason"] = answer.reason;
  return json::dump(object);
}

Explanation explain(const std::vector<std::shared_ptr<const hooks::Webhook>>& webhooks, std::string_view body,
                    const hooks::ActionConfigurationLookup& configuration, const std::optional<std::string>& endpoint) {
  const hooks::Event event = hooks::parse_event(body);
  std::vector<const hooks::Webhook*> chosen;
  for (const auto& webhook : webhooks) {
    if (!endpoint || webhook->definition().endpoint == *endpoint) chosen.push_back(webhook.get());
  }
  Explanation result;
  result.note = event.not_actionable;
  if (!event.not_actionable.empty()) {
    result.decisions_json = "[]";
    return result;
  }
  if (event.is_test) result.note = "portal test: recorded, starts nothing";
  const std::vector<hooks::Decision> decisions = hooks::decide(event, chosen, configuration);
  result.decisions_json = hooks::decisions_to_json(decisions);
  result.matched = std::any_of(decisions.begin(), decisions.end(), [](const hooks::Decision& decision) {
    return decision.verdict != hooks::Verdict::kNotMatched;
  });
  return result;
}

Receiver::Receiver(Options options, store::Store& store, hooks::ActionConfigurationLookup configuration,
                   Wake& trigger_wake, const Clock& clock, const telemetry::Log& log)
    : options_(options),
      store_(store),
      configuration_(configuration ? std::move(configuration) : [](const std::string&, const std::string&)
                         -> std::optional<std::map<std::string, std::string>> { return std::nullopt; }),
      trigger_wake_(trigger_wake),
      clock_(clock),
      log_(log),
      stranger_quota_(options.strangers_kept_per_minute),
      broken_quota_(options.broken_kept_per_minute),
      settings_(std::make_shared<const IntakeSettings>()) {}

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
  std::lock_guard lock(settings_mutex_);
  settings_ = std::move(settings);
}

std::shared_ptr<const IntakeSettings> Receiver::settings() const {
  std::lock_guard lock(settings_mutex_);
  return settings_;
}

HookAnswer Receiver::receive(const HookRequest& request) {
  try {
    const std::shared_ptr<const IntakeSettings> snapshot = settings();
    if (!snapshot->endpoints.contains(request.endpoint)) {
      return reject_stranger(*snapshot, request, 404, "no endpoint of this name is configured");
    }
    const Admission admission =
        admit(*snapshot, request.endpoint, request.remote, lookup_in(request.headers), request.body);
    switch (admission.result) {
      case hooks::AuthenticationResult::kAddressNotAllowed:
        return reject_stranger(*snapshot, request, 403, "the sender's address is not in allowedIpRanges");
      case hooks::AuthenticationResult::kNoCredential:
        return reject_stranger(*snapshot, request, 401, "the request carries no credential that this endpoint knows");
      case hooks::AuthenticationResult::kWrongCredential:
        return reject_stranger(*snapshot, request, 401, "the credential is wrong");
      case hooks::AuthenticationResult::kAllowed:
        break;
    }
    return process(*snapshot, admission.webhooks, request, make_uuid_v7(clock_));
  } catch (const std::exception& error) {
    return unavailable(request, error.what());
  } catch (...) {
    return unavailable(request, "unknown exception");
  }
}

HookAnswer Receiver::process(const IntakeSettings& settings, const std::vector<const hooks::Webhook*>& webhooks,
                             const HookRequest& request, const std::string& delivery_id) {
  store::NewDelivery delivery;
  delivery.id = delivery_id;
  delivery.received_at = clock_.now();
  delivery.endpoint = request.endpoint;
  delivery.remote_address = request.remote.to_string();
  delivery.request_headers_json = headers_to_json(settings, request.endpoint, request.headers,
                                                  HeaderTrust::kAuthenticated, options_.header_bytes_kept);
  delivery.body = request.body;
  delivery.body_bytes = request.body.size();
  delivery.body_sha256 = sha256_hex(request.body);

  std::optional<hooks::Event> event;
  try {
    event = parse_event_or_explain(delivery.body, delivery.reason);
  } catch (const Error& error) {
    return reject_broken(settings, request, delivery.id, error.what());
  }
  return decide_and_commit(std::move(delivery), event, webhooks);
}

HookAnswer Receiver::decide_and_commit(store::NewDelivery delivery, const std::optional<hooks::Event>& event,
                                       const std::vector<const hooks::Webhook*>& webhooks) {
  std::vector<hooks::Decision> decisions;
  if (event) {
    describe_event(*event, delivery.endpoint, delivery);
    if (delivery.redelivery_of) delivery.duplicate_key.clear();
    if (event->not_actionable.empty()) decisions = hooks::decide(*event, webhooks, configuration_);
  }
  std::vector<std::string> matched;
  delivery.decisions_json = hooks::decisions_to_json(decisions);
  for (const hooks::Decision& decision : decisions) {
    add_once(delivery.decided_webhooks, decision.webhook);
    if (decision.verdict == hooks::Verdict::kMatched) add_once(matched, decision.webhook);
  }
  if (!event) {
    delivery.outcome = store::Outcome::kIgnored;
  } else if (event->is_test) {
    delivery.outcome = store::Outcome::kTest;
    delivery.reason = "portal test: recorded, starts nothing";
  } else if (!event->not_actionable.empty()) {
    delivery.outcome = store::Outcome::kIgnored;
    delivery.reason = event->not_actionable;
  } else {
    delivery.triggers = triggers_of(decisions);
    if (!delivery.triggers.empty()) {
      delivery.outcome = store::Outcome::kTriggered;
      delivery.reason = matched.empty() ? "waiting for the configuration of the target action"
                                        : std::to_string(matched.size()) +
                                              (matched.size() == 1 ? " webhook" : " webhooks") + " matched";
    } else {
      delivery.outcome = store::Outcome::kFiltered;
      delivery.reason = webhooks.empty() ? "no webhook listens to this endpoint" : "no webhook matched";
    }
  }

  const store::RecordedDelivery recorded = store_.record_delivery(delivery);
  if (!recorded.trigger_ids.empty()) trigger_wake_.notify();
  HookAnswer answer;
  answer.delivery_id = recorded.id;
  answer.outcome = recorded.outcome;
  answer.reason = recorded.reason;
  answer.matched = std::move(matched);
  log_.info("delivery", {{"delivery", recorded.id},
                         {"endpoint", delivery.endpoint},
                         {"eventType", delivery.event_type},
                         {"repository", delivery.repository_name},
                         {"outcome", store::to_string(recorded.outcome)},
                         {"triggers", recorded.trigger_ids.size()}});
  return answer;
}

HookAnswer Receiver::reject_stranger(const IntakeSettings& settings, const HookRequest& request, int status,
                                     std::string reason) {
  HookAnswer answer;
  answer.status = status;
  answer.reason = reason;
  log_.debug("delivery refused", {{"status", status},
                                  {"endpoint", truncate_utf8(request.endpoint, 100, 400)},
                                  {"remote", request.remote.to_string()},
                                  {"request", request.request_id}});
  const MinuteQuota::Grant grant = stranger_quota_.take(clock_.steady_now());
  if (grant.refused_before > 0) {
    log_.warning("refused requests were not kept: too many", {{"count", grant.refused_before}});
  }
  if (!grant.granted) return answer;

  store::NewDelivery delivery;
  delivery.id = make_uuid_v7(clock_);
  delivery.received_at = clock_.now();
  delivery.endpoint = truncate_utf8(request.endpoint, 100, 400);
  delivery.remote_address = request.remote.to_string();
  delivery.outcome = store::Outcome::kRejected;
  delivery.reason = std::to_string(status) + ": " + reason;
  delivery.decisions_json = "[]";
  delivery.request_headers_json =
      headers_to_json(settings, request.endpoint, request.headers, HeaderTrust::kStranger, 4096);
  delivery.body_bytes = request.body.size();
  try {
    answer.delivery_id = store_.record_delivery(delivery).id;
    answer.outcome = store::Outcome::kRejected;
  } catch (const Error& error) {
    // The refusal stands without its trace.
    log_.debug("keeping a refused request failed", {{"error", error.what()}});
  }
  return answer;
}

HookAnswer Receiver::reject_broken(const IntakeSettings& settings, const HookRequest& request,
                                   const std::string& delivery_id, const std::string& reason) {
  HookAnswer answer;
  answer.status = 400;
  answer.reason = reason;
  const MinuteQuota::Grant grant = broken_quota_.take(clock_.steady_now());
  if (grant.refused_before > 0) {
    log_.warning("requests with broken bodies were not kept: too many", {{"count", grant.refused_before}});
  }
  if (!grant.granted) return answer;

  store::NewDelivery delivery;
  delivery.id = delivery_id;
  delivery.received_at = clock_.now();
  delivery.endpoint = request.endpoint;
  delivery.remote_address = request.remote.to_string();
  delivery.outcome = store::Outcome::kRejected;
  delivery.reason = "400: " + reason;
  delivery.decisions_json = "[]";
  delivery.request_headers_json = headers_to_json(settings, request.endpoint, request.headers,
                                                  HeaderTrust::kAuthenticated, options_.header_bytes_kept);
  delivery.body = request.body.substr(0, options_.broken_body_bytes_kept);
  delivery.body_bytes = request.body.size();
  delivery.body_sha256 = sha256_hex(request.body);
  try {
    answer.delivery_id = store_.record_delivery(delivery).id;
    answer.outcome = store::Outcome::kRejected;
  } catch (const Error& error) {
    log_.debug("keeping a broken request failed", {{"error", error.what()}});
  }
  log_.info("delivery with a broken body", {{"delivery", answer.delivery_id},
                                            {"endpoint", request.endpoint},
                                            {"remote", request.remote.to_string()},
                                            {"error", reason}});
  return answer;
}

HookAnswer Receiver::unavailable(const HookRequest& request, std::string_view cause) {
  log_.error("delivery not stored, the sender was asked to repeat it", {{"endpoint", request.endpoint},
                                                                        {"remote", request.remote.to_string()},
                                                                        {"request", request.request_id},
                                                                        {"error", cause}});
  // A commit whose answer came too late may have left triggers all the same.
  trigger_wake_.notify();
  HookAnswer answer;
  answer.status = 503;
  answer.reason = "the delivery cannot be stored now";
  answer.retry_after = options_.retry_after;
  return answer;
}

HookAnswer Receiver::redeliver(const std::string& delivery_id) {
  const std::optional<store::Delivery> stored = store_.find_delivery(delivery_id);
  if (!stored)
    throw Error(ErrorKind::kNotFound, "redelivering " + in_quotes(delivery_id) + ": there is no such delivery");
  if (stored->outcome == store::Outcome::kRejected) {
    throw Error(ErrorKind::kConflict, "redelivering " + in_quotes(delivery_id) + ": it was rejected (" +
                                          stored->reason + "); let the sender send it again");
  }
  if (stored->body.empty()) {
    throw Error(ErrorKind::kConflict, "redelivering " + in_quotes(delivery_id) + ": its body is not kept any more");
  }
  const std::shared_ptr<const IntakeSettings> snapshot = settings();
  const std::vector<const hooks::Webhook*> webhooks =
      readmit(*snapshot, stored->endpoint, judged_webhooks(stored->decisions_json));

  store::NewDelivery delivery;
  delivery.id = make_uuid_v7(clock_);
  delivery.received_at = clock_.now();
  delivery.endpoint = stored->endpoint;
  delivery.remote_address = stored->remote_address;
  delivery.request_headers_json = stored->request_headers_json;
  delivery.body = stored->body;
  delivery.body_bytes = stored->body_bytes;
  delivery.body_sha256 = stored->body_sha256;
  delivery.redelivery_of = stored->id;
  const std::optional<hooks::Event> event = parse_event_or_explain(delivery.body, delivery.reason);
  return decide_and_commit(std::move(delivery), event, webhooks);
}

}  // namespace penstock::intake
