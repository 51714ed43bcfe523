// The routes and what they answer. Each group registers itself on a listener and reads from what it is given; nothing
// here decides anything but HTTP.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/events/endpoints.h"
#include "core/intake/receiver.h"
#include "core/listener/listener.h"
#include "core/store/store.h"
#include "core/telemetry/log.h"
#include "core/telemetry/metrics.h"
#include "core/trigger/starter.h"
#include "server/access.h"
#include "server/request_policy.h"

namespace penstock::server {

using listener::Listener;
using listener::problem;
using listener::Request;
using listener::Response;

// POST /hooks/{endpoint}
void add_hook_routes(Listener& listener, intake::Receiver& receiver, const CurrentPolicy& policy);

// POST /events/{endpoint}
void add_event_routes(Listener& listener, events::Endpoints& endpoints, const CurrentPolicy& policy);

// /api/v1/deliveries, /api/v1/triggers, /api/v1/jobs and what is below them. Streams of job logs and
// exports end when `stop` is requested.
void add_history_routes(Listener& listener, store::Store& store, intake::Receiver& receiver, trigger::Starter& starter,
                        AccessControl& access, const CurrentPolicy& policy, const telemetry::Log& log,
                        const std::stop_token& stop);

// One named condition of readiness; an empty result is good, anything else says what is wrong.
struct ReadinessCheck {
  std::string name;
  std::function<std::string()> failure;
};

// GET /metrics
void add_metrics_routes(Listener& listener, const telemetry::Metrics& metrics, const CurrentPolicy& policy,
                        AccessControl& access);
[[nodiscard]] std::vector<telemetry::Metrics::Watch> watch_listener(telemetry::Metrics& metrics,
                                                                    const Listener& listener);

// GET /healthz, /readyz and /openapi.json
void add_health_routes(Listener& listener, std::vector<ReadinessCheck> checks);

}  // namespace penstock::server
