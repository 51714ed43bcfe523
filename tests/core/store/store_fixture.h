// A store in a folder of its own, and deliveries to put into it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/ids.h"
#include "core/store/store.h"
#include "tests/support/fake_clock.h"

namespace penstock::store {

using namespace std::chrono_literals;

// Where a sync costs nothing, if there is such a place: what syncs are for shows only when the power fails.
inline std::filesystem::path fast_folder() {
  return ::access("/dev/shm", W_OK) == 0 ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path();
}

inline Store::Options store_options(const std::filesystem::path& path) {
  Store::Options options;
  options.path = path;
  options.make_request_token = [](const std::string& push_key, const std::string& webhook, const std::string& pipeline,
                                  int generation) {
    return sha256_hex(push_key + "|" + webhook + "|" + pipeline + "|" + std::to_string(generation));
  };
  options.expand_decisions = [](std::string_view set, std::string_view evidence) {
    return "[" + std::string(set) + ", " + std::string(evidence) + "]";
  };
  return options;
}

inline NewTrigger make_trigger(const std::string& push_key, const std::string& pipeline = "shop",
                               const std::string& webhook = "shop-main") {
  NewTrigger trigger;
  trigger.push_key = push_key;
  trigger.webhook = webhook;
  trigger.pipeline = pipeline;
  trigger.action = "Source";
  trigger.ref = "refs/heads/main";
  trigger.commit_id = sha256_hex(push_key).substr(0, 40);
  return trigger;
}

inline std::shared_ptr<const WebhookSet> make_webhook_set(std::vector<std::string> names) {
  auto set = std::make_shared<WebhookSet>();
  for (const std::string& name : names) set->content += name + ";";
  set->id = sha256_hex(set->content);
  set->names = std::move(names);
  return set;
}

inline NewDelivery make_delivery(const Clock& clock, std::vector<NewTrigger> triggers = {}) {
  NewDelivery delivery;
  delivery.id = make_uuid_v7(clock);
  delivery.received_at = clock.now();
  delivery.endpoint = "azure-devops";
  delivery.remote_address = "192.0.2.7";
  delivery.outcome = triggers.empty() ? Outcome::kFiltered : Outcome::kTriggered;
  delivery.reason = triggers.empty() ? "no webhook matched" : "all filters passed";
  delivery.event_type = "git.push";
  delivery.event_id = make_uuid_v4();
  delivery.subscription_id = "7d1b3f6e-0a53-4b43-9c55-3a1f0c1b7a11";
  delivery.publisher_id = "tfs";
  delivery.repository_id = "1b6c2f0d-98a5-4c0e-8a57-6d3a86a4a8d0";
  delivery.repository_name = "Shop";
  delivery.project = "Fabrikam";
  delivery.ref_updates = {{"refs/heads/main", std::string(40, '0'), std::string(40, 'a')}};
  delivery.webhook_set = make_webhook_set({"shop-main"});
  delivery.evidence = R"({"webhook":"shop-main"})";
  delivery.request_headers_json = R"({"Content-Type":"application/json"})";
  delivery.body = R"({"eventType":"git.push"})";
  delivery.body_bytes = delivery.body.size();
  delivery.body_sha256 = sha256_hex(delivery.body);
  delivery.triggers = std::move(triggers);
  return delivery;
}

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store_.reset();
    store_ = std::make_unique<Store>(store_options(path()), clock_);
  }
  std::filesystem::path path() const { return folder_.path() / "history.db"; }
  Store& store() { return *store_; }

  NewDelivery delivery(std::vector<NewTrigger> triggers = {}) { return make_delivery(clock_, std::move(triggers)); }

  TemporaryDirectory folder_{fast_folder()};
  testing::FakeClock clock_;
  std::unique_ptr<Store> store_;
};

// The kind of what `call` throws; fails the test when it throws nothing or something else.
template <typename Call>
Error error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(ErrorKind::kInternal, "nothing was thrown");
}

}  // namespace penstock::store
