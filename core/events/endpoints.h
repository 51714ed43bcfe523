// POST /events/{endpoint}, before it is HTTP: who may bring events, and what is answered.
//
// EventBridge repeats what is answered with 401, 407, 409, 429 or 5xx for up to a day and drops what gets another 4xx.
// Whoever proves who he is and sends JSON is answered 200, whatever it says: an event that means nothing today means
// nothing tomorrow.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/failed_attempts.h"
#include "core/events/desk.h"
#include "core/hooks/authentication.h"

namespace penstock::events {

struct EventRequest {
  std::string_view endpoint;  // the path's last part, decoded
  hooks::IpAddress remote;    // of the client, with trusted proxies already resolved
  const std::vector<std::pair<std::string, std::string>>& headers;
  std::string_view body;
  std::string_view request_id;
};

struct EventAnswer {
  int status = 200;  // 200, 400, 401, 403, 404, 413
  std::string reason;
  Noted noted;
  // The address fails to prove who it is too often: each further try shall cost it a new connection.
  bool close_connection = false;
};
// {"events":1,"acted":1,"idle":0,"duplicate":0,"unknown":0}: the body of a 200.
std::string to_json(const EventAnswer& answer);

// Thread-safe.
class Endpoints {
 public:
  using Settings = std::map<std::string, hooks::EndpointAuthentication, std::less<>>;  // by name

  Endpoints(Desk& desk, telemetry::Metrics& metrics, const Clock& clock, const telemetry::Log& log);
  void set(std::shared_ptr<const Settings> settings);

  // Calls nothing beyond the process: the work of microseconds.
  EventAnswer receive(const EventRequest& request);

  // A state change has 256 KiB at most.
  static constexpr std::size_t kMaxBodyBytes = 1u << 20;

 private:
  EventAnswer refuse(const EventRequest& request, int status, std::string reason);

  Desk& desk_;
  const Clock& clock_;
  const telemetry::Log& log_;
  telemetry::Counter& refused_;
  FailedAttempts failed_attempts_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Settings> settings_;  // guarded by mutex_
};

}  // namespace penstock::events
