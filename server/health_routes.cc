#include "core/json/json.h"
#include "server/openapi.h"
#include "server/routes.h"

namespace penstock::server {

void add_health_routes(Listener& listener, std::vector<ReadinessCheck> checks) {
  listener.route("GET", "/healthz", [](const Request&) { return Response{.body = R"({"status":"ok"})"}; });

  listener.route("GET", "/readyz", [checks = std::move(checks)](const Request&) {
    json::Json failing = json::Json::array();
    for (const ReadinessCheck& check : checks) {
      const std::string failure = check.failure();
      if (!failure.empty()) failing.push_back({{"check", check.name}, {"problem", failure}});
    }
    const bool ready = failing.empty();
    return Response{.status = ready ? 200 : 503,
                    .body = json::dump({{"status", ready ? "ready" : "not ready"}, {"failing", std::move(failing)}})};
  });

  listener.route("GET", "/openapi.json", [](const Request&) { return Response{.body = std::string(kOpenApi)}; });
}

}  // namespace penstock::server
