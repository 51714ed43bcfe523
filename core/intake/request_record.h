// The parts of a stored delivery that come from the request and the event, not from the decisions. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/hooks/event.h"
#include "core/hooks/evidence.h"
#include "core/intake/prepared_settings.h"
#include "core/store/records.h"

namespace penstock::intake {

// Of the trace that the sender named in its traceparent header (W3C Trace Context); a request without one begins a
// trace, which has the delivery's id without its dashes.
std::string trace_id_of(std::optional<std::string_view> traceparent, const std::string& delivery_id);

enum class HeaderTrust {
  kAuthenticated,  // values are kept unless the header is a sensitive one
  kStranger,       // only values that cannot be a credential are kept: a misspelt header may hold the real secret
};

// JSON object name -> value (several of a name: array), sensitive values "[redacted]", at most `max_bytes` of values.
// The endpoint is null when there is none.
std::string headers_to_json(const PreparedSettings::Endpoint* endpoint,
                            const std::vector<std::pair<std::string, std::string>>& headers, HeaderTrust trust,
                            std::size_t max_bytes);

// Fills in what the event says, with bounded lengths, and the key that makes a repeated delivery recognisable:
// endpoint, subscription and notification, when both ids are there, the subscription's is not zero and it is no portal
// test.
void describe_event(const hooks::Event& event, const std::string& endpoint, store::NewDelivery& delivery);

// The triggers that were decided on, in the order of the decisions.
std::vector<store::NewTrigger> triggers_of(const hooks::Evidence& evidence);

}  // namespace penstock::intake
