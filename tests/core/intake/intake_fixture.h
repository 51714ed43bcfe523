// A receiver on a real store, with a handful of endpoints and webhooks.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/digest.h"
#include "core/base/files.h"
#include "core/base/wake.h"
#include "core/hooks/event.h"
#include "core/hooks/evidence.h"
#include "core/intake/receiver.h"
#include "core/store/sqlite.h"
#include "core/store/store.h"
#include "core/telemetry/log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/payloads.h"

namespace penstock::intake {

inline std::shared_ptr<const hooks::Webhook> make_webhook(const std::string& name, const std::string& branch,
                                                          const std::string& endpoint = "azure-devops") {
  hooks::WebhookDefinition definition;
  definition.name = name;
  definition.endpoint = endpoint;
  definition.target_pipeline = name + "-pipeline";
  definition.target_action = "Source";
  hooks::FilterDefinition filter;
  filter.json_path = "$.resource.refUpdates..name";
  filter.match_equals = "refs/heads/" + branch;
  definition.filters.push_back(filter);
  return std::make_shared<const hooks::Webhook>(std::move(definition));
}

inline hooks::EndpointAuthentication basic_authentication(const std::string& password) {
  hooks::EndpointAuthentication authentication;
  authentication.basic.push_back({"azure", Secret(password)});
  return authentication;
}

inline std::string basic(const std::string& password) {
  return "Basic " + to_base64("azure:" + password);
}

class ReceiverTest : public ::testing::Test {
 protected:
  ReceiverTest() {
    settings_.endpoints["azure-devops"] = basic_authentication("right");
    settings_.webhooks.push_back({make_webhook("main", "main"), std::nullopt, {}});
    make_store(1024);
  }

  void make_store(std::size_t max_waiting) {
    receiver_.reset();
    store_.reset();
    store::Store::Options options;
    options.path = directory_.path() / "history.db";
    options.max_waiting = max_waiting;
    options.expand_decisions = hooks::expand_decisions;
    options.make_request_token = [](const std::string& push_key, const std::string& webhook,
                                    const std::string& pipeline, int generation) {
      return hooks::client_request_token(push_key, webhook, pipeline, generation);
    };
    store_ = std::make_unique<store::Store>(options, clock_);
    receiver_ = std::make_unique<Receiver>(
        receiver_options_, *store_,
        [this](const std::string& pipeline, const std::string&) -> std::optional<std::map<std::string, std::string>> {
          const auto found = configurations_.find(pipeline);
          if (found == configurations_.end()) return std::nullopt;
          return found->second;
        },
        wake_, clock_, log_, metrics_);
    apply();
  }

  void apply() { receiver_->set_settings(std::make_shared<const IntakeSettings>(settings_)); }

  HookRequest request(std::string body, const std::string& password = "right") const {
    HookRequest request;
    request.endpoint = "azure-devops";
    request.remote = *hooks::IpAddress::parse("192.0.2.7");
    request.headers = {{"Content-Type", "application/json"}, {"Authorization", basic(password)}};
    request.body = std::move(body);
    request.request_id = "r-1";
    return request;
  }

  HookAnswer post(std::string body, const std::string& password = "right") {
    return receiver_->receive(request(std::move(body), password));
  }

  std::vector<store::Delivery> deliveries() const { return store_->list_deliveries({}).deliveries; }
  bool woken() { return wake_.wait_for({}, std::chrono::milliseconds(0)); }

  TemporaryDirectory directory_;
  testing::FakeClock clock_;
  telemetry::Log log_ = telemetry::Log::silent();
  telemetry::Metrics metrics_;
  Wake wake_;
  IntakeSettings settings_;
  Receiver::Options receiver_options_;
  std::map<std::string, std::map<std::string, std::string>> configurations_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Receiver> receiver_;
};

}  // namespace penstock::intake
