#include "core/hooks/decision.h"

#include <chrono>
#include <deque>

#include <gtest/gtest.h>

#include "core/hooks/decision_plan.h"
#include "tests/support/payloads.h"

namespace penstock::hooks {
namespace {

using test::make_object_id;
using test::make_pull_request_payload;
using test::make_push_payload;
using test::PushOptions;
using Configuration = std::map<std::string, std::string>;

constexpr const char* kRefName = "$.resource.refUpdates..name";

FilterDefinition equals(std::string path, std::string value) {
  return {.json_path = std::move(path), .match_equals = std::move(value)};
}

WebhookDefinition webhook(std::vector<FilterDefinition> filters, std::string name = "shop-main") {
  return {.name = std::move(name),
          .endpoint = "azure-devops",
          .target_pipeline = "shop",
          .target_action = "Source",
          .filters = std::move(filters)};
}

ActionConfigurationLookup knows(Configuration configuration) {
  return [configuration](const std::string&, const std::string&) { return std::optional(configuration); };
}
std::optional<Configuration> knows_nothing(const std::string&, const std::string&) {
  return std::nullopt;
}

std::vector<Decision> decide_on(const std::string& payload, const std::vector<WebhookDefinition>& definitions,
                                const ActionConfigurationLookup& lookup = knows_nothing,
                                const DecideLimits& limits = {}) {
  std::deque<Webhook> compiled;
  std::vector<const Webhook*> webhooks;
  for (const auto& definition : definitions) webhooks.push_back(&compiled.emplace_back(definition));
  const auto event = parse_event(payload);
  std::map<std::pair<std::string, std::string>, std::optional<Configuration>> answers;
  const auto noting = [&](const std::string& pipeline, const std::string& action) {
    return answers[{pipeline, action}] = lookup(pipeline, action);
  };
  auto decisions = decide(event, webhooks, noting, limits);

  // Whatever is decided can be told from what is stored.
  const auto repeating = [&](const std::string& pipeline, const std::string& action) {
    return answers[{pipeline, action}];
  };
  const DecisionPlan plan(webhooks);
  EXPECT_EQ(expand_decisions(to_json(plan.set()), encode_evidence(plan.judge(event, repeating, limits))),
            decisions_to_json(decisions));
  return decisions;
}

Decision decide_one(const std::string& payload, const WebhookDefinition& definition,
                    const ActionConfigurationLookup& lookup = knows_nothing, const DecideLimits& limits = {}) {
  auto decisions = decide_on(payload, {definition}, lookup, limits);
  EXPECT_EQ(decisions.size(), 1u);
  return decisions.empty() ? Decision() : decisions.front();
}

std::string push_to(std::string name, std::string new_id = make_object_id(2)) {
  PushOptions options;
  options.refs = {{std::move(name), make_object_id(1), std::move(new_id)}};
  return make_push_payload(options);
}

TEST(Decide, MatchesWhenEveryFilterPasses) {
  const auto decision =
      decide_one(push_to("refs/heads/main"),
                 webhook({equals(kRefName, "refs/heads/main"), equals("$.resource.repository.name", "shop")}));
  EXPECT_EQ(decision.verdict, Verdict::kMatched);
  EXPECT_EQ(decision.reason, "all filters passed");
  EXPECT_EQ(decision.webhook, "shop-main");
  EXPECT_EQ(decision.target_pipeline, "shop");
  EXPECT_EQ(decision.target_action, "Source");
  EXPECT_EQ(decision.ref, "refs/heads/main");
  EXPECT_EQ(decision.commit_id, make_object_id(2));
  ASSERT_EQ(decision.filters.size(), 2u);
  EXPECT_EQ(decision.filters[0].json_path, kRefName);
  EXPECT_EQ(decision.filters[0].expected, "refs/heads/main");
  EXPECT_EQ(decision.filters[0].selected, std::vector<std::string>{"\"refs/heads/main\""});
  EXPECT_TRUE(decision.filters[0].matched);
}

TEST(Decide, ExplainsWhatWasSeenAndWhatWasExpected) {
  struct Case {
    const char* name;
    std::vector<FilterDefinition> filters;
    const char* reason;
  };
  for (const auto& c : std::initializer_list<Case>{
           {"equals",
            {equals(kRefName, "refs/heads/main")},
            "filter 1: $.resource.refUpdates..name selected \"refs/heads/dev\", expected \"refs/heads/main\""},
           {"second filter",
            {equals(kRefName, "refs/heads/dev"), equals("$.resource.repository.name", "basket")},
            "filter 2: $.resource.repository.name selected \"shop\", expected \"basket\""},
           {"nothing selected",
            {equals("$.resource.branch", "main")},
            "filter 1: $.resource.branch selected nothing, expected \"main\""},
           {"glob",
            {{.json_path = kRefName, .match_glob = "refs/tags/*"}},
            "filter 1: $.resource.refUpdates..name selected \"refs/heads/dev\", expected a match of the glob "
            "\"refs/tags/*\""},
           {"regex",
            {{.json_path = kRefName, .match_regex = "refs/heads/(main|rel)"}},
            "filter 1: $.resource.refUpdates..name selected \"refs/heads/dev\", expected a match of the regular "
            "expression "
            "\"refs/heads/(main|rel)\""},
           {"not equals",
            {{.json_path = kRefName, .not_equals = "refs/heads/dev"}},
            "filter 1: $.resource.refUpdates..name selected \"refs/heads/dev\", expected anything but "
            "\"refs/heads/dev\""},
           {"exists",
            {{.json_path = "$.resource.x", .exists = true}},
            "filter 1: $.resource.x selected nothing, expected a value"},
           {"no condition",
            {{.json_path = "$.resource.x"}},
            "filter 1: $.resource.x selected nothing, expected a value"},
           {"exists not",
            {{.json_path = "$.resource.pushId", .exists = false}},
            "filter 1: $.resource.pushId selected 41, expected nothing"},
           {"number", {equals("$.resource.pushId", "42")}, "filter 1: $.resource.pushId selected 41, expected \"42\""},
           {"several wrong",
            {equals("$.publisherId", "a"), equals("$.eventType", "git.push"), equals("$.id", "b"), equals("$.id", "c")},
            "filter 1: $.publisherId selected \"tfs\", expected \"a\"; 2 other filters did not match either"},
           {"several selected",
            {equals("$.resource.commits[0].author.*", "x")},
            "filter 1: $.resource.commits[0].author.* selected \"Dana Example\", \"dana@fabrikam.example\", "
            "\"2026-03-02T10:15:28Z\", expected \"x\""},
       }) {
    const auto decision = decide_one(push_to("refs/heads/dev"), webhook(c.filters));
    EXPECT_EQ(decision.verdict, Verdict::kNotMatched) << c.name;
    EXPECT_EQ(decision.reason, c.reason) << c.name;
  }
}

TEST(Decide, JudgesEveryConditionOnEveryKindOfValue) {
  struct Case {
    const char* name;
    const char* value;
    FilterDefinition filter;
    bool matched;
  };
  for (auto c : std::initializer_list<Case>{
           {"text", "\"a\"", {.match_equals = "a"}, true},
           {"case counts", "\"A\"", {.match_equals = "a"}, false},
           {"number", "12", {.match_equals = "12"}, true},
           {"boolean", "true", {.match_equals = "true"}, true},
           {"null", "null", {.match_equals = "null"}, true},
           {"null exists", "null", {.exists = true}, true},
           {"object equals nothing", "{\"a\":1}", {.match_equals = "{\"a\":1}"}, false},
           {"object exists", "{}", {.exists = true}, true},
           {"object is not equal", "{}", {.not_equals = "x"}, true},
           {"object and glob", "{}", {.match_glob = "*"}, false},
           {"glob", "\"a/b\"", {.match_glob = "a*"}, true},
           {"glob on number", "12", {.match_glob = "1?"}, true},
           {"regex is whole", "\"abc\"", {.match_regex = "b"}, false},
           {"regex", "\"abc\"", {.match_regex = "a.c"}, true},
           {"not equals", "\"b\"", {.not_equals = "a"}, true},
           {"not equals fails", "\"a\"", {.not_equals = "a"}, false},
           {"empty text", "\"\"", {.match_equals = ""}, true},
           {"escapes", "\"\\u0061\"", {.match_equals = "a"}, true},
           {"exists fails", "1", {.exists = false}, false},
       }) {
    c.filter.json_path = "$.value";
    const auto decision =
        decide_one(R"({"eventType":"x","resource":{},"value":)" + std::string(c.value) + "}", webhook({c.filter}));
    EXPECT_EQ(decision.verdict == Verdict::kMatched, c.matched) << c.name << ": " << decision.reason;
  }
  for (auto [filter, matched] : std::initializer_list<std::pair<FilterDefinition, bool>>{
           {{.match_equals = ""}, false}, {{.not_equals = "x"}, true}, {{.exists = false}, true}, {{}, false}}) {
    filter.json_path = "$.absent";
    EXPECT_EQ(decide_one(R"({"eventType":"x","resource":{}})", webhook({filter})).verdict == Verdict::kMatched,
              matched);
  }
}

TEST(Decide, PassesWhenAnyOfSeveralSelectedValuesDoes) {
  const std::string body = R"({"eventType":"x","resource":{},"labels":["a","b","c"]})";
  EXPECT_EQ(decide_one(body, webhook({equals("$.labels[*]", "b")})).verdict, Verdict::kMatched);
  EXPECT_EQ(decide_one(body, webhook({equals("$.labels[*]", "d")})).verdict, Verdict::kNotMatched);
  EXPECT_EQ(decide_one(body, webhook({{.json_path = "$.labels[*]", .not_equals = "b"}})).verdict, Verdict::kNotMatched);
}

TEST(Decide, WithoutFiltersMatchesEverything) {
  const auto decision = decide_one(push_to("refs/heads/x"), webhook({}));
  EXPECT_EQ(decision.verdict, Verdict::kMatched);
  EXPECT_EQ(decision.reason, "the webhook has no filters");
}

TEST(Decide, JudgesAPushOfTwoBranchesBranchByBranch) {
  PushOptions options;
  options.refs = {{"refs/heads/main", make_object_id(1), make_object_id(2)},
                  {"refs/heads/dev", make_object_id(3), make_object_id(4)}};
  auto main = webhook({equals(kRefName, "refs/heads/main")}, "main");
  auto dev = webhook({equals("$.resource.refUpdates[0].name", "refs/heads/dev")}, "dev");
  main.variables = dev.variables = {{"COMMIT", "$.resource.refUpdates[0].newObjectId"}};
  const auto decisions = decide_on(make_push_payload(options), {main, dev});
  ASSERT_EQ(decisions.size(), 4u);
  const auto is = [&](std::size_t i, const char* name, const char* ref, Verdict verdict) {
    EXPECT_EQ(decisions[i].webhook, name);
    EXPECT_EQ(decisions[i].ref, ref);
    EXPECT_EQ(decisions[i].verdict, verdict) << decisions[i].reason;
  };
  is(0, "main", "refs/heads/main", Verdict::kMatched);
  is(1, "dev", "refs/heads/main", Verdict::kNotMatched);
  is(2, "main", "refs/heads/dev", Verdict::kNotMatched);
  is(3, "dev", "refs/heads/dev", Verdict::kMatched);
  EXPECT_EQ(decisions[0].commit_id, make_object_id(2));
  EXPECT_EQ(decisions[3].commit_id, make_object_id(4));
  EXPECT_EQ(decisions[0].variables, (Configuration{{"COMMIT", make_object_id(2)}}));
  EXPECT_EQ(decisions[3].variables, (Configuration{{"COMMIT", make_object_id(4)}}));
  EXPECT_EQ(decisions[0].push_key, decisions[1].push_key);
  EXPECT_NE(decisions[0].push_key, decisions[2].push_key);
}

TEST(Decide, SeesTheRightRefWhenOthersWereSkipped) {
  const std::string body = R"({"eventType":"git.push","resource":{"refUpdates":[null,{"name":"bad"},
      {"name":"refs/heads/main","newObjectId":")" +
                           make_object_id(5) + R"("}]}})";
  const auto decision = decide_one(body, webhook({equals("$.resource.refUpdates[0].name", "refs/heads/main")}));
  EXPECT_EQ(decision.verdict, Verdict::kMatched) << decision.reason;
}

TEST(Decide, IgnoresDeletionsUnlessAskedNotTo) {
  auto definition = webhook({equals(kRefName, "refs/heads/main")});
  const auto deletion = push_to("refs/heads/main", std::string(test::kZeroId));
  auto decision = decide_one(deletion, definition);
  EXPECT_EQ(decision.verdict, Verdict::kNotMatched);
  EXPECT_EQ(decision.reason, "the branch was deleted");
  EXPECT_EQ(decide_one(push_to("refs/tags/v1", std::string(test::kZeroId)), definition).reason, "the tag was deleted");
  EXPECT_EQ(decide_one(push_to("refs/notes/x", std::string(test::kZeroId)), definition).reason, "the ref was deleted");
  definition.ignore_deletes = false;
  decision = decide_one(deletion, definition);
  EXPECT_EQ(decision.verdict, Verdict::kMatched);
  EXPECT_EQ(decision.commit_id, "");
}

TEST(Decide, FillsPlaceholdersFromTheActionsConfiguration) {
  const auto definition = webhook({equals(kRefName, "refs/heads/{Branch}")});
  const auto lookup = [](const std::string& pipeline, const std::string& action) {
    EXPECT_EQ(pipeline, "shop");
    EXPECT_EQ(action, "Source");
    return std::optional(Configuration{{"Branch", "main"}, {"Repo", "shop"}});
  };
  auto decision = decide_one(push_to("refs/heads/main"), definition, lookup);
  EXPECT_EQ(decision.verdict, Verdict::kMatched);
  EXPECT_EQ(decision.filters[0].expected, "refs/heads/main");
  decision = decide_one(push_to("refs/heads/dev"), definition, lookup);
  EXPECT_EQ(decision.reason,
            "filter 1: $.resource.refUpdates..name selected \"refs/heads/dev\", expected \"refs/heads/main\"");
}

TEST(Decide, PrefersTheWebhooksOwnConfigurationAndAsksForNothingThen) {
  auto definition = webhook({equals(kRefName, "refs/heads/{Branch}")});
  definition.action_configuration = {{"Branch", "dev"}};
  bool asked = false;
  const auto lookup = [&](const std::string&, const std::string&) -> std::optional<Configuration> {
    asked = true;
    return Configuration{{"Branch", "main"}};
  };
  EXPECT_EQ(decide_one(push_to("refs/heads/dev"), definition, lookup).verdict, Verdict::kMatched);
  EXPECT_FALSE(asked);
}

TEST(Decide, WaitsOnlyWhenAllOtherFiltersPass) {
  const auto definition =
      webhook({equals(kRefName, "refs/heads/{Branch}"), equals("$.resource.repository.name", "shop")});
  auto decision = decide_one(push_to("refs/heads/main"), definition);
  EXPECT_EQ(decision.verdict, Verdict::kWaiting);
  EXPECT_EQ(decision.reason, "waiting for the configuration of action \"Source\" of pipeline \"shop\"");
  EXPECT_EQ(decision.filters[0].expected, "refs/heads/{Branch}");
  EXPECT_FALSE(decision.filters[0].matched);
  EXPECT_EQ(decision.filters[0].note, decision.reason);
  EXPECT_TRUE(decision.filters[1].matched);

  int asked = 0;
  const auto lookup = [&](const std::string&, const std::string&) -> std::optional<Configuration> {
    ++asked;
    return std::nullopt;
  };
  PushOptions other;
  other.repository = "basket";
  decision = decide_one(make_push_payload(other), definition, lookup);
  EXPECT_EQ(decision.verdict, Verdict::kNotMatched);
  EXPECT_EQ(decision.reason, "filter 2: $.resource.repository.name selected \"basket\", expected \"shop\"");
  EXPECT_EQ(asked, 0);

  PushOptions many;
  many.refs = {{"refs/heads/a"}, {"refs/heads/b"}, {"refs/heads/c"}};
  EXPECT_EQ(decide_on(make_push_payload(many), {definition}, lookup).size(), 3u);
  EXPECT_EQ(asked, 1);
}

TEST(Decide, SaysWhichKeyIsMissingAndWhatExists) {
  const auto definition = webhook({equals(kRefName, "refs/heads/{Brunch}")});
  auto decision = decide_one(push_to("refs/heads/main"), definition, knows({{"Branch", "main"}, {"Repo", "shop"}}));
  EXPECT_EQ(decision.verdict, Verdict::kNotMatched);
  EXPECT_EQ(
      decision.filters[0].note,
      "the configuration of action \"Source\" of pipeline \"shop\" has no key \"Brunch\"; it has \"Branch\", \"Repo\"");
  EXPECT_EQ(decision.reason, "filter 1: $.resource.refUpdates..name: " + decision.filters[0].note);
  decision = decide_one(push_to("refs/heads/main"), definition, knows({}));
  EXPECT_EQ(decision.filters[0].note,
            "the configuration of action \"Source\" of pipeline \"shop\" has no key \"Brunch\"; it has no keys at all");
}

TEST(Decide, EscapesValuesInPatterns) {
  const auto lookup = knows({{"Branch", "rel.*"}});
  for (const auto& filter : {FilterDefinition{.json_path = kRefName, .match_regex = "refs/heads/{Branch}"},
                             FilterDefinition{.json_path = kRefName, .match_glob = "refs/*/{Branch}"}}) {
    EXPECT_EQ(decide_one(push_to("refs/heads/release"), webhook({filter}), lookup).verdict, Verdict::kNotMatched);
  }
}

TEST(Decide, SetsVariablesOfMatchesAndSaysWhichAreMissing) {
  auto definition = webhook({});
  definition.variables = {{"COMMIT", "$.resource.refUpdates[0].newObjectId"},
                          {"PUSH", "$.resource.pushId"},
                          {"PROJECT", "$.resource.repository.project"},
                          {"NONE", "$.resource.nothing"},
                          {"LONG", "$.resource.commits[0].comment"}};
  PushOptions options;
  options.padding = 2'000;
  const auto decision = decide_one(make_push_payload(options), definition);
  EXPECT_EQ(decision.variables.at("COMMIT"), make_object_id(2));
  EXPECT_EQ(decision.variables.at("PUSH"), "41");
  EXPECT_TRUE(decision.variables.at("PROJECT").starts_with("{\"id\":"));
  EXPECT_EQ(decision.variables.size(), 3u);
  EXPECT_EQ(
      decision.reason,
      "the webhook has no filters; variable \"LONG\" is not set: its value is longer than 1000 characters; variable "
      "\"NONE\" is not set: its query selected nothing");
}

TEST(Decide, DecidesOtherEventsOnceAWebhook) {
  const auto* const body = R"({"eventType":"build.complete","id":"b1","resource":{"status":"succeeded"}})";
  const auto decisions = decide_on(body, {webhook({equals("$.resource.status", "succeeded")})});
  ASSERT_EQ(decisions.size(), 1u);
  EXPECT_EQ(decisions[0].verdict, Verdict::kMatched);
  EXPECT_EQ(decisions[0].ref, "");
  EXPECT_EQ(decisions[0].commit_id, "");
  EXPECT_EQ(decisions[0].push_key, event_key(parse_event(body)));
}

TEST(Decide, StartsPullRequestsAtTheirCommit) {
  test::PullRequestOptions options;
  const auto wants = webhook({equals("$.resource.targetRefName", "refs/heads/main")});
  const auto updated = decide_one(make_pull_request_payload(options), wants);
  EXPECT_EQ(updated.verdict, Verdict::kMatched);
  EXPECT_EQ(updated.ref, "refs/heads/feature/basket");
  EXPECT_EQ(updated.commit_id, make_object_id(11));
  EXPECT_EQ(updated.push_key, event_key(parse_event(make_pull_request_payload(options))));
  options.status = "completed";
  const auto completed = decide_one(make_pull_request_payload(options), wants);
  EXPECT_EQ(completed.ref, "refs/heads/main");
  EXPECT_EQ(completed.commit_id, make_object_id(13));
}

TEST(Decide, StartsNothingForPullRequestsThatCannotBeBuiltWhateverTheFiltersSay) {
  test::PullRequestOptions options;
  options.event_type = "git.pullrequest.merged";
  options.merge_status = "conflicts";
  for (const auto& definition :
       {webhook({equals("$.eventType", "git.pullrequest.merged")}),
        webhook({equals("$.eventType", "git.pullrequest.merged"), equals("$.resource.repository.name", "{Repo}")})}) {
    const auto decision = decide_one(make_pull_request_payload(options), definition);
    EXPECT_EQ(decision.verdict, Verdict::kNotMatched);
    EXPECT_EQ(decision.reason,
              "merging pull request 17 was only attempted (merge status \"conflicts\"): its status is \"active\", not "
              "\"completed\"");
    EXPECT_TRUE(decision.filters.at(0).matched);
    EXPECT_EQ(decision.commit_id, "");
  }
  options.status = "completed";
  options.merge_status = "succeeded";
  EXPECT_EQ(decide_one(make_pull_request_payload(options), webhook({equals("$.eventType", "git.pullrequest.merged")}))
                .verdict,
            Verdict::kMatched);
}

// What was set up for pushes must not start building unreviewed commits because somebody subscribes to more events.
TEST(Decide, StartsPullRequestsOnlyWhereAFilterAsksForThem) {
  struct Case {
    const char* name;
    std::vector<FilterDefinition> filters;
    bool starts;
  };
  for (const auto& c : std::vector<Case>{
           {"no filter", {}, false},
           {"the repository", {equals("$.resource.repository.name", "shop")}, false},
           {"anything", {{.json_path = "$..*"}}, false},
           {"no other event", {{.json_path = "$.eventType", .not_equals = "git.push"}}, false},
           {"not a push", {{.json_path = "$.resource.status", .not_equals = "completed"}}, false},
           {"absent", {{.json_path = "$.resource.status1", .exists = false}}, false},
           {"the event", {equals("$.eventType", "git.pullrequest.updated")}, true},
           {"the events", {{.json_path = "$.eventType", .match_glob = "git.pullrequest.{created,updated}"}}, true},
           {"in brackets", {equals("$['eventType']", "git.pullrequest.updated")}, true},
           {"the target", {equals("$.resource.targetRefName", "refs/heads/main")}, true},
           {"the source", {{.json_path = "$.resource.sourceRefName", .match_glob = "refs/heads/feature/*"}}, true},
           {"the status", {equals("$.resource.status", "active")}, true},
           {"no draft", {equals("$.resource.isDraft", "false")}, true},
           {"a pull request", {{.json_path = "$.resource.pullRequestId"}}, true},
           {"both", {equals("$.resource.repository.name", "shop"), equals("$.resource.status", "active")}, true},
       }) {
    SCOPED_TRACE(c.name);
    const auto decision = decide_one(make_pull_request_payload({}), webhook(c.filters));
    EXPECT_EQ(decision.verdict == Verdict::kMatched, c.starts) << decision.reason;
    if (!c.starts) {
      EXPECT_EQ(decision.reason,
                "the event is about a pull request, and neither triggers.pullRequest nor a filter asks for those: add "
                "one on $.eventType, $.resource.status or the like");
    }
  }
}

TEST(Decide, JudgesPullRequestsByTheTriggersForThem) {
  const auto with = [](std::vector<TriggerFilterDefinition> triggers) {
    auto definition = webhook({equals("$.resource.repository.name", "shop")});
    definition.path_rules.triggers = std::move(triggers);
    return definition;
  };
  const TriggerFilterDefinition opened{
      .pull_request = PullRequestFilterDefinition{.events = {PullRequestEvent::kOpen, PullRequestEvent::kUpdated},
                                                  .branches = PatternLists{.includes = {"main"}}}};
  const TriggerFilterDefinition push_to_dev{.branches = PatternLists{.includes = {"dev"}}};
  const TriggerFilterDefinition docs{
      .pull_request = PullRequestFilterDefinition{.file_paths = PatternLists{.includes = {"docs/**"}}}};
  test::PullRequestOptions completed;
  completed.status = "completed";
  test::PullRequestOptions attempted;
  attempted.event_type = "git.pullrequest.merged";
  struct Case {
    const char* name;
    std::vector<TriggerFilterDefinition> triggers;
    std::string body;
    Verdict verdict;
    const char* reason;
  };
  for (const auto& c : std::vector<Case>{
           {"wanted", {opened}, make_pull_request_payload({}), Verdict::kMatched, "all filters passed"},
           {"the target counts, not the source",
            {push_to_dev, opened},
            make_pull_request_payload({}),
            Verdict::kMatched,
            "all filters passed"},
           {"another event",
            {opened},
            make_pull_request_payload(completed),
            Verdict::kNotMatched,
            "the pull request is CLOSED, which triggers.pullRequest.events do not name"},
           {"no event",
            {opened},
            make_pull_request_payload(attempted),
            Verdict::kNotMatched,
            "merging pull request 17 was only attempted (merge status \"succeeded\"): its status is \"active\", not "
            "\"completed\""},
           {"not for pull requests",
            {push_to_dev},
            make_pull_request_payload({}),
            Verdict::kNotMatched,
            "the event is about a pull request, and triggers have no pullRequest"},
           {"a push",
            {opened},
            push_to("refs/heads/main"),
            Verdict::kNotMatched,
            "the branch \"main\" was pushed, and triggers.pullRequest is for pull requests"},
           {"files",
            {docs},
            make_pull_request_payload({}),
            Verdict::kWaitingForPaths,
            "all filters passed; waiting for the changed paths"},
       }) {
    SCOPED_TRACE(c.name);
    const auto decision = decide_one(c.body, with(c.triggers));
    EXPECT_EQ(decision.verdict, c.verdict);
    EXPECT_EQ(decision.reason, c.reason);
  }
}

TEST(Decide, HasNothingToSayWithoutAnythingToActOn) {
  PushOptions options;
  options.details = test::ResourceDetails::kNone;
  EXPECT_TRUE(decide_on(make_push_payload(options), {webhook({})}).empty());
  EXPECT_TRUE(decide_on(make_push_payload(), {}).empty());
}

TEST(Decide, BoundsTheNodesThatQueriesVisit) {
  const auto decision = decide_one(push_to("refs/heads/main"), webhook({{.json_path = "$..nothing", .exists = false}}),
                                   knows_nothing, {.max_visited_nodes = 10});
  EXPECT_EQ(decision.verdict, Verdict::kNotMatched);
  EXPECT_EQ(decision.reason, "filter 1: $..nothing: the query visited too many nodes");
}

TEST(Decide, BoundsTheTextThatFiltersCompare) {
  for (const auto& filter : {FilterDefinition{.json_path = "$..*", .match_glob = "*x*"},
                             FilterDefinition{.json_path = "$..*", .not_equals = "x"}}) {
    const auto decision =
        decide_one(push_to("refs/heads/main"), webhook({filter}), knows_nothing, {.max_compared_bytes = 100});
    EXPECT_EQ(decision.verdict, Verdict::kNotMatched);
    EXPECT_EQ(decision.reason, "filter 1: $..*: the event holds too much text to compare");
  }
}

TEST(Decide, KeepsMatchesWhenThereAreTooManyDecisions) {
  PushOptions options;
  options.refs.clear();
  for (int i = 0; i < 30; ++i)
    options.refs.push_back({"refs/heads/b" + std::to_string(i), make_object_id(1), make_object_id(2)});
  const auto decisions = decide_on(make_push_payload(options), {webhook({equals(kRefName, "refs/heads/b29")})},
                                   knows_nothing, {.max_decisions = 10});
  ASSERT_EQ(decisions.size(), 11u);
  EXPECT_EQ(decisions.back().verdict, Verdict::kMatched);
  EXPECT_EQ(decisions.back().reason, "all filters passed; 19 further decisions that did not match are not listed");
  const auto bounded = decide_on(make_push_payload(options), {webhook({})}, knows_nothing, {.max_judgements = 5});
  ASSERT_EQ(bounded.size(), 5u);
  EXPECT_EQ(bounded.back().reason,
            "the webhook has no filters; 25 further pairs of webhook and ref were not judged: the limit is 5");
}

TEST(Decide, ShowsAtMostTwentyValuesCut) {
  std::string labels;
  for (int i = 0; i < 50; ++i) labels += "\"" + std::string(300, 'x') + "\",";
  labels += "0";
  const auto decision = decide_one(R"({"eventType":"x","resource":{},"labels":[)" + labels + "]}",
                                   webhook({equals("$.labels[*]", "nothing")}));
  ASSERT_EQ(decision.filters[0].selected.size(), 20u);
  EXPECT_EQ(decision.filters[0].selected_count, 51u);
  EXPECT_EQ(decision.filters[0].selected[0], "\"" + std::string(199, 'x') + "\xE2\x80\xA6\"");
  EXPECT_NE(decision.reason.find(" and 48 more, expected"), std::string::npos);
}

TEST(Decide, StaysQuickForManyRefsAndWebhooks) {
  PushOptions options;
  options.refs.clear();
  for (int i = 0; i < 1'000; ++i)
    options.refs.push_back({"refs/heads/b" + std::to_string(i), make_object_id(1), make_object_id(2)});
  std::vector<WebhookDefinition> webhooks;
  for (int i = 0; i < 100; ++i) {
    webhooks.push_back(webhook({equals(kRefName, "refs/heads/b" + std::to_string(i * 10))}, "w" + std::to_string(i)));
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto decisions = decide_on(make_push_payload(options), webhooks);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  EXPECT_EQ(
      std::count_if(decisions.begin(), decisions.end(), [](const auto& d) { return d.verdict == Verdict::kMatched; }),
      100);
}

TEST(Decide, BranchesAndTagsDecideAndFilesWait) {
  const auto filters = std::vector{equals("$.resource.repository.name", "shop")};
  auto on_release = webhook(filters, "on-release");
  on_release.path_rules.triggers = {{.branches = PatternLists{.includes = {"release/*"}}}};
  auto on_main = webhook(filters, "on-main");
  on_main.path_rules.triggers = {{.branches = PatternLists{.includes = {"main"}}}};
  auto on_files = webhook(filters, "on-files");
  on_files.path_rules.ignore_paths = {"*.md"};
  auto elsewhere = webhook({equals("$.resource.repository.name", "other")}, "elsewhere");
  elsewhere.path_rules.ignore_paths = {"*.md"};
  const auto decisions = decide_on(make_push_payload(), {on_release, on_main, on_files, elsewhere});
  ASSERT_EQ(decisions.size(), 4u);
  EXPECT_EQ(decisions[0].verdict, Verdict::kNotMatched);
  EXPECT_NE(decisions[0].reason.find("the branch \"main\""), std::string::npos) << decisions[0].reason;
  EXPECT_EQ(decisions[1].verdict, Verdict::kMatched);
  EXPECT_EQ(decisions[2].verdict, Verdict::kWaitingForPaths);
  EXPECT_EQ(decisions[2].reason, "all filters passed; waiting for the changed paths");
  EXPECT_EQ(decisions[3].verdict, Verdict::kNotMatched);
}

TEST(Decide, WhatWasDeletedHasNoFiles) {
  PushOptions push;
  push.refs = {{.new_id = std::string(test::kZeroId)}};
  auto on_files = webhook({});
  on_files.ignore_deletes = false;
  on_files.path_rules.routes = {{.paths = {"{a}/**"}, .target_pipeline = "{a}"}};
  on_files.target_pipeline.clear();
  const auto decision = decide_one(make_push_payload(push), on_files);
  EXPECT_EQ(decision.verdict, Verdict::kNotMatched);
  EXPECT_EQ(decision.reason, "what was deleted has no files, and the webhook looks at files");
}

TEST(Decide, FilesWaitForTheConfigurationFirst) {
  auto definition = webhook({equals(kRefName, "refs/heads/{Branch}")});
  definition.path_rules.ignore_paths = {"*.md"};
  EXPECT_EQ(decide_one(make_push_payload(), definition).verdict, Verdict::kWaiting);
  EXPECT_EQ(decide_one(make_push_payload(), definition, knows({{"Branch", "main"}})).verdict,
            Verdict::kWaitingForPaths);
  EXPECT_EQ(decide_one(make_push_payload(), definition, knows({{"Branch", "dev"}})).verdict, Verdict::kNotMatched);
}

TEST(Summarize, CountsWebhooks) {
  EXPECT_EQ(summarize({}), "no webhook matched");
  EXPECT_EQ(summarize({.matched = 1}), "1 webhook matched");
  EXPECT_EQ(summarize({.waiting_for_paths = 3}), "waiting for the changed paths");
  EXPECT_EQ(summarize({.matched = 2, .waiting = 1, .waiting_for_paths = 2}),
            "2 webhooks matched; 2 wait for the changed paths; 1 waits for the configuration of its target action");
  EXPECT_EQ(summarize({.waiting = 1}), "waiting for the configuration of the target action");
}

}  // namespace
}  // namespace penstock::hooks
