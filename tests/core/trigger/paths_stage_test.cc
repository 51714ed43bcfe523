#include "core/trigger/paths_stage.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/ids.h"
#include "core/hooks/decision.h"
#include "core/hooks/event.h"
#include "core/json/json.h"
#include "tests/support/fake_clock.h"
#include "tests/support/payloads.h"

namespace penstock::trigger {
namespace {

using json::Json;
using store::TriggerState;

hooks::WebhookDefinition ignoring_documents(const std::string& name) {
  hooks::WebhookDefinition definition;
  definition.name = name;
  definition.target_pipeline = "pipeline-of-" + name;
  definition.target_action = "Source";
  definition.path_rules.ignore_paths = {"*.md"};
  return definition;
}
hooks::WebhookDefinition routing(const std::string& name, std::vector<hooks::RouteDefinition> routes) {
  hooks::WebhookDefinition definition;
  definition.name = name;
  definition.target_action = "Source";
  definition.path_rules.routes = std::move(routes);
  return definition;
}

// A comparison that the test scripts.
class Comparer {
 public:
  using Script = std::function<git::PushedPaths(const PathsSource& source, const git::PushedRef& push)>;
  void script(Script script) {
    std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }
  void answer(std::vector<std::string> paths) {
    script([paths](const PathsSource&, const git::PushedRef& push) {
      return git::PushedPaths{.changed = {.paths = paths, .is_complete = true},
                              .basis = git::PushedPaths::Basis::kOldCommit,
                              .base_commit_id = push.old_commit_id,
                              .note = ""};
    });
  }
  void fail(Error error) {
    script([error](const PathsSource&, const git::PushedRef&) -> git::PushedPaths { throw error; });
  }
  git::PushedPaths compare(const PathsSource& source, const git::PushedRef& push) {
    Script script;
    {
      std::lock_guard lock(mutex_);
      ++calls_;
      script = script_;
    }
    return script(source, push);
  }
  int calls() {
    std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  std::mutex mutex_;
  Script script_;
  int calls_ = 0;
};

class PathsStageTest : public ::testing::Test {
 protected:
  PathsStageTest() {
    store::Store::Options options;
    options.path = folder_.path() / "history.db";
    options.make_request_token = hooks::client_request_token;
    store_ = std::make_unique<store::Store>(options, clock_);
    sources_.set(std::make_shared<const PathsSources::Settings>(PathsSources::Settings{
        .webhooks = {}, .workers = {{{"Source", "Custom", "Azure", "1"}, {"https://git.example.com/shop", {"pat"}}}}}));
  }

  void define(std::vector<hooks::WebhookDefinition> definitions) {
    auto webhooks = std::make_shared<WebhookList>();
    for (auto& definition : definitions) webhooks->push_back(std::make_shared<const hooks::Webhook>(definition));
    settings_.webhooks = webhooks;
    if (stage_) stage_->set(std::make_shared<const PathsStage::Settings>(settings_));
  }

  void start() {
    stage_.reset();
    stage_ = std::make_unique<PathsStage>(
        options_, PathsStage::Parts{.store = *store_,
                                    .sources = sources_,
                                    .compare = [this](const PathsSource& source,
                                                      git::PushedRef push) { return comparer_.compare(source, push); },
                                    .settled = settled_,
                                    .clock = clock_,
                                    .log = log_});
    stage_->set(std::make_shared<const PathsStage::Settings>(settings_));
    stage_->start();
  }

  // As intake does it: the delivery with the triggers of all webhooks. Returns its id.
  std::string push(std::uint64_t seed = 2, const std::string& ref = "refs/heads/main") {
    store::NewDelivery delivery;
    delivery.id = make_uuid_v7(clock_);
    delivery.received_at = clock_.now();
    delivery.endpoint = "e";
    delivery.outcome = store::Outcome::kTriggered;
    delivery.repository_id = "shop";
    test::PushOptions payload;
    payload.refs = {{.name = ref, .old_id = test::make_object_id(1), .new_id = test::make_object_id(seed)}};
    delivery.body = test::make_push_payload(payload);
    const hooks::Event event = hooks::parse_event(delivery.body);
    std::vector<const hooks::Webhook*> webhooks;
    for (const auto& webhook : *settings_.webhooks) webhooks.push_back(webhook.get());
    const auto decisions = hooks::decide(event, webhooks, nullptr);
    for (const hooks::Decision& decision : decisions) {
      EXPECT_EQ(decision.verdict, hooks::Verdict::kWaitingForPaths) << decision.reason;
      store::NewTrigger trigger;
      trigger.push_key = decision.push_key;
      trigger.webhook = decision.webhook;
      trigger.pipeline = decision.target_pipeline;
      trigger.action = "Source";
      trigger.ref = decision.ref;
      trigger.commit_id = decision.commit_id;
      trigger.awaits_paths = true;
      delivery.triggers.push_back(std::move(trigger));
    }
    const auto ids = store_->record_delivery(delivery).trigger_ids;
    EXPECT_EQ(ids.size(), webhooks.size());
    if (stage_) stage_->wake();
    return delivery.id;
  }

  bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  std::vector<store::Trigger> triggers(const std::string& delivery) {
    return store_->find_delivery(delivery)->triggers;
  }
  bool settles(const std::string& delivery) {
    return eventually([&] {
      const auto all = triggers(delivery);
      return std::none_of(all.begin(), all.end(), [](const store::Trigger& trigger) {
        return trigger.awaits_paths && trigger.state == TriggerState::kPending;
      });
    });
  }
  Json decisions(const std::string& delivery) {
    return json::parse_json(store_->find_delivery(delivery)->decisions_json, "decisions");
  }

  TemporaryDirectory folder_;
  testing::FakeClock clock_;
  const telemetry::Log log_ = telemetry::Log::silent();
  std::unique_ptr<store::Store> store_;
  PathsSources sources_{[](const std::string& name) -> aws::PipelineDescription {
    throw Error(ErrorKind::kNotFound, "there is no pipeline " + name);
  }};
  Comparer comparer_;
  Wake settled_;
  PathsStage::Options options_;
  PathsStage::Settings settings_;
  std::unique_ptr<PathsStage> stage_;
};

TEST_F(PathsStageTest, OneComparisonServesAllWebhooksAndRoutesOfAPush) {
  std::vector<hooks::RouteDefinition> routes;
  for (int i = 0; i < 200; ++i)
    routes.push_back({.paths = {"services/s" + std::to_string(i) + "/**"}, .target_pipeline = "s" + std::to_string(i)});
  define({ignoring_documents("a"), ignoring_documents("b"), routing("many", std::move(routes))});
  comparer_.answer({"services/s7/x", "services/s9/y", "readme.md"});
  start();
  const std::string delivery = push();
  ASSERT_TRUE(settles(delivery));
  EXPECT_EQ(comparer_.calls(), 1);
  std::map<std::string, TriggerState> states;
  for (const store::Trigger& trigger : triggers(delivery)) states[trigger.pipeline] = trigger.state;
  EXPECT_EQ(states, (std::map<std::string, TriggerState>{{"pipeline-of-a", TriggerState::kPending},
                                                         {"pipeline-of-b", TriggerState::kPending},
                                                         {"", TriggerState::kSkipped},
                                                         {"s7", TriggerState::kPending},
                                                         {"s9", TriggerState::kPending}}));
  EXPECT_EQ(store_->find_delivery(delivery)->reason, "3 webhooks matched");
  EXPECT_TRUE(settled_.wait_for({}, std::chrono::milliseconds(0)));
  EXPECT_TRUE(eventually([&] { return stage_->waiting().count == 0; }));
}

TEST_F(PathsStageTest, FilesThatDoNotCountStartNothingAndTheHistorySaysSo) {
  define({ignoring_documents("a")});
  comparer_.answer({"readme.md"});
  start();
  const std::string delivery = push();
  ASSERT_TRUE(settles(delivery));
  const std::string sentence = "of 1 changed file none counts: 1 ignored (\"readme.md\" by ignorePaths[0] \"*.md\")";
  EXPECT_EQ(triggers(delivery).at(0).state, TriggerState::kSkipped);
  EXPECT_EQ(triggers(delivery).at(0).error, sentence);
  const Json decision = decisions(delivery).at(0);
  EXPECT_EQ(decision.at("matched"), false);
  EXPECT_EQ(decision.at("reason"), sentence);
  EXPECT_EQ(decision.at("changedPaths").at("ignored"), 1);
  EXPECT_EQ(decision.at("changedPaths").at("baseCommitId"), test::make_object_id(1));
  EXPECT_EQ(store_->find_delivery(delivery)->outcome, store::Outcome::kFiltered);
  EXPECT_EQ(store_->find_delivery(delivery)->reason, "no webhook matched: " + sentence);
}

TEST_F(PathsStageTest, AFailureIsTriedAgainAndTheTriggerSaysWhatItWaitsFor) {
  define({ignoring_documents("a"), ignoring_documents("b")});
  comparer_.fail(Error(ErrorKind::kUnavailable, "fetching: the server is down"));
  start();
  const std::string delivery = push();
  ASSERT_TRUE(eventually([&] { return triggers(delivery).at(1).attempts == 1; }));
  for (const store::Trigger& trigger : triggers(delivery)) {
    EXPECT_EQ(trigger.state, TriggerState::kPending);
    EXPECT_EQ(trigger.error, "waiting for the changed paths: fetching: the server is down");
    EXPECT_GT(*trigger.next_attempt_at, clock_.now());
  }
  EXPECT_EQ(stage_->waiting().count, 2u);
  EXPECT_EQ(stage_->waiting().oldest, clock_.now());
  const int calls = comparer_.calls();
  comparer_.answer({"a.c"});
  stage_->wake();
  clock_.advance(std::chrono::minutes(6));
  stage_->wake();
  ASSERT_TRUE(settles(delivery));
  EXPECT_EQ(comparer_.calls(), calls + 1);
  EXPECT_EQ(triggers(delivery).at(0).error, "");
  EXPECT_EQ(triggers(delivery).at(0).attempts, 0);
}

TEST_F(PathsStageTest, AfterTheTimeOutItStartsOrFailsAsConfigured) {
  for (const auto when : {PathsPolicy::WhenUnknown::kStart, PathsPolicy::WhenUnknown::kFail}) {
    settings_.policy.when_unknown = when;
    define({ignoring_documents("a"), routing("r", {{{"x/**"}, "fixed"}, {{"{n}/**"}, "p-{n}"}}),
            routing("t", {{{"{n}/**"}, "p-{n}"}})});
    comparer_.fail(Error(ErrorKind::kUnauthenticated, "the credential was refused"));
    start();
    const std::string delivery = push(when == PathsPolicy::WhenUnknown::kStart ? 3 : 4);
    ASSERT_TRUE(eventually([&] { return triggers(delivery).at(2).attempts == 1; }));
    clock_.advance(std::chrono::minutes(31));
    stage_->wake();
    ASSERT_TRUE(settles(delivery));
    std::map<std::string, TriggerState> states;
    std::map<std::string, std::string> words;
    for (const store::Trigger& trigger : triggers(delivery)) {
      states[trigger.webhook + "/" + trigger.pipeline] = trigger.state;
      words[trigger.webhook + "/" + trigger.pipeline] = trigger.note.empty() ? trigger.error : trigger.note;
    }
    const std::string cause = "the changed paths are not known after 31 minutes: the credential was refused";
    EXPECT_EQ(states["t/"], TriggerState::kFailed);
    EXPECT_TRUE(words["t/"].starts_with(cause)) << words["t/"];
    if (when == PathsPolicy::WhenUnknown::kStart) {
      EXPECT_EQ(states["a/pipeline-of-a"], TriggerState::kPending);
      EXPECT_EQ(words["a/pipeline-of-a"], "started although " + cause);
      EXPECT_EQ(states["r/fixed"], TriggerState::kPending);
      EXPECT_EQ(words["r/fixed"], "started although " + cause +
                                      "; 1 route starts nothing, as the pipeline's name comes out of the changed path");
    } else {
      EXPECT_EQ(states["a/pipeline-of-a"], TriggerState::kFailed);
      EXPECT_EQ(states["r/"], TriggerState::kFailed);
    }
    EXPECT_EQ(decisions(delivery).at(0).at("changedPaths").at("basis"), "unknown");
  }
}

TEST_F(PathsStageTest, AReloadGivesWhatWaitsOneMoreTry) {
  define({ignoring_documents("a")});
  comparer_.fail(Error(ErrorKind::kConfiguration, "the address is wrong"));
  start();
  std::vector<std::string> deliveries;
  for (std::uint64_t i = 20; i < 28; ++i) deliveries.push_back(push(i));
  const auto all_tried = [&](int attempts) {
    return eventually([&] {
      return std::all_of(deliveries.begin(), deliveries.end(),
                         [&](const std::string& id) { return triggers(id).at(0).attempts == attempts; });
    });
  };
  ASSERT_TRUE(all_tried(1));
  stage_->set(std::make_shared<const PathsStage::Settings>(settings_));
  ASSERT_TRUE(all_tried(2));
  const int calls = comparer_.calls();
  push(29);
  ASSERT_TRUE(eventually([&] { return comparer_.calls() == calls + 1; }));
  EXPECT_TRUE(all_tried(2));
}

TEST_F(PathsStageTest, PatternsThatAskForTooMuchAreNotTriedAgain) {
  settings_.policy.when_unknown = PathsPolicy::WhenUnknown::kFail;
  define({ignoring_documents("a")});
  comparer_.fail(Error(ErrorKind::kInvalidInput, "reading a tree: it is malformed"));
  start();
  const std::string delivery = push();
  ASSERT_TRUE(settles(delivery));
  EXPECT_EQ(comparer_.calls(), 1);
  EXPECT_EQ(triggers(delivery).at(0).state, TriggerState::kFailed);
}

TEST_F(PathsStageTest, AReloadWhileComparingCounts) {
  define({ignoring_documents("a"), ignoring_documents("gone")});
  std::promise<void> begun, go_on;
  comparer_.script([&](const PathsSource&, const git::PushedRef&) {
    begun.set_value();
    go_on.get_future().wait();
    return git::PushedPaths{
        .changed = {.paths = {"a.md"}, .is_complete = true}, .basis = {}, .base_commit_id = "", .note = ""};
  });
  start();
  const std::string delivery = push();
  begun.get_future().wait();
  hooks::WebhookDefinition other = ignoring_documents("a");
  other.path_rules.ignore_paths = {"*.txt"};
  define({other});
  go_on.set_value();
  ASSERT_TRUE(settles(delivery));
  EXPECT_EQ(triggers(delivery).at(0).state, TriggerState::kPending);
  EXPECT_EQ(triggers(delivery).at(1).error, "webhook \"gone\" is not defined any more");
}

TEST_F(PathsStageTest, WhatIsUnderWayWhenItStopsWaitsOnAndIsDoneByTheNext) {
  define({ignoring_documents("a")});
  std::atomic<bool> begun = false;
  comparer_.script([&](const PathsSource&, const git::PushedRef& push) -> git::PushedPaths {
    begun = true;
    Wake none;
    none.wait_for(push.fetch.stop, std::chrono::minutes(1));
    throw Error(ErrorKind::kCancelled, "fetching: it was stopped");
  });
  start();
  const std::string delivery = push();
  ASSERT_TRUE(eventually([&] { return begun.load(); }));
  stage_.reset();
  EXPECT_EQ(triggers(delivery).at(0).attempts, 0);
  EXPECT_TRUE(triggers(delivery).at(0).awaits_paths);
  comparer_.answer({"a.c"});
  start();
  EXPECT_TRUE(settles(delivery));
}

TEST_F(PathsStageTest, ATagIsJudgedByAllItsFiles) {
  define({routing("r", {{{"x/**"}, "fixed"}})});
  comparer_.script([&](const PathsSource& source, const git::PushedRef& push) {
    EXPECT_EQ(source.remote, "https://git.example.com/shop");
    EXPECT_EQ(push.old_commit_id, "");
    EXPECT_EQ(push.new_ref, git::PushedRef::NewRef::kAllFiles);
    EXPECT_EQ(push.fetch.ref, "refs/tags/v1");
    return git::PushedPaths{.changed = {.paths = {"x/a"}, .is_complete = true},
                            .basis = git::PushedPaths::Basis::kAllFiles,
                            .base_commit_id = "",
                            .note = "new"};
  });
  start();
  const std::string delivery = push(5, "refs/tags/v1");
  ASSERT_TRUE(settles(delivery));
  EXPECT_EQ(triggers(delivery).at(1).pipeline, "fixed");
}

TEST_F(PathsStageTest, PushesOfOneRepositoryLeaveRoomForOthers) {
  options_.concurrency = 3;
  options_.per_repository = 1;
  define({ignoring_documents("a")});
  std::mutex mutex;
  int under_way = 0, most = 0;
  comparer_.script([&](const PathsSource&, const git::PushedRef&) {
    {
      std::lock_guard lock(mutex);
      most = std::max(most, ++under_way);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::lock_guard lock(mutex);
    --under_way;
    return git::PushedPaths{
        .changed = {.paths = {"a.c"}, .is_complete = true}, .basis = {}, .base_commit_id = "", .note = ""};
  });
  std::vector<std::string> deliveries;
  for (std::uint64_t i = 10; i < 16; ++i) deliveries.push_back(push(i));
  start();
  for (const std::string& delivery : deliveries) EXPECT_TRUE(settles(delivery));
  EXPECT_EQ(most, 1);
}

}  // namespace
}  // namespace penstock::trigger
