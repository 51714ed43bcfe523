#include "core/events/endpoints.h"

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::events {

std::string to_json(const EventAnswer& answer) {
  const Noted& noted = answer.noted;
  return "{\"events\":" + std::to_string(noted.all()) + ",\"acted\":" + std::to_string(noted.acted) +
         ",\"idle\":" + std::to_string(noted.idle) + ",\"duplicate\":" + std::to_string(noted.duplicate) +
         ",\"unknown\":" + std::to_string(noted.unknown) + "}";
}

Endpoints::Endpoints(Desk& desk, telemetry::Metrics& metrics, const Clock& clock, const telemetry::Log& log)
    : desk_(desk),
      clock_(clock),
      log_(log),
      refused_(metrics.counter("penstock_event_requests_refused_total",
                               "Requests to the endpoints of events that were not let in.")),
      settings_(std::make_shared<const Settings>()) {}

void Endpoints::set(std::shared_ptr<const Settings> settings) {
  std::lock_guard lock(mutex_);
  settings_.swap(settings);
}

EventAnswer Endpoints::receive(const EventRequest& request) {
  std::shared_ptr<const Settings> settings;
  {
    std::lock_guard lock(mutex_);
    settings = settings_;
  }
  const auto endpoint = settings->find(request.endpoint);
  if (endpoint == settings->end()) return refuse(request, 404, "no endpoint of this name is configured");
  switch (hooks::authenticate(endpoint->second, request.remote, hooks::lookup_in(request.headers), request.body)) {
    case hooks::AuthenticationResult::kAddressNotAllowed:
      return refuse(request, 403, "the sender's address is not in allowedIpRanges");
    case hooks::AuthenticationResult::kNoCredential:
      return refuse(request, 401, "the request carries no credential that this endpoint knows");
    case hooks::AuthenticationResult::kWrongCredential:
      return refuse(request, 401, "the credential is wrong");
    case hooks::AuthenticationResult::kAllowed:
      break;
  }
  EventAnswer answer;
  if (request.body.size() > kMaxBodyBytes) {
    answer.status = 413;
    answer.reason = "the body is larger than 1 MiB";
    return answer;
  }
  try {
    answer.noted = desk_.note(request.body, Way::kEndpoint);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInvalidInput && error.kind() != ErrorKind::kExhausted) throw;
    answer.status = 400;
    answer.reason = error.what();
  }
  return answer;
}

EventAnswer Endpoints::refuse(const EventRequest& request, int status, std::string reason) {
  refused_.add();
  EventAnswer answer;
  answer.status = status;
  answer.reason = std::move(reason);
  const FailedAttempts::Verdict attempts = failed_attempts_.note(request.remote.network(), clock_.steady_now());
  answer.close_connection = !attempts.within_limit;
  if (attempts.to_report > 0) {
    log_.warning("events were refused without a trace: their addresses fail to authenticate too often",
                 {{"count", attempts.to_report}, {"lastRemote", request.remote.to_string()}});
  }
  if (attempts.within_limit && log_.enabled(telemetry::LogLevel::kDebug)) {
    log_.debug("event refused", {{"status", status},
                                 {"endpoint", truncate_utf8(request.endpoint, 100, 400)},
                                 {"remote", request.remote.to_string()},
                                 {"request", request.request_id},
                                 {"reason", answer.reason}});
  }
  return answer;
}

}  // namespace penstock::events
