// What one push costs between the listener and the store, and what more webhooks add to it. The processor time is this
// thread's: the store's writer has its own. Compare "receive/300" with "receive/20".
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/base/digest.h"
#include "core/base/files.h"
#include "core/base/wake.h"
#include "core/hooks/decision_plan.h"
#include "core/hooks/evidence.h"
#include "core/intake/receiver.h"
#include "core/store/store.h"
#include "tests/support/payloads.h"

namespace penstock {
namespace {

constexpr std::size_t kPayloadBytes = 4'096;

std::string make_push(std::int64_t number) {
  test::PushOptions options;
  options.push_id = number;
  options.notification_id = number;
  const auto bare = test::make_push_payload(options).size();
  options.padding = bare < kPayloadBytes ? kPayloadBytes - bare : 0;
  return test::make_push_payload(options);
}

// Of `count` webhooks the first matches the push; each looks at its own repository and branch.
std::vector<std::shared_ptr<const hooks::Webhook>> make_webhooks(std::int64_t count) {
  std::vector<std::shared_ptr<const hooks::Webhook>> webhooks;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto number = std::to_string(i);
    hooks::WebhookDefinition definition;
    definition.name = "service-" + number;
    definition.endpoint = "azure-devops";
    definition.target_pipeline = "service-" + number;
    definition.target_action = "Source";
    definition.filters = {
        {.json_path = "$.eventType", .match_equals = "git.push"},
        {.json_path = "$.resource.repository.name", .match_equals = i == 0 ? "shop" : "shop-" + number}};
    if (i % 2 == 0) {
      definition.filters.push_back({.json_path = "$.resource.refUpdates..name",
                                    .match_equals = i % 4 == 0 ? "refs/heads/main" : "refs/heads/release"});
    } else {
      definition.filters.push_back({.json_path = "$.resource.refUpdates[0].name", .match_glob = "refs/heads/*"});
    }
    definition.variables = {{"COMMIT", "$.resource.refUpdates[0].newObjectId"}};
    webhooks.push_back(std::make_shared<const hooks::Webhook>(std::move(definition)));
  }
  return webhooks;
}

intake::HookRequest make_request(std::string body) {
  intake::HookRequest request;
  request.endpoint = "azure-devops";
  request.remote = *hooks::IpAddress::parse("20.37.158.7");
  request.headers = {{"Host", "hooks.example.com"},
                     {"User-Agent", "VSServices/19.225.34228.2 (w3wp.exe)"},
                     {"Accept-Encoding", "gzip, deflate"},
                     {"Content-Type", "application/json; charset=utf-8"},
                     {"Content-Length", std::to_string(body.size())},
                     {"Connection", "keep-alive"},
                     {"Authorization", "Basic " + to_base64("azure:the password")}};
  request.body = std::move(body);
  request.request_id = "0190a1b2-0000-7000-8000-000000000000";
  return request;
}

void judge(benchmark::State& state) {
  const auto webhooks = make_webhooks(state.range(0));
  std::vector<const hooks::Webhook*> pointers;
  for (const auto& webhook : webhooks) pointers.push_back(webhook.get());
  const hooks::DecisionPlan plan(pointers);
  const auto event = hooks::parse_event(make_push(1));
  std::size_t bytes = 0;
  for (auto _ : state) {
    const auto evidence = hooks::encode_evidence(plan.judge(event, nullptr));
    bytes = evidence.size();
    benchmark::DoNotOptimize(evidence.data());
  }
  state.counters["evidence_bytes"] = static_cast<double>(bytes);
}
BENCHMARK(judge)->Arg(20)->Arg(300)->Unit(benchmark::kMicrosecond);

void decide_every_webhook(benchmark::State& state) {
  const auto webhooks = make_webhooks(state.range(0));
  std::vector<const hooks::Webhook*> pointers;
  for (const auto& webhook : webhooks) pointers.push_back(webhook.get());
  const auto event = hooks::parse_event(make_push(1));
  for (auto _ : state) {
    const auto decisions = hooks::decisions_to_json(hooks::decide(event, pointers, nullptr));
    benchmark::DoNotOptimize(decisions.data());
  }
}
BENCHMARK(decide_every_webhook)->Arg(20)->Arg(300)->Unit(benchmark::kMicrosecond);

void expand(benchmark::State& state) {
  const auto webhooks = make_webhooks(state.range(0));
  std::vector<const hooks::Webhook*> pointers;
  for (const auto& webhook : webhooks) pointers.push_back(webhook.get());
  const hooks::DecisionPlan plan(pointers);
  const auto set = hooks::to_json(plan.set());
  const auto evidence = hooks::encode_evidence(plan.judge(hooks::parse_event(make_push(1)), nullptr));
  for (auto _ : state) benchmark::DoNotOptimize(hooks::expand_decisions(set, evidence).size());
}
BENCHMARK(expand)->Arg(20)->Arg(300)->Unit(benchmark::kMicrosecond);

void parse(benchmark::State& state) {
  const auto body = make_push(1);
  for (auto _ : state) benchmark::DoNotOptimize(hooks::parse_event(body).event_type.size());
}
BENCHMARK(parse)->Unit(benchmark::kMicrosecond);

void hash_body(benchmark::State& state) {
  const auto body = make_push(1);
  for (auto _ : state) benchmark::DoNotOptimize(sha256_hex(body).size());
}
BENCHMARK(hash_body)->Unit(benchmark::kMicrosecond);

void receive(benchmark::State& state) {
  constexpr std::int64_t kBatch = 512;
  TemporaryDirectory directory;
  const SystemClock clock;
  const auto log = telemetry::Log::silent();
  Wake wake;
  store::Store::Options options;
  options.path = directory.path() / "history.db";
  options.max_waiting = 2 * kBatch;
  options.make_request_token = hooks::client_request_token;
  store::Store store(options, clock);
  telemetry::Metrics metrics;
  intake::Receiver receiver({}, store, nullptr, wake, clock, log, metrics);
  auto settings = std::make_shared<intake::IntakeSettings>();
  settings->endpoints["azure-devops"].basic.push_back({"azure", Secret("the password")});
  for (const auto& webhook : make_webhooks(state.range(0))) settings->webhooks.push_back({webhook, std::nullopt, {}});
  receiver.set_settings(settings);

  std::int64_t number = 0;
  std::atomic<std::int64_t> answered = 0, bad = 0;
  std::vector<intake::HookRequest> requests;
  const auto refill = [&] {
    while (answered < number) std::this_thread::yield();
    requests.clear();
    for (std::int64_t i = 0; i < kBatch; ++i) requests.push_back(make_request(make_push(++number)));
    number -= kBatch;
  };
  for (auto _ : state) {
    if (number % kBatch == 0) {
      state.PauseTiming();
      refill();
      state.ResumeTiming();
    }
    receiver.receive(std::move(requests[static_cast<std::size_t>(number++ % kBatch)]), [&](intake::HookAnswer answer) {
      if (answer.status != 200 || answer.matched.size() != 1) ++bad;
      ++answered;
    });
  }
  while (answered < number) std::this_thread::yield();
  if (bad > 0) state.SkipWithError("some pushes were not stored");
}
BENCHMARK(receive)->Arg(20)->Arg(300)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace penstock

BENCHMARK_MAIN();
