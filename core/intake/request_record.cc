#include "core/intake/request_record.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/base/text.h"
#include "core/hooks/authentication.h"
#include "core/hooks/json_text.h"
#include "core/hooks/search_text.h"
#include "core/telemetry/trace_context.h"

namespace penstock::intake {
namespace {

constexpr std::size_t kMaxFieldCharacters = 400;
constexpr std::size_t kMaxHeaders = 200;
constexpr std::string_view kRedacted = "[redacted]";

// Texts of an event are valid UTF-8.
std::string bounded(std::string_view text) {
  return text.size() <= kMaxFieldCharacters ? std::string(text)
                                            : truncate_utf8(text, kMaxFieldCharacters, 4 * kMaxFieldCharacters);
}

bool is_harmless(std::string_view name) {
  static constexpr std::array<std::string_view, 9> kNames = {"accept",         "connection",   "content-encoding",
                                                             "content-length", "content-type", "date",
                                                             "host",           "user-agent",   "x-forwarded-for"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view known) { return equals_ignoring_case(known, name); });
}

// A text, or its beginning when it is too long.
class BoundedText {
 public:
  void set(std::string_view text, std::size_t max_characters, std::size_t max_bytes) {
    if (text.size() <= max_characters && text.size() <= max_bytes) {
      whole_ = text;
    } else {
      cut_ = truncate_utf8(text, max_characters, max_bytes);
    }
  }
  std::string_view get() const noexcept { return cut_ ? std::string_view(*cut_) : whole_; }

 private:
  std::string_view whole_;
  std::optional<std::string> cut_;
};

struct ShownHeader {
  BoundedText name, value;
};

bool is_zero_guid(std::string_view id) {
  return std::all_of(id.begin(), id.end(), [](char c) { return c == '0' || c == '-'; });
}

}  // namespace

std::string trace_id_of(std::optional<std::string_view> traceparent, const std::string& delivery_id) {
  if (traceparent) {
    if (auto context = telemetry::parse_traceparent(*traceparent)) return std::move(context->trace_id);
  }
  std::string id = delivery_id;
  std::erase(id, '-');
  return id;
}

std::string headers_to_json(const PreparedSettings::Endpoint* endpoint,
                            const std::vector<std::pair<std::string, std::string>>& headers, HeaderTrust trust,
                            std::size_t max_bytes) {
  std::vector<ShownHeader> list;
  list.reserve(headers.size());
  std::size_t kept = 0;
  bool is_complete = true;
  for (const auto& [name, value] : headers) {
    if (list.size() == kMaxHeaders || kept + name.size() > max_bytes) {
      is_complete = false;
      break;
    }
    kept += name.size();
    auto& shown = list.emplace_back();
    shown.name.set(name, 200, 800);
    const bool is_sensitive = endpoint != nullptr ? endpoint->is_sensitive(name) : hooks::is_telling_header(name);
    if (is_sensitive || (trust == HeaderTrust::kStranger && !is_harmless(name))) {
      shown.value.set(kRedacted, kRedacted.size(), kRedacted.size());
    } else {
      shown.value.set(value, 2000, std::min<std::size_t>(8000, max_bytes - kept));
    }
    kept += shown.value.get().size();
  }

  std::string out;
  out.reserve(kept + 8 * list.size() + 64);
  out += '{';
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string_view name = list[i].name.get();
    const auto has_name = [&](const ShownHeader& other) { return other.name.get() == name; };
    const auto here = list.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::any_of(list.begin(), here, has_name)) continue;
    if (out.size() > 1) out += ',';
    hooks::append_json_string(out, name);
    out += ':';
    if (std::none_of(here + 1, list.end(), has_name)) {
      hooks::append_json_string(out, here->value.get());
      continue;
    }
    char separator = '[';
    for (auto other = here; other != list.end(); ++other) {
      if (!has_name(*other)) continue;
      out += std::exchange(separator, ',');
      hooks::append_json_string(out, other->value.get());
    }
    out += ']';
  }
  if (!is_complete) {
    if (out.size() > 1) out += ',';
    out += "\"…\":\"further headers were left out\"";
  }
  out += '}';
  return out;
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
  delivery.search_text = hooks::search_text(event);
  delivery.ref_updates.clear();
  for (const hooks::RefUpdate& ref : event.ref_updates) {
    delivery.ref_updates.push_back({bounded(ref.name), bounded(ref.old_object_id), bounded(ref.new_object_id)});
  }
  delivery.pull_request_json.clear();
  delivery.further_refs.clear();
  if (event.pull_request) {
    delivery.pull_request_json = hooks::to_json(*event.pull_request);
    for (const std::string* ref : {&event.pull_request->source_ref, &event.pull_request->target_ref}) {
      if (!ref->empty()) delivery.further_refs.push_back(bounded(*ref));
    }
    delivery.subject = "revision of the pull request";
  }
  delivery.duplicate_key.clear();
  if (!event.is_test && event.notification_id && !is_zero_guid(event.subscription_id)) {
    delivery.duplicate_key = std::to_string(endpoint.size()) + ":" + endpoint + "/" + to_lower(event.subscription_id) +
                             "/" + std::to_string(*event.notification_id);
  }
}

std::vector<store::NewTrigger> triggers_of(const hooks::Evidence& evidence) {
  std::vector<store::NewTrigger> triggers;
  for (const auto& subject : evidence.subjects) {
    for (const auto& [webhook, decision] : subject.told) {
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
      trigger.awaits_paths = decision.verdict == hooks::Verdict::kWaitingForPaths;
      triggers.push_back(std::move(trigger));
    }
  }
  return triggers;
}

}  // namespace penstock::intake
