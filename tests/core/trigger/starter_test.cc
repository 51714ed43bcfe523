#include "core/trigger/starter.h"

#include <atomic>
#include <condition_variable>

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

// CodePipeline as a function: (operation, input) -> answer. Keeps the executions by token, as the service does.
class ScriptedCodePipeline final : public http::HttpTransport {
 public:
  using Script = std::function<std::optional<http::Response>(const std::string& operation, const Json& input)>;

  http::Response send(const http::Request& request) override {
    const std::string target(request.headers.find("X-Amz-Target").value_or(""));
    const std::string operation = target.substr(target.find('.') + 1);
    const Json input = json::parse_json(request.body, "request");
    std::unique_lock lock(mutex_);
    calls_.emplace_back(operation, input);
    changed_.notify_all();
    const Script script = script_;
    lock.unlock();
    if (script) {
      if (auto answer = script(operation, input)) return *answer;
    }
    lock.lock();
    Json answer = Json::object();
    if (operation == "StartPipelineExecution") {
      const std::string token = input.at("clientRequestToken");
      auto [execution, is_new] = executions_.try_emplace(token, make_uuid_v4());
      if (is_new) started_.push_back(input);
      answer["pipelineExecutionId"] = execution->second;
    } else if (operation == "GetPipeline") {
      answer = Json::parse(R"({"pipeline":{"name":"","version":1,"stages":[{"name":"Source","actions":[{"name":"Source",
        "actionTypeId":{"category":"Source","owner":"Custom","provider":"Azure","version":"1"},
        "configuration":{"Branch":"main"}}]}]}})");
      answer["pipeline"]["name"] = input.at("name");
    } else if (operation == "GetPipelineExecution") {
      answer = Json::parse(R"({"pipelineExecution":{"status":"InProgress"}})");
    } else if (operation == "GetPipelineState") {
      answer = Json::parse(R"({"stageStates":[{"stageName":"Source","actionStates":[{"actionName":"Source"}]}]})");
    }
    return http::Response{.status = 200, .headers = {}, .body = answer.dump()};
  }

  void script(Script script) {
    std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }
  std::vector<Json> started() {
    std::lock_guard lock(mutex_);
    return started_;
  }
  int calls(const std::string& operation) {
    std::lock_guard lock(mutex_);
    return static_cast<int>(
        std::count_if(calls_.begin(), calls_.end(), [&](const auto& call) { return call.first == operation; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Script script_;
  std::vector<std::pair<std::string, Json>> calls_;
  std::map<std::string, std::string> executions_;
  std::vector<Json> started_;
};

http::Response failure(int status, const std::string& code) {
  return {.status = status, .headers = {}, .body = R"({"__type":")" + code + R"(","message":"scripted"})"};
}

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

// Fifty times as fast as time: for the pauses of the catalog.
class FastClock final : public Clock {
 public:
  Timestamp now() const override { return system_.now(); }
  std::chrono::steady_clock::time_point steady_now() const override {
    const auto now = std::chrono::steady_clock::now();
    return now + 49 * (now - begin_);
  }

 private:
  const SystemClock system_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

class StarterTest : public ::testing::Test {
 protected:
  StarterTest() {
    store::Store::Options store_options;
    store_options.path = directory_.path() / "history.db";
    store_options.make_request_token = hooks::client_request_token;
    store_ = std::make_unique<store::Store>(store_options, clock_);
    aws::ClientOptions client;
    client.service = "codepipeline";
    client.endpoint = {.url = "http://scripted", .region = "eu-central-1", .custom = true};
    client.max_attempts = 1;
    client_ = std::make_shared<aws::Client>(
        client, aws_,
        std::make_shared<aws::StaticCredentials>(aws::Credentials{"AKIDEXAMPLE", Secret("s"), Secret(), {}}), clock_);
    codepipeline_ = std::make_shared<aws::CodePipelineClient>(client_);
    options_.policy.backoff = {std::chrono::milliseconds(20), std::chrono::milliseconds(50)};
    options_.policy.unanswered_backoff = options_.policy.backoff;
    options_.longest_pause = std::chrono::milliseconds(500);
    options_.unclaimed.timeout = std::chrono::milliseconds(0);
  }
  ~StarterTest() override {
    starter_.reset();
    catalog_.reset();
  }

  void start(const Clock* clock = nullptr) {
    starter_.reset();
    catalog_ = std::make_unique<aws::PipelineCatalog>(aws::PipelineCatalog::Options{}, codepipeline_, catalog_clock_);
    starter_ = std::make_unique<Starter>(
        options_, Starter::Parts{*store_, codepipeline_, client_, *catalog_, wake_, clock != nullptr ? *clock : clock_,
                                 log_, [this](const store::Trigger&) { ++woken_; }});
    starter_->set_gates(std::make_shared<const GateMap>(gates_));
    starter_->set_webhooks(std::make_shared<const WebhookList>(webhooks_));
    starter_->start();
  }

  // Records a push as intake does; returns the ids of its triggers.
  std::vector<std::string> push(const std::vector<std::string>& pipelines, const std::string& commit,
                                bool undecided = false) {
    store::NewDelivery delivery;
    delivery.id = make_uuid_v7(clock_);
    delivery.received_at = clock_.now();
    delivery.endpoint = "e";
    delivery.outcome = store::Outcome::kTriggered;
    test::PushOptions options;
    options.refs = {{.name = "refs/heads/main", .new_id = commit}};
    delivery.body = test::make_push_payload(options);
    const hooks::Event event = hooks::parse_event(delivery.body);
    for (const std::string& pipeline : pipelines) {
      store::NewTrigger trigger;
      trigger.push_key = hooks::push_key(event, event.ref_updates.at(0));
      trigger.webhook = "hook-" + pipeline;
      trigger.pipeline = pipeline;
      trigger.action = "Source";
      trigger.ref = "refs/heads/main";
      trigger.commit_id = commit;
      trigger.undecided = undecided;
      delivery.triggers.push_back(trigger);
    }
    const auto ids = store_->record_delivery(delivery).trigger_ids;
    wake_.notify();
    return ids;
  }

  bool reaches(const std::string& trigger, store::TriggerState state) {
    return eventually([&] { return store_->find_trigger(trigger)->state == state; });
  }

  TemporaryDirectory directory_;
  SystemClock clock_;
  FastClock catalog_clock_;
  telemetry::Log log_ = telemetry::Log::silent();
  Wake wake_;
  std::shared_ptr<ScriptedCodePipeline> aws_ = std::make_shared<ScriptedCodePipeline>();
  std::unique_ptr<store::Store> store_;
  std::shared_ptr<aws::Client> client_;
  std::shared_ptr<aws::CodePipelineClient> codepipeline_;
  std::unique_ptr<aws::PipelineCatalog> catalog_;
  Starter::Options options_;
  WebhookList webhooks_;
  GateMap gates_;
  std::atomic<int> woken_ = 0;
  std::unique_ptr<Starter> starter_;
};

TEST_F(StarterTest, StartsEachPipelineWithTheStoredTokenAndRecordsTheExecution) {
  start();
  const auto ids = push({"a", "b"}, test::make_object_id(1));
  for (const std::string& id : ids) {
    ASSERT_TRUE(reaches(id, store::TriggerState::kStarted));
    const auto trigger = store_->find_trigger(id);
    EXPECT_TRUE(is_uuid(trigger->pipeline_execution_id));
    EXPECT_EQ(store_->find_trigger_of_execution(trigger->pipeline, trigger->pipeline_execution_id)->id, id);
  }
  ASSERT_EQ(aws_->started().size(), 2u);
  EXPECT_TRUE(eventually([&] { return woken_ == 2; }));
}

TEST_F(StarterTest, RetriesWithTheSameTokenUntilItIsTaken) {
  std::atomic<int> failures = 0;
  aws_->script([&](const std::string& operation, const Json&) -> std::optional<http::Response> {
    if (operation != "StartPipelineExecution") return std::nullopt;
    switch (failures++) {
      case 0:
        return failure(400, "ThrottlingException");
      case 1:
        return failure(409, "ConflictException");
      case 2:
        return failure(400, "ConcurrentPipelineExecutionsLimitExceededException");
      case 3:
        return failure(503, "ServiceUnavailable");
      case 4:
        throw Error(ErrorKind::kUnavailable, "connection reset").with_may_have_happened(true);
      default:
        return std::nullopt;
    }
  });
  start();
  const auto ids = push({"a"}, test::make_object_id(1));
  ASSERT_TRUE(reaches(ids[0], store::TriggerState::kStarted));
  EXPECT_EQ(store_->find_trigger(ids[0])->attempts, 6);
  EXPECT_EQ(store_->find_trigger(ids[0])->error, "");
  EXPECT_EQ(aws_->started().size(), 1u);
}

TEST_F(StarterTest, FailsWithTheReasonWhenNothingCanHelp) {
  aws_->script([&](const std::string& operation, const Json& input) -> std::optional<http::Response> {
    if (operation != "StartPipelineExecution") return std::nullopt;
    if (input.at("name") == "gone") return failure(400, "PipelineNotFoundException");
    if (input.at("name") == "denied") return failure(403, "AccessDeniedException");
    return std::nullopt;
  });
  start();
  const auto ids = push({"gone", "denied", "good"}, test::make_object_id(1));
  ASSERT_TRUE(reaches(ids[0], store::TriggerState::kFailed));
  ASSERT_TRUE(reaches(ids[1], store::TriggerState::kFailed));
  ASSERT_TRUE(reaches(ids[2], store::TriggerState::kStarted));
  EXPECT_NE(store_->find_trigger(ids[1])->error.find("codepipeline:StartPipelineExecution"), std::string::npos);
}

TEST_F(StarterTest, PushesOfAPipelineStartInTheOrderOfArrivalAndDoNotHoldOthers) {
  std::atomic<bool> busy = true;
  aws_->script([&](const std::string& operation, const Json& input) -> std::optional<http::Response> {
    if (operation == "StartPipelineExecution" && input.at("name") == "busy" && busy) {
      return failure(409, "ConflictException");
    }
    return std::nullopt;
  });
  start();
  std::vector<std::string> in_order;
  for (int i = 0; i < 5; ++i) in_order.push_back(push({"busy"}, test::make_object_id(100 + i)).at(0));
  const auto other = push({"other"}, test::make_object_id(200));
  ASSERT_TRUE(reaches(other[0], store::TriggerState::kStarted));
  ASSERT_TRUE(eventually([&] { return store_->find_trigger(in_order[0])->attempts > 2; }));
  EXPECT_EQ(store_->find_trigger(in_order[1])->attempts, 0);
  busy = false;
  for (const std::string& id : in_order) ASSERT_TRUE(reaches(id, store::TriggerState::kStarted));
  std::vector<std::string> tokens, expected;
  for (const Json& call : aws_->started()) {
    if (call.at("name") == "busy") tokens.push_back(call.at("clientRequestToken"));
  }
  for (const std::string& id : in_order) expected.push_back(store_->find_trigger(id)->client_request_token);
  EXPECT_EQ(tokens, expected);
}

TEST_F(StarterTest, WhatWasInFlightIsSentAgainAfterACrashAndStartsOnce) {
  // The call is carried out, its answer is lost, and the process ends before it can ask again.
  std::atomic<bool> lose = true;
  options_.policy.unanswered_backoff = {std::chrono::milliseconds(3000), std::chrono::milliseconds(3000)};
  aws_->script([&](const std::string& operation, const Json& input) -> std::optional<http::Response> {
    if (operation == "StartPipelineExecution" && lose.exchange(false)) {
      http::Request again;
      again.headers.add("X-Amz-Target", "CodePipeline_20150709.StartPipelineExecution");
      again.body = input.dump();
      aws_->send(again);
      throw Error(ErrorKind::kUnavailable, "connection reset").with_may_have_happened(true);
    }
    return std::nullopt;
  });
  start();
  const auto ids = push({"a"}, test::make_object_id(1));
  ASSERT_TRUE(eventually([&] { return store_->find_trigger(ids[0])->attempts == 1; }));
  starter_.reset();
  EXPECT_EQ(store_->find_trigger(ids[0])->state, store::TriggerState::kPending);
  start();
  ASSERT_TRUE(reaches(ids[0], store::TriggerState::kStarted));
  EXPECT_EQ(aws_->started().size(), 1u);
}

TEST_F(StarterTest, UndecidedTriggerWaitsForTheConfigurationAndIsThenDecided) {
  std::atomic<bool> exists = false;
  aws_->script([&](const std::string& operation, const Json&) -> std::optional<http::Response> {
    if (operation == "GetPipeline" && !exists) return failure(400, "PipelineNotFoundException");
    return std::nullopt;
  });
  for (const std::string name : {"wanted", "unwanted"}) {
    hooks::WebhookDefinition definition;
    definition.name = "hook-" + name;
    definition.endpoint = "e";
    definition.target_pipeline = name;
    definition.target_action = "Source";
    hooks::FilterDefinition filter;
    filter.json_path = "$.resource.refUpdates..name";
    filter.match_equals = name == "wanted" ? "refs/heads/{Branch}" : "refs/heads/not-{Branch}";
    definition.filters = {filter};
    webhooks_.push_back(std::make_shared<const hooks::Webhook>(definition));
  }
  start();
  const auto ids = push({"wanted", "unwanted", "undefined"}, test::make_object_id(1), true);
  ASSERT_TRUE(reaches(ids[2], store::TriggerState::kSkipped));
  EXPECT_NE(store_->find_trigger(ids[2])->error.find("not defined any more"), std::string::npos);
  ASSERT_TRUE(eventually([&] { return store_->find_trigger(ids[0])->attempts > 0; }));
  EXPECT_EQ(store_->find_trigger(ids[0])->state, store::TriggerState::kPending);
  EXPECT_NE(store_->find_trigger(ids[0])->error.find("waiting for the configuration of pipeline \"wanted\""),
            std::string::npos);
  EXPECT_EQ(aws_->calls("StartPipelineExecution"), 0);
  exists = true;
  ASSERT_TRUE(reaches(ids[0], store::TriggerState::kStarted));
  ASSERT_TRUE(reaches(ids[1], store::TriggerState::kSkipped));
  EXPECT_EQ(aws_->started().size(), 1u);
  EXPECT_TRUE(eventually([&] {
    const std::string decisions = store_->find_delivery(store_->find_trigger(ids[0])->delivery_id)->decisions_json;
    return decisions.find("refs/heads/main") != std::string::npos &&
           decisions.find("refs/heads/not-main") != std::string::npos;
  }));
}

TEST_F(StarterTest, UnclaimedSourceJobIsStoppedUnlessItsExecutionWaits) {
  options_.worked_action_types = {{"Source", "Custom", "Azure", "1"}};
  options_.unclaimed = {.timeout = std::chrono::milliseconds(50),
                        .shortest_look = std::chrono::milliseconds(20),
                        .longest_look = std::chrono::milliseconds(50),
                        .waiting_look = std::chrono::milliseconds(50)};
  std::atomic<bool> waiting = true;
  std::atomic<int> stops = 0;
  std::mutex mutex;
  Json stop_input;
  aws_->script([&](const std::string& operation, const Json& input) -> std::optional<http::Response> {
    if (operation == "GetPipelineState" && waiting) {
      return http::Response{.status = 200, .headers = {}, .body = R"({"stageStates":[{"actionStates":[{"actionName":
        "Source"}],"latestExecution":{"pipelineExecutionId":"another","status":"InProgress"}}]})"};
    }
    if (operation == "StopPipelineExecution") {
      std::lock_guard lock(mutex);
      stop_input = input;
      ++stops;
    }
    return std::nullopt;
  });
  start();
  const auto ids = push({"a"}, test::make_object_id(1));
  ASSERT_TRUE(reaches(ids[0], store::TriggerState::kStarted));
  ASSERT_TRUE(eventually([&] { return aws_->calls("GetPipelineState") >= 3; }));
  EXPECT_EQ(stops, 0);
  waiting = false;
  ASSERT_TRUE(eventually([&] { return stops == 1 && !store_->find_trigger(ids[0])->unclaimed_deadline; }));
  std::lock_guard lock(mutex);
  EXPECT_EQ(stop_input.at("abandon"), true);
  EXPECT_NE(std::string(stop_input.at("reason")).find("no worker claimed"), std::string::npos);
  EXPECT_NE(store_->find_trigger(ids[0])->error.find("stopped and abandoned"), std::string::npos);
}

// Saturday 2026-11-21, 20:00 UTC, and an office in Berlin that opens on Monday.
class CalendarStarterTest : public StarterTest {
 protected:
  CalendarStarterTest() {
    for (const char* name : {"hook-a", "hook-b"}) {
      hooks::WebhookDefinition definition;
      definition.name = name;
      definition.endpoint = "e";
      definition.target_pipeline = name[5];
      definition.target_action = "Source";
      webhooks_.push_back(std::make_shared<const hooks::Webhook>(definition));
    }
    set_gate(Gate::WhenClosed::kPostpone);
  }
  ~CalendarStarterTest() override { starter_.reset(); }

  static constexpr std::chrono::minutes kHour{60};
  void set_gate(Gate::WhenClosed when_closed, std::vector<Closure> holidays = {}) {
    Calendar::Definition definition{.name = "office", .zone = *Zone::find("Europe/Berlin")};
    for (std::size_t day = 0; day < 5; ++day) definition.open[day] = {{8 * kHour, 18 * kHour}};
    definition.holidays = std::move(holidays);
    gates_["hook-a"] = {std::make_shared<const Calendar>(std::move(definition)), when_closed};
  }
  void go_to(Timestamp time) {
    civil_.jump(time - civil_.now());
    wake_.notify();
  }

  const Timestamp saturday_ = *parse_rfc3339("2026-11-21T20:00:00Z");
  const Timestamp monday_ = *parse_rfc3339("2026-11-23T07:00:00Z");
  testing::FakeClock civil_{saturday_};
};

TEST_F(CalendarStarterTest, TheWeekendsPushesStartOnMondayInOrderAcrossARestart) {
  start(&civil_);
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(push({"a"}, test::make_object_id(1 + i)).at(0));
  for (const std::string& id : ids) ASSERT_TRUE(reaches(id, store::TriggerState::kDeferred));
  EXPECT_EQ(store_->find_trigger(ids[0])->error, "closed: Saturday; opens 2026-11-23T08:00+01:00");
  EXPECT_EQ(store_->find_trigger(ids[0])->next_attempt_at, monday_);
  EXPECT_EQ(store_->find_trigger(ids[0])->attempts, 0);

  go_to(monday_ - std::chrono::milliseconds(1));
  start(&civil_);
  const auto other = push({"b"}, test::make_object_id(9));
  ASSERT_TRUE(reaches(other[0], store::TriggerState::kStarted));
  EXPECT_EQ(aws_->started().size(), 1u);
  go_to(monday_);
  for (const std::string& id : ids) ASSERT_TRUE(reaches(id, store::TriggerState::kStarted));
  const auto started = aws_->started();
  ASSERT_EQ(started.size(), 4u);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(started[i + 1].at("clientRequestToken"), store_->find_trigger(ids[i])->client_request_token);
    EXPECT_EQ(store_->find_trigger(ids[i])->error, "");
  }
}

TEST_F(CalendarStarterTest, ADeferredPushHoldsNobodyUp) {
  start(&civil_);
  const auto waits = push({"a"}, test::make_object_id(1));
  ASSERT_TRUE(reaches(waits[0], store::TriggerState::kDeferred));
  // From now on like another webhook of the same pipeline, without a calendar.
  starter_->set_gates(std::make_shared<const GateMap>());
  const auto goes = push({"a"}, test::make_object_id(2));
  ASSERT_TRUE(reaches(goes[0], store::TriggerState::kStarted));
  EXPECT_EQ(store_->find_trigger(waits[0])->state, store::TriggerState::kDeferred);
}

TEST_F(CalendarStarterTest, SkipsWhenTheCalendarSaysSo) {
  set_gate(Gate::WhenClosed::kSkip);
  start(&civil_);
  const auto ids = push({"a"}, test::make_object_id(1));
  ASSERT_TRUE(reaches(ids[0], store::TriggerState::kSkipped));
  EXPECT_EQ(store_->find_trigger(ids[0])->error,
            "closed: Saturday; calendar \"office\" skips what comes while it is closed");
  EXPECT_TRUE(aws_->started().empty());
}

TEST_F(CalendarStarterTest, ReleasedIsStartedAtOnce) {
  start(&civil_);
  const auto ids = push({"a"}, test::make_object_id(1));
  ASSERT_TRUE(reaches(ids[0], store::TriggerState::kDeferred));
  starter_->release(ids[0]);
  ASSERT_TRUE(reaches(ids[0], store::TriggerState::kStarted));
  EXPECT_EQ(aws_->started().size(), 1u);
  EXPECT_THROW(starter_->release(ids[0]), Error);
}

TEST_F(CalendarStarterTest, AnEditedCalendarIsAskedAgainAtTheDueTime) {
  start(&civil_);
  const auto ids = push({"a"}, test::make_object_id(1));
  ASSERT_TRUE(reaches(ids[0], store::TriggerState::kDeferred));
  const Zone berlin = *Zone::find("Europe/Berlin");
  set_gate(Gate::WhenClosed::kPostpone,
           {close_day(berlin, std::chrono::local_days(std::chrono::year(2026) / 11 / 23), "Works outing")});
  starter_->set_gates(std::make_shared<const GateMap>(gates_));
  go_to(monday_);
  ASSERT_TRUE(eventually([&] {
    return store_->find_trigger(ids[0])->error == "closed: holiday \"Works outing\"; opens 2026-11-24T08:00+01:00";
  }));
  EXPECT_EQ(store_->find_trigger(ids[0])->state, store::TriggerState::kDeferred);
  EXPECT_TRUE(aws_->started().empty());
  go_to(monday_ + std::chrono::hours(24));
  ASSERT_TRUE(reaches(ids[0], store::TriggerState::kStarted));
}

TEST_F(CalendarStarterTest, WithoutItsCalendarItStartsAndWithoutItsWebhookNot) {
  start(&civil_);
  const auto calendar_gone = push({"a"}, test::make_object_id(1));
  ASSERT_TRUE(reaches(calendar_gone[0], store::TriggerState::kDeferred));
  starter_->set_gates(std::make_shared<const GateMap>());
  go_to(monday_);
  ASSERT_TRUE(reaches(calendar_gone[0], store::TriggerState::kStarted));

  go_to(saturday_);
  starter_->set_gates(std::make_shared<const GateMap>(gates_));
  const auto webhook_gone = push({"a"}, test::make_object_id(2));
  ASSERT_TRUE(reaches(webhook_gone[0], store::TriggerState::kDeferred));
  starter_->set_webhooks(std::make_shared<const WebhookList>());
  go_to(monday_);
  ASSERT_TRUE(reaches(webhook_gone[0], store::TriggerState::kSkipped));
  EXPECT_EQ(store_->find_trigger(webhook_gone[0])->error, "webhook \"hook-a\" is not defined any more");
}

TEST_F(CalendarStarterTest, ClosingTimeDoesNotComeBetweenTwoAttempts) {
  std::atomic<bool> busy = true;
  aws_->script([&](const std::string& operation, const Json&) -> std::optional<http::Response> {
    if (operation == "StartPipelineExecution" && busy) return failure(400, "ThrottlingException");
    return std::nullopt;
  });
  go_to(*parse_rfc3339("2026-11-20T16:59:59Z"));  // Friday, a second before the end
  start(&civil_);
  const auto ids = push({"a"}, test::make_object_id(1));
  ASSERT_TRUE(eventually([&] { return store_->find_trigger(ids[0])->attempts > 0; }));
  starter_.reset();
  busy = false;
  go_to(*parse_rfc3339("2026-11-20T18:30:00Z"));
  start(&civil_);
  ASSERT_TRUE(reaches(ids[0], store::TriggerState::kStarted));
}

TEST_F(CalendarStarterTest, PatienceWithFailuresBeginsAtTheOpening) {
  aws_->script([&](const std::string& operation, const Json&) -> std::optional<http::Response> {
    if (operation == "StartPipelineExecution") return failure(400, "ThrottlingException");
    return std::nullopt;
  });
  start(&civil_);
  const auto ids = push({"a"}, test::make_object_id(1));
  ASSERT_TRUE(reaches(ids[0], store::TriggerState::kDeferred));
  go_to(*parse_rfc3339("2026-11-30T07:00:00Z"));
  ASSERT_TRUE(eventually([&] { return store_->find_trigger(ids[0])->attempts > 0; }));
  EXPECT_EQ(store_->find_trigger(ids[0])->state, store::TriggerState::kPending);
}

TEST_F(StarterTest, ABacklogEndsAndTheStopIsPrompt) {
  start();
  std::vector<std::string> ids;
  for (int i = 0; i < 60; ++i) {
    ids.push_back(push({"pipeline-" + std::to_string(i % 7)}, test::make_object_id(1000 + i)).at(0));
  }
  for (const std::string& id : ids) ASSERT_TRUE(reaches(id, store::TriggerState::kStarted));
  EXPECT_EQ(aws_->started().size(), 60u);
  const auto begin = std::chrono::steady_clock::now();
  starter_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

}  // namespace
}  // namespace penstock::trigger
