// The routes and what they answer. Each group registers itself on a listener and reads from what it is given; nothing
// here decides anything but HTTP.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/hooks/ip_range.h"
#include "core/intake/receiver.h"
#include "core/listener/listener.h"
#include "core/store/store.h"
#include "core/telemetry/log.h"
#include "core/telemetry/metrics.h"
#include "core/trigger/starter.h"
#include "server/access.h"

namespace penstock::server {

using listener::Listener;
using listener::problem;
using listener::Request;
using listener::Response;

// What a reload replaces as a whole.
struct RequestPolicy {
  std::vector<hooks::IpRange> trusted_proxies;
  AccessTokens access{{}};
  bool public_metrics = false;

  bool trusts(const std::string& address) const;  // as a proxy
};

// Thread-safe holder of the current policy.
class CurrentPolicy {
 public:
  void set(std::shared_ptr<const RequestPolicy> policy) {
    std::lock_guard lock(mutex_);
    policy_ = std::move(policy);
  }
  std::shared_ptr<const RequestPolicy> get() const {
    std::lock_guard lock(mutex_);
    return policy_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const RequestPolicy> policy_ = std::make_shared<const RequestPolicy>();
};

// POST /hooks/{endpoint}
void add_hook_routes(Listener& listener, intake::Receiver& receiver, const CurrentPolicy& policy);

// /api/v1/deliveries, /api/v1/triggers, /api/v1/jobs and what is below them. Streams of job logs end when `stop` is
// requested.
void add_history_routes(Listener& listener, store::Store& store, intake::Receiver& receiver, trigger::Starter& starter,
                        const CurrentPolicy& policy, const telemetry::Log& log, std::stop_token stop);

// One named condition of readiness; an empty result is good, anything else says what is wrong.
struct ReadinessCheck {
  std::string name;
  std::function<std::string()> failure;
};

// Nothing when the request's token has the scope, else the answer that says what is missing.
std::optional<Response> refuse_without_scope(const Request& request, const RequestPolicy& policy,
                                             std::string_view scope);

// GET /metrics
void add_metrics_routes(Listener& listener, const telemetry::Metrics& metrics, const CurrentPolicy& policy);
[[nodiscard]] std::vector<telemetry::Metrics::Watch> watch_listener(telemetry::Metrics& metrics,
                                                                    const Listener& listener);

// GET /healthz, /readyz and /openapi.json
void add_health_routes(Listener& listener, std::vector<ReadinessCheck> checks);

}  // namespace penstock::server
