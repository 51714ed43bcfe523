#include "server/routes.h"

namespace penstock::server {
namespace {

using Kind = telemetry::Metrics::Kind;

}  // namespace

void add_metrics_routes(Listener& listener, const telemetry::Metrics& metrics, const CurrentPolicy& policy,
                        AccessControl& access) {
  listener.route("GET", "/metrics", [&](const Request& request) {
    if (!policy.get()->public_metrics) {
      if (auto refusal = access.admit(request, "metrics.read").refusal) return std::move(*refusal);
    }
    return Response{.content_type = std::string(telemetry::Metrics::kContentType), .body = metrics.expose()};
  });
}

std::vector<telemetry::Metrics::Watch> watch_listener(telemetry::Metrics& metrics, const Listener& listener) {
  using Stats = Listener::Stats;
  std::vector<telemetry::Metrics::Watch> watches;
  const auto watch = [&](Kind kind, const char* name, const char* help, std::uint64_t Stats::*member) {
    watches.push_back(
        metrics.watch(kind, name, help, [&listener, member] { return static_cast<double>(listener.stats().*member); }));
  };
  watch(Kind::kGauge, "penstock_connections", "Open connections of the listener.", &Stats::open);
  watch(Kind::kCounter, "penstock_connections_accepted_total", "Connections accepted.", &Stats::accepted);
  watch(Kind::kCounter, "penstock_connections_refused_total", "Connections closed at once: over a limit.",
        &Stats::refused_connections);
  watch(Kind::kCounter, "penstock_tls_handshakes_failed_total",
        "Connections that ended before their TLS handshake did.", &Stats::failed_handshakes);
  watch(Kind::kCounter, "penstock_requests_total", "Requests whose header was read.", &Stats::requests);
  watch(Kind::kCounter, "penstock_requests_malformed_total", "Requests refused as ambiguous, malformed or too large.",
        &Stats::bad_requests);
  watch(Kind::kCounter, "penstock_requests_timed_out_total", "Requests or answers that did not move in time.",
        &Stats::timeouts);
  watch(Kind::kCounter, "penstock_requests_overloaded_total", "Requests answered 503 by the listener itself.",
        &Stats::overloaded);
  watches.push_back(metrics.watch(Kind::kGauge, "penstock_certificate_expiry_seconds",
                                  "When the TLS certificate in use ends, as Unix time; 0 without TLS.", [&listener] {
                                    const auto end = listener.certificate_expiry();
                                    return end ? static_cast<double>(to_milliseconds(*end)) / 1000 : 0.0;
                                  }));
  return watches;
}

}  // namespace penstock::server
