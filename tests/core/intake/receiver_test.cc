#include "core/intake/receiver.h"

#include <atomic>
#include <thread>

#include "core/base/error.h"
#include "tests/core/intake/intake_fixture.h"

namespace penstock::intake {
namespace {

using test::make_object_id;
using test::make_pull_request_payload;
using test::make_push_payload;
using test::make_test_push_payload;

TEST_F(ReceiverTest, PushThatMatchesIsStoredWithItsTriggerAndWakesTheTriggerStage) {
  const HookAnswer answer = post(make_push_payload());
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.outcome, store::Outcome::kTriggered);
  EXPECT_EQ(answer.matched, std::vector<std::string>{"main"});
  EXPECT_TRUE(woken());
  const auto stored = store_->find_delivery(answer.delivery_id);
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->body, make_push_payload());
  EXPECT_EQ(stored->body_sha256, sha256_hex(make_push_payload()));
  EXPECT_EQ(stored->event_type, "git.push");
  EXPECT_EQ(stored->remote_address, "192.0.2.7");
  EXPECT_NE(stored->decisions_json.find("all filters passed"), std::string::npos);
  ASSERT_EQ(stored->triggers.size(), 1u);
  EXPECT_EQ(stored->triggers[0].pipeline, "main-pipeline");
  EXPECT_EQ(stored->triggers[0].ref, "refs/heads/main");
  EXPECT_EQ(stored->triggers[0].commit_id, make_object_id(2));
  EXPECT_FALSE(stored->triggers[0].undecided);
  EXPECT_EQ(to_json(answer), R"({"deliveryId":")" + answer.delivery_id +
                                 R"(","outcome":"triggered","matched":["main"],"reason":"1 webhook matched"})");
}

TEST_F(ReceiverTest, PushOfTwoBranchesMakesATriggerForEachPipelineThatWantsOne) {
  settings_.webhooks.push_back({make_webhook("release", "release/2.0"), std::nullopt, {}});
  apply();
  test::PushOptions push;
  push.refs = {{.name = "refs/heads/main", .new_id = make_object_id(11)},
               {.name = "refs/heads/release/2.0", .new_id = make_object_id(12)},
               {.name = "refs/heads/other", .new_id = make_object_id(13)}};
  const HookAnswer answer = post(make_push_payload(push));
  EXPECT_EQ(answer.matched, (std::vector<std::string>{"main", "release"}));
  const auto triggers = store_->find_delivery(answer.delivery_id)->triggers;
  ASSERT_EQ(triggers.size(), 2u);
  for (const store::Trigger& trigger : triggers) {
    EXPECT_EQ(trigger.commit_id, make_object_id(trigger.pipeline == "main-pipeline" ? 11 : 12));
  }
}

TEST_F(ReceiverTest, SameNotificationAgainIsADuplicate) {
  const HookAnswer first = post(make_push_payload());
  woken();
  const HookAnswer second = post(make_push_payload());
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.outcome, store::Outcome::kDuplicate);
  EXPECT_NE(second.delivery_id, first.delivery_id);
  EXPECT_EQ(store_->find_delivery(second.delivery_id)->duplicate_of, first.delivery_id);
  EXPECT_FALSE(woken());
}

TEST_F(ReceiverTest, SamePushThroughAnotherSubscriptionStartsNothing) {
  post(make_push_payload());
  test::PushOptions again;
  again.subscription_id = "7f1c2a50-96d3-4be4-8d0e-5b0f6f2b9c99";
  again.notification_id = 77;
  const HookAnswer answer = post(make_push_payload(again));
  EXPECT_EQ(answer.outcome, store::Outcome::kDuplicate);
  again.push_id = 42;  // another push of the same commit
  again.notification_id = 78;
  EXPECT_EQ(post(make_push_payload(again)).outcome, store::Outcome::kTriggered);
}

TEST_F(ReceiverTest, PullRequestStartsOnceForEachRevision) {
  hooks::WebhookDefinition definition;
  definition.name = "review";
  definition.endpoint = "azure-devops";
  definition.target_pipeline = "review-pipeline";
  definition.target_action = "Source";
  definition.filters.push_back({.json_path = "$.resource.targetRefName", .match_equals = "refs/heads/main"});
  settings_.webhooks.push_back({std::make_shared<const hooks::Webhook>(std::move(definition)), std::nullopt, {}});
  apply();

  test::PullRequestOptions options;
  const auto deliver = [&](const std::string& type, const std::string& status, std::uint64_t commit) {
    options.event_type = type;
    options.status = status;
    options.source_commit = test::make_object_id(commit);
    ++options.notification_id;
    options.event_id = "event " + std::to_string(options.notification_id);
    return post(make_pull_request_payload(options));
  };
  const HookAnswer opened = deliver("git.pullrequest.created", "active", 1);
  EXPECT_EQ(opened.outcome, store::Outcome::kTriggered);
  EXPECT_EQ(opened.matched, std::vector<std::string>{"review"});
  const auto stored = store_->find_delivery(opened.delivery_id);
  ASSERT_EQ(stored->triggers.size(), 1u);
  EXPECT_EQ(stored->triggers[0].ref, "refs/heads/feature/basket");
  EXPECT_EQ(stored->triggers[0].commit_id, test::make_object_id(1));
  EXPECT_NE(stored->pull_request_json.find(R"("event":"OPEN")"), std::string::npos);

  const HookAnswer voted = deliver("git.pullrequest.updated", "active", 1);
  EXPECT_EQ(voted.outcome, store::Outcome::kDuplicate);
  EXPECT_EQ(voted.reason, "the same revision of the pull request was received before, as delivery " +
                              opened.delivery_id + ", and has all its triggers");
  EXPECT_EQ(deliver("git.pullrequest.updated", "active", 2).outcome, store::Outcome::kTriggered);
  EXPECT_EQ(deliver("git.pullrequest.merged", "active", 2).outcome, store::Outcome::kFiltered);
  EXPECT_EQ(deliver("git.pullrequest.merged", "completed", 2).outcome, store::Outcome::kTriggered);
  EXPECT_EQ(deliver("git.pullrequest.updated", "completed", 2).outcome, store::Outcome::kDuplicate);

  for (const char* ref : {"refs/heads/feature/basket", "refs/heads/main"}) {
    store::DeliveryQuery query;
    query.ref = ref;
    EXPECT_EQ(store_->list_deliveries(query).deliveries.size(), 6u) << ref;
  }
  EXPECT_NE(deliveries().front().pull_request_json, "");
}

TEST_F(ReceiverTest, PortalTestsAreKeptAndStartNothing) {
  for (const std::string& body : {make_test_push_payload(), make_test_push_payload(),
                                  make_test_push_payload("7f1c2a50-96d3-4be4-8d0e-5b0f6f2b9c11")}) {
    const HookAnswer answer = post(body);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.outcome, store::Outcome::kTest);
    EXPECT_TRUE(store_->find_delivery(answer.delivery_id)->triggers.empty());
  }
  EXPECT_FALSE(woken());
}

TEST_F(ReceiverTest, EventsThatNobodyWantsAreAnswered200) {
  struct Case {
    std::string name, body;
    store::Outcome outcome;
  };
  test::PushOptions other_branch;
  other_branch.refs = {{.name = "refs/heads/other"}};
  test::PushOptions minimal;
  minimal.details = test::ResourceDetails::kMinimal;
  test::PushOptions none;
  none.details = test::ResourceDetails::kNone;
  other_branch.notification_id = 501;
  minimal.notification_id = 502;
  none.notification_id = 503;
  const std::vector<Case> cases = {
      {"other branch", make_push_payload(other_branch), store::Outcome::kFiltered},
      {"pull request", make_pull_request_payload(), store::Outcome::kFiltered},
      {"unknown event", R"({"eventType":"somebody.else","id":"1","resource":{"a":1}})", store::Outcome::kFiltered},
      {"minimal details", make_push_payload(minimal), store::Outcome::kIgnored},
      {"no details", make_push_payload(none), store::Outcome::kIgnored},
      {"no event", R"({"hello":"world"})", store::Outcome::kIgnored},
      {"no object", "[1,2]", store::Outcome::kIgnored},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const HookAnswer answer = post(c.body);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.outcome, c.outcome);
    EXPECT_FALSE(answer.reason.empty());
    EXPECT_TRUE(answer.matched.empty());
  }
}

TEST_F(ReceiverTest, StrangersAreRefusedAndTheirBodiesAndSecretsAreNotKept) {
  HookRequest wrong = request(R"({"marker":"body-of-a-stranger"})", "not-the-password");
  wrong.headers.emplace_back("X-Penstok-Key", "mistyped-header-secret");
  EXPECT_EQ(receiver_->receive(wrong).status, 401);
  HookRequest none = wrong;
  none.headers.clear();
  EXPECT_EQ(receiver_->receive(none).status, 401);
  HookRequest unknown = wrong;
  unknown.endpoint = "nothing";
  EXPECT_EQ(receiver_->receive(unknown).status, 404);
  settings_.endpoints["azure-devops"].allowed_ip_ranges.push_back(*hooks::IpRange::parse("198.51.100.0/24"));
  apply();
  EXPECT_EQ(receiver_->receive(request("{}")).status, 403);

  ASSERT_EQ(deliveries().size(), 4u);
  for (const store::Delivery& summary : deliveries()) {
    EXPECT_EQ(summary.outcome, store::Outcome::kRejected);
    const auto stored = store_->find_delivery(summary.id);
    EXPECT_EQ(stored->body, "");
    EXPECT_EQ(stored->request_headers_json.find("mistyped-header-secret"), std::string::npos);
    EXPECT_EQ(stored->request_headers_json.find(basic("not-the-password")), std::string::npos);
    EXPECT_EQ(stored->request_headers_json.find(basic("right")), std::string::npos);
  }
}

TEST_F(ReceiverTest, StrangersCannotFillTheDisk) {
  for (int i = 0; i < 200; ++i) {
    HookRequest wrong = request("{}", "wrong");
    wrong.remote = *hooks::IpAddress::parse("198.51.100." + std::to_string(i));
    EXPECT_EQ(receiver_->receive(wrong).status, 401);
  }
  EXPECT_EQ(deliveries().size(), 50u);  // a page; the next line counts
  store::DeliveryQuery all;
  all.limit = 500;
  EXPECT_EQ(store_->list_deliveries(all).deliveries.size(), 60u);
  clock_.advance(std::chrono::minutes(1));
  post("{}", "wrong");
  EXPECT_EQ(store_->list_deliveries(all).deliveries.size(), 61u);
}

TEST_F(ReceiverTest, AddressThatFailsTooOftenIsRefusedWithoutATraceAndItsConnectionClosed) {
  for (int i = 0; i < 100; ++i) {
    const HookAnswer answer = post("{}", "wrong");
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.close_connection, i >= 20) << i;
    EXPECT_EQ(answer.delivery_id.empty(), i >= 20) << i;
  }
  EXPECT_EQ(deliveries().size(), 20u);
  // Who is right passes, whatever came from his address.
  const HookAnswer right = post(make_push_payload());
  EXPECT_EQ(right.status, 200);
  EXPECT_FALSE(right.close_connection);
  HookRequest other = request("{}", "wrong");
  other.remote = *hooks::IpAddress::parse("192.0.2.8");
  EXPECT_FALSE(receiver_->receive(other).close_connection);
  clock_.advance(std::chrono::seconds(2));
  EXPECT_FALSE(post("{}", "wrong").close_connection);
  EXPECT_TRUE(post("{}", "wrong").close_connection);
}

TEST_F(ReceiverTest, AnswersWithoutWaitingAndExactlyOnce) {
  std::atomic<int> answered = 0, triggered = 0;
  for (int i = 0; i < 200; ++i) {
    test::PushOptions push;
    push.push_id = 1000 + i;
    push.notification_id = push.push_id;
    receiver_->receive(request(make_push_payload(push), i % 10 == 9 ? "wrong" : "right"), [&](HookAnswer answer) {
      ++answered;
      if (answer.outcome == store::Outcome::kTriggered) ++triggered;
    });
  }
  receiver_.reset();  // waits for all
  EXPECT_EQ(answered, 200);
  EXPECT_EQ(triggered, 180);
}

TEST_F(ReceiverTest, DeliveriesAreFoundByEveryWebhookThatJudgedThem) {
  settings_.webhooks.push_back({make_webhook("other", "other"), std::nullopt, {}});
  settings_.webhooks.push_back({make_webhook("far", "main"), std::nullopt, {*hooks::IpRange::parse("10.0.0.0/8")}});
  apply();
  const HookAnswer answer = post(make_push_payload());
  const auto found_by = [&](const std::string& webhook) {
    store::DeliveryQuery query;
    query.webhook = webhook;
    return store_->list_deliveries(query).deliveries.size();
  };
  EXPECT_EQ(found_by("main"), 1u);
  EXPECT_EQ(found_by("other"), 1u);
  EXPECT_EQ(found_by("far"), 0u);
  EXPECT_EQ(store_->find_delivery(answer.delivery_id)->judged_webhooks, (std::vector<std::string>{"main", "other"}));
}

TEST_F(ReceiverTest, WhatIsStoredGrowsByFewBytesPerWebhookThatDoesNotMatch) {
  const auto bytes_with = [&](int webhooks, std::int64_t push) {
    settings_.webhooks = {{make_webhook("main", "main"), std::nullopt, {}}};
    for (int i = 1; i < webhooks; ++i) {
      settings_.webhooks.push_back({make_webhook("w" + std::to_string(i), "b" + std::to_string(i)), std::nullopt, {}});
    }
    apply();
    test::PushOptions options;
    options.push_id = options.notification_id = push;
    const auto delivery = post(make_push_payload(options)).delivery_id;
    const auto decisions = store_->find_delivery(delivery)->decisions_json;
    EXPECT_EQ(std::count(decisions.begin(), decisions.end(), '\n'), 0);
    EXPECT_NE(decisions.find("\"webhook\":\"w" + std::to_string(webhooks - 1) + "\""), std::string::npos);
    store::Connection connection(directory_.path() / "history.db", store::Connection::Mode::kReadOnly,
                                 std::chrono::seconds(5));
    return connection.query_integer("SELECT length(evidence) FROM delivery_contents ORDER BY seq DESC LIMIT 1").value();
  };
  const auto with_20 = bytes_with(20, 100), with_300 = bytes_with(300, 101);
  EXPECT_LT(with_20, 1'000);
  EXPECT_LT(with_300 - with_20, 280 * 2);
}

TEST_F(ReceiverTest, BytesThatAreNoJsonAre400AndKept) {
  std::string deep(200, '[');
  for (const std::string& body : {std::string("this is not JSON"), std::string(), std::string("{\"eventType\":"),
                                  std::string("{\"eventType\":\"\xff\"}"), deep}) {
    const HookAnswer answer = post(body);
    EXPECT_EQ(answer.status, 400);
    const auto stored = store_->find_delivery(answer.delivery_id);
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->outcome, store::Outcome::kRejected);
    EXPECT_EQ(stored->body, body);
  }
  const HookAnswer huge = post(std::string(1 << 20, 'x'));
  EXPECT_EQ(store_->find_delivery(huge.delivery_id)->body.size(), 64u << 10);
  EXPECT_EQ(store_->find_delivery(huge.delivery_id)->body_bytes, 1u << 20);
  EXPECT_EQ(store_->find_delivery(huge.delivery_id)->body_sha256, sha256_hex(std::string(1 << 20, 'x')));
}

TEST_F(ReceiverTest, SecretsInHeadersAreRedacted) {
  HookRequest secret = request(make_push_payload());
  secret.headers.emplace_back("X-Api-Key", "key-value-9");
  secret.headers.emplace_back("X-Custom", "one");
  secret.headers.emplace_back("X-Custom", "two \xff");
  const auto stored = store_->find_delivery(receiver_->receive(secret).delivery_id);
  EXPECT_EQ(stored->request_headers_json.find("key-value-9"), std::string::npos);
  EXPECT_EQ(stored->request_headers_json.find(basic("right")), std::string::npos);
  EXPECT_NE(stored->request_headers_json.find(R"("Authorization":"[redacted]")"), std::string::npos);
  EXPECT_NE(stored->request_headers_json.find(R"("Content-Type":"application/json")"), std::string::npos);
  EXPECT_NE(stored->request_headers_json.find(R"("X-Custom":["one")"), std::string::npos);
}

TEST_F(ReceiverTest, WhatCannotBeStoredIs503AndNothingElse) {
  make_store(0);  // the queue of writes is full at once
  const HookAnswer answer = post(make_push_payload());
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.retry_after);
  EXPECT_TRUE(answer.delivery_id.empty());
  // A stranger hears the same as always.
  EXPECT_EQ(post(make_push_payload(), "wrong").status, 401);
  make_store(1024);
  EXPECT_EQ(post(make_push_payload()).outcome, store::Outcome::kTriggered);
}

TEST_F(ReceiverTest, UnexpectedExceptionsAfterAuthenticationAre503) {
  hooks::WebhookDefinition definition = make_webhook("placeholder", "{Branch}")->definition();
  settings_.webhooks = {{std::make_shared<const hooks::Webhook>(definition), std::nullopt, {}}};
  Receiver throwing(
      {}, *store_,
      [](const std::string&, const std::string&) -> std::optional<std::map<std::string, std::string>> {
        throw std::logic_error("a fault of ours");
      },
      wake_, clock_, log_, metrics_);
  throwing.set_settings(std::make_shared<const IntakeSettings>(settings_));
  EXPECT_EQ(throwing.receive(request(make_push_payload())).status, 503);
}

TEST_F(ReceiverTest, WebhookWithItsOwnAuthenticationIsReachedByItAlone) {
  settings_.webhooks.push_back({make_webhook("own", "main"), basic_authentication("webhook-secret"), {}});
  apply();
  const HookAnswer with_endpoint = post(make_push_payload());
  EXPECT_EQ(with_endpoint.matched, std::vector<std::string>{"main"});
  test::PushOptions other;
  other.push_id = 99;
  other.notification_id = 99;
  const HookAnswer with_own = post(make_push_payload(other), "webhook-secret");
  EXPECT_EQ(with_own.status, 200);
  EXPECT_EQ(with_own.matched, std::vector<std::string>{"own"});
  EXPECT_EQ(post(make_push_payload(other), "neither").status, 401);

  // A redelivery reaches no more than the delivery did.
  EXPECT_EQ(receiver_->redeliver(with_own.delivery_id).matched, std::vector<std::string>{"own"});
  EXPECT_EQ(receiver_->redeliver(with_endpoint.delivery_id).matched, std::vector<std::string>{"main"});
}

TEST_F(ReceiverTest, DecisionThatNeedsAnUnknownConfigurationWaits) {
  settings_.webhooks = {{make_webhook("late", "{Branch}"), std::nullopt, {}}};
  apply();
  const HookAnswer waiting = post(make_push_payload());
  EXPECT_EQ(waiting.outcome, store::Outcome::kTriggered);
  EXPECT_TRUE(waiting.matched.empty());
  ASSERT_EQ(store_->find_delivery(waiting.delivery_id)->triggers.size(), 1u);
  EXPECT_TRUE(store_->find_delivery(waiting.delivery_id)->triggers[0].undecided);
  EXPECT_TRUE(woken());

  configurations_["late-pipeline"] = {{"Branch", "release"}};
  test::PushOptions next;
  next.push_id = 50;
  next.notification_id = 50;
  EXPECT_EQ(post(make_push_payload(next)).outcome, store::Outcome::kFiltered);
}

TEST_F(ReceiverTest, RedeliveryUsesTheCurrentDefinitionsAndANewGeneration) {
  settings_.webhooks.clear();
  apply();
  const HookAnswer filtered = post(make_push_payload());
  EXPECT_EQ(filtered.outcome, store::Outcome::kFiltered);
  settings_.webhooks = {{make_webhook("main", "main"), std::nullopt, {}}};
  apply();
  const HookAnswer first = receiver_->redeliver(filtered.delivery_id);
  EXPECT_EQ(first.outcome, store::Outcome::kTriggered);
  const HookAnswer second = receiver_->redeliver(first.delivery_id);
  EXPECT_EQ(second.outcome, store::Outcome::kTriggered);
  const auto a = store_->find_delivery(first.delivery_id), b = store_->find_delivery(second.delivery_id);
  EXPECT_EQ(a->redelivery_of, filtered.delivery_id);
  EXPECT_NE(a->triggers.at(0).client_request_token, b->triggers.at(0).client_request_token);
}

TEST_F(ReceiverTest, RedeliveryToOneWebhookStartsThatOneAlone) {
  settings_.webhooks.push_back({make_webhook("also", "main"), std::nullopt, {}});
  settings_.webhooks.push_back({make_webhook("other", "other"), std::nullopt, {}});
  apply();
  const HookAnswer first = post(make_push_payload());
  EXPECT_EQ(first.matched, (std::vector<std::string>{"main", "also"}));
  const HookAnswer again = receiver_->redeliver(first.delivery_id, "also");
  EXPECT_EQ(again.matched, std::vector<std::string>{"also"});
  const auto stored = store_->find_delivery(again.delivery_id);
  ASSERT_EQ(stored->triggers.size(), 1u);
  EXPECT_EQ(stored->triggers[0].webhook, "also");
  EXPECT_EQ(stored->triggers[0].generation, 1);
  EXPECT_EQ(stored->judged_webhooks, std::vector<std::string>{"also"});
  EXPECT_EQ(stored->reason, "redelivered to webhook \"also\" alone: 1 webhook matched");
  EXPECT_EQ(store_->find_delivery(receiver_->redeliver(first.delivery_id, "other").delivery_id)->reason,
            "redelivered to webhook \"other\" alone: no webhook matched");
  EXPECT_THROW(receiver_->redeliver(first.delivery_id, "mian"), Error);
  EXPECT_EQ(deliveries().size(), 3u);
}

TEST_F(ReceiverTest, ADoubleClickIsOneRedelivery) {
  const HookAnswer first = post(make_push_payload());
  const HookAnswer one = receiver_->redeliver(first.delivery_id), two = receiver_->redeliver(first.delivery_id);
  EXPECT_EQ(one.delivery_id, two.delivery_id);
  EXPECT_EQ(deliveries().size(), 2u);
  clock_.advance(std::chrono::seconds(11));
  EXPECT_NE(receiver_->redeliver(first.delivery_id).delivery_id, one.delivery_id);
}

TEST_F(ReceiverTest, WhatWasRejectedIsNotRedelivered) {
  const HookAnswer rejected = post("no JSON");
  try {
    receiver_->redeliver(rejected.delivery_id);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConflict);
  }
  try {
    receiver_->redeliver("019a0000-0000-7000-8000-000000000000");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
  }
}

TEST_F(ReceiverTest, SettingsMayBeReplacedWhileRequestsRun) {
  std::atomic<bool> stop = false;
  std::jthread reloader([&] {
    while (!stop) apply();
  });
  std::vector<std::jthread> senders;
  std::atomic<int> good = 0;
  for (int sender = 0; sender < 4; ++sender) {
    senders.emplace_back([&, sender] {
      for (int i = 0; i < 25; ++i) {
        test::PushOptions push;
        push.push_id = 1000 + sender * 100 + i;
        push.notification_id = push.push_id;
        if (post(make_push_payload(push)).outcome == store::Outcome::kTriggered) ++good;
      }
    });
  }
  senders.clear();
  stop = true;
  EXPECT_EQ(good, 100);
}

TEST_F(ReceiverTest, WhatNeedsTheChangedPathsIsStoredAndWaits) {
  hooks::WebhookDefinition definition = make_webhook("routes", "main")->definition();
  definition.target_pipeline.clear();
  definition.path_rules.routes = {{.paths = {"{name}/**"}, .target_pipeline = "{name}"}};
  settings_.webhooks.push_back({std::make_shared<const hooks::Webhook>(definition), std::nullopt, {}});
  apply();
  const HookAnswer answer = post(make_push_payload());
  EXPECT_EQ(answer.outcome, store::Outcome::kTriggered);
  EXPECT_EQ(answer.matched, std::vector<std::string>{"main"});
  EXPECT_EQ(answer.reason, "1 webhook matched; 1 waits for the changed paths");
  const auto triggers = store_->find_delivery(answer.delivery_id)->triggers;
  ASSERT_EQ(triggers.size(), 2u);
  EXPECT_FALSE(triggers[0].awaits_paths);
  EXPECT_TRUE(triggers[1].awaits_paths);
  EXPECT_EQ(triggers[1].pipeline, "");
  EXPECT_TRUE(woken());
}

}  // namespace
}  // namespace penstock::intake
