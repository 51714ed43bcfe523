#include "core/intake/request_record.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"
#include "core/intake/admission.h"
#include "core/json/json.h"

namespace penstock::intake {
namespace {

constexpr std::size_t kMaxFieldCharacters = 400;
constexpr std::size_t kMaxHeaders = 200;

std::string bounded(std::string_view text) {
  return truncate_utf8(text, kMaxFieldCharacters, 4 * kMaxFieldCharacters);
}

bool is_harmless(std::string_view name) {
  static constexpr std::array<std::string_view, 9> kNames = {"accept",         "connection",   "content-encoding",
                                                             "content-length", "content-type", "date",
                                                             "host",           "user-agent",   "x-forwarded-for"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view known) { return equals_ignoring_case(known, name); });
}

bool is_zero_guid(std::string_view id) {
  return std::all_of(id.begin(), id.end(), [](char c) { return c == '0' || c == '-'; });
}

}  // namespace

std::string headers_to_json(const IntakeSettings& settings, const std::string& endpoint,
                            const std::vector<std::pair<std::string, std::string>>& headers, HeaderTrust trust,
                            std::size_t max_bytes) {
  json::Json object = json::Json::object();
  std::size_t kept = 0;
  std::size_t count = 0;
  for (const auto& [name, value] : headers) {
    if (++count > kMaxHeaders || kept + name.size() > max_bytes) {
      object["…"] = "further headers were left out";
      break;
    }
    std::string shown;
    if (is_sensitive(settings, endpoint, name) || (trust == HeaderTrust::kStranger && !is_harmless(name))) {
      shown = "[redacted]";
    } else {
      shown = truncate_utf8(value, 2000, std::min<std::size_t>(8000, max_bytes - kept - name.size()));
    }
    kept += name.size() + shown.size();
    const std::string key = truncate_utf8(name, 200, 800);
    if (!object.contains(key)) {
      object[key] = shown;
    } else if (object[key].is_array()) {
      object[key].push_back(shown);
    } else {
      object[key] = json::Json::array({object[key], shown});
    }
  }
  return json::dump(object);
}

void describe_event(const hooks::Event& event, const std::string& endpoint, store::NewDelivery& delivery) {
  delivery.event_type = bounded(event.event_type);
  delivery.event_id = bounded(event.id);
  delivery.subscription_id = bounded(event.subscription_id);
  delivery.publisher_id = bounded(event.publisher_id);
  delivery.notification_id = event.notification_id;
  if (event.repository) {
    delivery.repository_id = bounded(event.repository->id);
    delivery.repository_name = bounded(event.repository->name);
    delivery.project = bounded(event.repository->project);
  }
  delivery.ref_updates.clear();
  for (const hooks::RefUpdate& ref : event.ref_updates) {
    delivery.ref_updates.push_back({bounded(ref.name), bounded(ref.old_object_id), bounded(ref.new_object_id)});
  }
  delivery.duplicate_key.clear();
  if (!event.is_test && event.notification_id && !is_zero_guid(event.subscription_id)) {
    delivery.duplicate_key = std::to_string(endpoint.size()) + ":" + endpoint + "/" + to_lower(event.subscription_id) +
                             "/" + std::to_string(*event.notification_id);
  }
}

std::vector<store::NewTrigger> triggers_of(const std::vector<hooks::Decision>& decisions) {
  std::vector<store::NewTrigger> triggers;
  for (const hooks::Decision& decision : decisions) {
    if (decision.verdict == hooks::Verdict::kNotMatched) continue;
    store::NewTrigger trigger;
    trigger.push_key = decision.push_key;
    trigger.webhook = decision.webhook;
    trigger.pipeline = decision.target_pipeline;
    trigger.action = decision.target_action;
    trigger.ref = decision.ref;
    trigger.commit_id = decision.commit_id;
    trigger.variables = decision.variables;
    trigger.undecided = decision.verdict == hooks::Verdict::kWaiting;
    triggers.push_back(std::move(trigger));
  }
  return triggers;
}

}  // namespace penstock::intake
