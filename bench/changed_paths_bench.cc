// What a large push costs between its arrival and the list of pipelines to start: 20,000 changed of 100,000 files, in a
// mirror that has both commits, and 200 routes. "push_to_pipelines" is comparing and judging, "trigger_to_decision" all
// of it, from the trigger that is stored with its delivery to the triggers of 200 pipelines on disk, through the
// trigger stage; both tell the share of the comparison.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/base/files.h"
#include "core/base/ids.h"
#include "core/base/process.h"
#include "core/base/text.h"
#include "core/git/changed_paths.h"
#include "core/hooks/decision_plan.h"
#include "core/hooks/path_filter.h"
#include "core/store/store.h"
#include "core/trigger/paths_stage.h"

namespace penstock {
namespace {

constexpr int kServices = 200, kFolders = 10, kFiles = 50, kChangedEvery = 5;

// A repository with two commits and a mirror that holds them.
class Fixture {
 public:
  static Fixture& get() {
    static Fixture fixture;
    return fixture;
  }

  git::PushedRef push(const std::string& old_id) const {
    git::PushedRef push;
    push.fetch.remote = "file://" + origin_.native();
    push.fetch.commit_id = second_;
    push.fetch.ref = "refs/heads/main";
    push.old_commit_id = old_id;
    return push;
  }
  std::vector<std::string> changed() { return git::load_changed_paths(mirrors_, push(first_)).changed.paths; }
  git::Mirrors& mirrors() { return mirrors_; }
  const std::string& first() const { return first_; }

 private:
  Fixture() {
    git({"init", "--quiet", "--bare", "--initial-branch=main", origin_.native()});
    first_ = commit(1, "");
    second_ = commit(kChangedEvery, first_);
    git({"-C", origin_.native(), "gc", "--quiet"});
    changed();
  }

  std::string git(std::vector<std::string> arguments, const std::string& input = "") const {
    ProcessOptions process;
    process.argv = std::move(arguments);
    process.argv.insert(process.argv.begin(), "git");
    process.standard_input = input;
    process.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"GIT_CONFIG_NOSYSTEM", "1"}};
    process.timeout = std::chrono::minutes(5);
    const ProcessResult result = run_process(process);
    if (!result.succeeded()) throw std::runtime_error("git: " + result.standard_error);
    return std::string(trim(result.standard_output));
  }

  // Writes each n-th file with this commit's content.
  std::string commit(int every, const std::string& parent) const {
    std::string stream = "commit refs/heads/main\ncommitter A <a@example.com> 1767323046 +0000\ndata 1\nx\n";
    if (!parent.empty()) stream += "from " + parent + "\n";
    int number = 0;
    for (int service = 0; service < kServices; ++service) {
      for (int folder = 0; folder < kFolders; ++folder) {
        for (int file = 0; file < kFiles; ++file) {
          if (number++ % every != 0) continue;
          const std::string content = parent + " " + std::to_string(number);
          stream += "M 100644 inline services/s" + std::to_string(service) + "/src/package" + std::to_string(folder) +
                    "/File" + std::to_string(file) + ".java\ndata " + std::to_string(content.size()) + "\n" + content +
                    "\n";
        }
      }
    }
    git({"-C", origin_.native(), "fast-import", "--quiet"}, stream);
    return git({"-C", origin_.native(), "rev-parse", "refs/heads/main"});
  }

  TemporaryDirectory folder_;
  std::filesystem::path origin_ = folder_.path() / "origin.git";
  git::Mirrors mirrors_{{.directory = folder_.path() / "mirrors", .allow_file_protocol = true}};
  std::string first_, second_;
};

enum class Kind { kFixed, kTemplated, kAnywhere };

// Definitions in which each push is looked at by 200 routes, none of them in vain.
hooks::PathRulesDefinition define_rules(Kind kind) {
  hooks::PathRulesDefinition rules;
  rules.ignore_paths = {"**.md", "docs/**"};
  if (kind == Kind::kTemplated) rules.routes.push_back({{"services/{service}/**"}, "shop-{service}"});
  for (int i = 0; i < kServices; ++i) {
    const std::string name = "s" + std::to_string(i);
    switch (kind) {
      case Kind::kFixed:
        rules.routes.push_back({{"services/" + name + "/**", "libs/" + name + "/**/*.java"}, "shop-" + name});
        break;
      case Kind::kTemplated:
        rules.routes.push_back({{"services/" + name + "/{module}/**/*.java"}, "shop-" + name + "-{module}"});
        break;
      case Kind::kAnywhere:
        rules.routes.push_back({{"**/" + name + "/**/File*.{java,kt}"}, "shop-" + name});
        break;
    }
  }
  return rules;
}
hooks::PathRules make_rules(Kind kind) {
  return hooks::PathRules(define_rules(kind));
}

std::size_t count_pipelines(const hooks::PathRules& rules, const std::vector<std::string>& paths) {
  return rules.judge_files("refs/heads/main", {.paths = paths}).pipelines.size();
}

void compare_commits(benchmark::State& state) {
  Fixture& fixture = Fixture::get();
  std::size_t count = 0;
  for (auto _ : state) count = fixture.changed().size();
  state.counters["paths"] = static_cast<double>(count);
}
BENCHMARK(compare_commits)->Unit(benchmark::kMillisecond);

void list_all_files(benchmark::State& state) {
  Fixture& fixture = Fixture::get();
  git::PushedRef push = fixture.push("");
  push.new_ref = git::PushedRef::NewRef::kAllFiles;
  std::size_t count = 0;
  for (auto _ : state) count = git::load_changed_paths(fixture.mirrors(), push).changed.paths.size();
  state.counters["paths"] = static_cast<double>(count);
}
BENCHMARK(list_all_files)->Unit(benchmark::kMillisecond);

void judge_files(benchmark::State& state) {
  const auto paths = Fixture::get().changed();
  const auto rules = make_rules(static_cast<Kind>(state.range(0)));
  std::size_t count = 0;
  for (auto _ : state) count = count_pipelines(rules, paths);
  state.counters["pipelines"] = static_cast<double>(count);
}
BENCHMARK(judge_files)->ArgName("kind")->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);

void push_to_pipelines(benchmark::State& state) {
  using std::chrono::steady_clock;
  Fixture& fixture = Fixture::get();
  const auto rules = make_rules(static_cast<Kind>(state.range(0)));
  steady_clock::duration comparing{}, all{};
  std::size_t count = 0;
  for (auto _ : state) {
    const auto begin = steady_clock::now();
    const auto paths = fixture.changed();
    comparing += steady_clock::now() - begin;
    count = count_pipelines(rules, paths);
    all += steady_clock::now() - begin;
  }
  if (count != kServices + (state.range(0) == 1 ? kServices : 0)) state.SkipWithError("not every pipeline was found");
  state.counters["comparing_share"] =
      static_cast<double>(comparing.count()) / static_cast<double>(std::max<steady_clock::rep>(1, all.count()));
}
BENCHMARK(push_to_pipelines)->ArgName("kind")->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);

// A history and the trigger stage on it, for one webhook with routes.
class Stage {
 public:
  Stage(Fixture& fixture, Kind kind) : fixture_(fixture), webhook_(define(kind)), plan_({&webhook_}) {
    auto set = std::make_shared<store::WebhookSet>();
    set->content = hooks::to_json(plan_.set());
    set->id = hooks::webhook_set_id(set->content);
    set_ = std::move(set);
    sources_.set(std::make_shared<const trigger::PathsSources::Settings>(
        trigger::PathsSources::Settings{.webhooks = {{"w", {fixture.push("").fetch.remote, {}}}}, .workers = {}}));
    auto settings = std::make_shared<trigger::PathsStage::Settings>();
    settings->webhooks = std::make_shared<const trigger::WebhookList>(
        trigger::WebhookList{std::make_shared<const hooks::Webhook>(define(kind))});
    stage_.set(settings);
    stage_.start();
  }

  // Returns how long it takes from the stored trigger to the stored decision.
  std::chrono::steady_clock::duration decide_push() {
    store::NewDelivery delivery;
    delivery.id = make_uuid_v7(clock_);
    delivery.received_at = clock_.now();
    delivery.endpoint = "e";
    delivery.outcome = store::Outcome::kTriggered;
    delivery.repository_id = "r";
    delivery.body = R"({"eventType":"git.push","id":"x","publisherId":"tfs","resource":{"refUpdates":[{"name":)"
                    R"("refs/heads/main","oldObjectId":")" +
                    fixture_.first() + R"(","newObjectId":")" + fixture_.push("").fetch.commit_id +
                    R"("}],"repository":{"id":"r","name":"r"},"pushId":)" + std::to_string(++pushes_) + "}}";
    const hooks::Evidence evidence = plan_.judge(hooks::parse_event(delivery.body), nullptr);
    delivery.webhook_set = set_;
    delivery.evidence = hooks::encode_evidence(evidence);
    const hooks::Decision& decision = evidence.subjects.at(0).told.at(0).decision;
    store::NewTrigger trigger;
    trigger.push_key = decision.push_key;
    trigger.webhook = decision.webhook;
    trigger.action = "Source";
    trigger.ref = decision.ref;
    trigger.commit_id = decision.commit_id;
    trigger.awaits_paths = true;
    delivery.triggers.push_back(trigger);
    store_.record_delivery(delivery);
    const auto begin = std::chrono::steady_clock::now();
    stage_.wake();
    settled_.wait_for({}, std::chrono::minutes(1));
    const auto took = std::chrono::steady_clock::now() - begin;
    pipelines_ = store_.find_delivery(delivery.id)->triggers.size() - 1;
    return took;
  }
  std::size_t pipelines() const { return pipelines_; }
  std::chrono::nanoseconds comparing() const { return std::chrono::nanoseconds(comparing_.load()); }

 private:
  static hooks::WebhookDefinition define(Kind kind) {
    hooks::WebhookDefinition definition;
    definition.name = "w";
    definition.target_action = "Source";
    definition.path_rules = define_rules(kind);
    return definition;
  }
  store::Store::Options store_options() const {
    store::Store::Options options;
    options.path = folder_.path() / "history.db";
    options.make_request_token = hooks::client_request_token;
    options.expand_decisions = hooks::expand_decisions;
    return options;
  }

  Fixture& fixture_;
  const TemporaryDirectory folder_;
  const SystemClock clock_;
  const telemetry::Log log_ = telemetry::Log::silent();
  const hooks::Webhook webhook_;
  const hooks::DecisionPlan plan_;
  std::shared_ptr<const store::WebhookSet> set_;
  store::Store store_{store_options(), clock_};
  trigger::PathsSources sources_{[](const std::string& name) { return aws::PipelineDescription{.name = name}; }};
  Wake settled_;
  std::atomic<std::int64_t> comparing_ = 0;
  trigger::PathsStage stage_{{},
                             {.store = store_,
                              .sources = sources_,
                              .compare =
                                  [this](const trigger::PathsSource& source, git::PushedRef push) {
                                    push.fetch.remote = source.remote;
                                    const auto begin = std::chrono::steady_clock::now();
                                    git::PushedPaths paths = git::load_changed_paths(fixture_.mirrors(), push);
                                    comparing_ += (std::chrono::steady_clock::now() - begin).count();
                                    return paths;
                                  },
                              .settled = settled_,
                              .clock = clock_,
                              .log = log_}};
  std::size_t pushes_ = 0, pipelines_ = 0;
};

void trigger_to_decision(benchmark::State& state) {
  Fixture& fixture = Fixture::get();
  fixture.changed();  // both commits are in the mirror
  Stage stage(fixture, static_cast<Kind>(state.range(0)));
  std::chrono::duration<double> all{};
  for (auto _ : state) {
    const std::chrono::duration<double> took = stage.decide_push();
    state.SetIterationTime(took.count());
    all += took;
  }
  const auto kind = static_cast<Kind>(state.range(0));
  if (stage.pipelines() != kServices + (kind == Kind::kTemplated ? kServices : 0))
    state.SkipWithError("not every pipeline was found");
  state.counters["comparing_share"] = std::chrono::duration<double>(stage.comparing()) / all;
  state.counters["pipelines"] = static_cast<double>(stage.pipelines());
}
BENCHMARK(trigger_to_decision)->ArgName("kind")->Arg(0)->Arg(1)->Arg(2)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace penstock

BENCHMARK_MAIN();
