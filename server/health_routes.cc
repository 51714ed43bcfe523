#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "core/json/json.h"
#include "server/openapi.h"
#include "server/routes.h"

namespace penstock::server {
namespace {

// Anybody may ask, and the checks write to the disk: one round answers all who ask within a second.
class Readiness {
 public:
  explicit Readiness(std::vector<ReadinessCheck> checks) : checks_(std::move(checks)) {}

  Response answer() {
    std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (!answered_ || now - *answered_ > std::chrono::seconds(1)) {
      last_ = ask();
      answered_ = now;
    }
    return last_;
  }

 private:
  Response ask() const {
    json::Json failing = json::Json::array();
    for (const ReadinessCheck& check : checks_) {
      const std::string failure = check.failure();
      if (!failure.empty()) failing.push_back({{"check", check.name}, {"problem", failure}});
    }
    const bool ready = failing.empty();
    return Response{.status = ready ? 200 : 503,
                    .body = json::dump({{"status", ready ? "ready" : "not ready"}, {"failing", std::move(failing)}})};
  }

  const std::vector<ReadinessCheck> checks_;
  std::mutex mutex_;
  std::optional<std::chrono::steady_clock::time_point> answered_;  // guarded by mutex_, as is the next
  Response last_;
};

}  // namespace

void add_health_routes(Listener& listener, std::vector<ReadinessCheck> checks) {
  listener.route("GET", "/healthz", [](const Request&) { return Response{.body = R"({"status":"ok"})"}; });

  const auto readiness = std::make_shared<Readiness>(std::move(checks));
  listener.route("GET", "/readyz", [readiness](const Request&) { return readiness->answer(); });

  listener.route("GET", "/openapi.json", [](const Request&) { return Response{.body = std::string(kOpenApi)}; });
}

}  // namespace penstock::server
