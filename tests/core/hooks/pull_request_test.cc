#include "core/hooks/pull_request.h"

#include <set>

#include <gtest/gtest.h>

#include "core/hooks/event.h"
#include "tests/support/payloads.h"

namespace penstock::hooks {
namespace {

using test::make_object_id;
using test::make_pull_request_payload;
using test::PullRequestOptions;

constexpr const char* kSource = "refs/heads/feature/basket";
constexpr const char* kTarget = "refs/heads/main";

PullRequest read(const PullRequestOptions& options) {
  const auto event = parse_event(make_pull_request_payload(options));
  EXPECT_EQ(event.not_actionable, "");
  return event.pull_request.value_or(PullRequest());
}

TEST(PullRequest, IsReadWhole) {
  PullRequestOptions options;
  options.is_draft = true;
  const auto pull_request = read(options);
  EXPECT_EQ(pull_request.id, 17);
  EXPECT_EQ(pull_request.source_ref, kSource);
  EXPECT_EQ(pull_request.target_ref, kTarget);
  EXPECT_EQ(pull_request.source_commit_id, make_object_id(11));
  EXPECT_EQ(pull_request.target_commit_id, make_object_id(12));
  EXPECT_EQ(pull_request.merge_commit_id, make_object_id(13));
  EXPECT_EQ(pull_request.status, "active");
  EXPECT_EQ(pull_request.merge_status, "succeeded");
  EXPECT_TRUE(pull_request.is_draft);
  EXPECT_EQ(pull_request.fork, "");
  EXPECT_FALSE(parse_event(test::make_push_payload()).pull_request);
}

// What has happened is told by the type and the status together; "merged" alone tells nothing.
TEST(PullRequest, HasTheNamesOfCodePipelineAndTheCommitToBuild) {
  enum Builds { kNothing, kSourceCommit, kMergeCommit };
  struct Case {
    const char* name;
    const char* type;
    const char* status;
    const char* merge_status;
    const char* event;  // empty: none
    Builds builds;
    const char* refusal;
  };
  for (const auto& c : std::initializer_list<Case>{
           {"opened", "git.pullrequest.created", "active", "queued", "OPEN", kSourceCommit, ""},
           {"opened, merge not looked at yet", "git.pullrequest.created", "active", "notSet", "OPEN", kSourceCommit,
            ""},
           {"opened with conflicts", "git.pullrequest.created", "active", "conflicts", "OPEN", kSourceCommit, ""},
           {"opened, no merge status", "git.pullrequest.created", "active", "", "OPEN", kSourceCommit, ""},
           {"source pushed, vote, reviewer, …", "git.pullrequest.updated", "active", "succeeded", "UPDATED",
            kSourceCommit, ""},
           {"completed", "git.pullrequest.updated", "completed", "succeeded", "CLOSED", kMergeCommit, ""},
           {"abandoned", "git.pullrequest.updated", "abandoned", "succeeded", "CLOSED", kSourceCommit, ""},
           {"abandoned with conflicts", "git.pullrequest.updated", "abandoned", "conflicts", "CLOSED", kSourceCommit,
            ""},
           {"already completed when the event was made", "git.pullrequest.created", "completed", "succeeded", "CLOSED",
            kMergeCommit, ""},
           {"merge attempted and completed", "git.pullrequest.merged", "completed", "succeeded", "CLOSED", kMergeCommit,
            ""},
           {"merge attempted", "git.pullrequest.merged", "active", "succeeded", "", kNothing,
            "merging pull request 17 was only attempted (merge status \"succeeded\"): its status is \"active\", not "
            "\"completed\""},
           {"merge attempted with conflicts", "git.pullrequest.merged", "active", "conflicts", "", kNothing,
            "merging pull request 17 was only attempted (merge status \"conflicts\"): its status is \"active\", not "
            "\"completed\""},
           {"merge rejected", "git.pullrequest.merged", "active", "rejectedByPolicy", "", kNothing,
            "merging pull request 17 was only attempted (merge status \"rejectedByPolicy\"): its status is \"active\", "
            "not \"completed\""},
           {"completing failed", "git.pullrequest.merged", "completed", "failure", "", kNothing,
            "pull request 17 was not merged (merge status \"failure\")"},
           {"no status", "git.pullrequest.updated", "", "succeeded", "", kNothing,
            "the event does not tell the status of pull request 17"},
           {"a type of later days", "git.pullrequest.labelled", "active", "succeeded", "", kNothing,
            "\"git.pullrequest.labelled\" is none of the events OPEN, UPDATED and CLOSED"},
           {"comment", "ms.vss-code.git-pullrequest-comment-event", "active", "succeeded", "", kNothing,
            "a comment on pull request 17 changes nothing of it"},
       }) {
    SCOPED_TRACE(c.name);
    PullRequestOptions options;
    options.event_type = c.type;
    options.status = c.status;
    options.merge_status = c.merge_status;
    const auto pull_request = read(options);
    EXPECT_EQ(pull_request.event ? to_string(*pull_request.event) : "", c.event);
    EXPECT_EQ(pull_request.refusal, c.refusal);
    EXPECT_EQ(pull_request.ref, c.builds == kNothing ? "" : c.builds == kMergeCommit ? kTarget : kSource);
    EXPECT_EQ(pull_request.commit_id, c.builds == kNothing       ? ""
                                      : c.builds == kMergeCommit ? make_object_id(13)
                                                                 : make_object_id(11));
  }
}

TEST(PullRequest, BuildsCommitsOfForksOnlyOnceTheyAreMerged) {
  PullRequestOptions options;
  options.fork_id = "0e9f1d7a-4f0e-4c55-8d2b-9d0f4a77c001";
  for (const char* status : {"active", "abandoned"}) {
    options.status = status;
    const auto pull_request = read(options);
    EXPECT_EQ(pull_request.fork, "Contributors/shop-fork");
    EXPECT_TRUE(pull_request.event);
    EXPECT_EQ(pull_request.commit_id, "");
    EXPECT_EQ(
        pull_request.refusal,
        "the source of pull request 17 is in another repository, \"Contributors/shop-fork\": commits of forks are "
        "not built before they are merged");
  }
  options.status = "completed";
  EXPECT_EQ(read(options).refusal, "");
  EXPECT_EQ(read(options).commit_id, make_object_id(13));
  options.status = "active";
  options.fork_id = options.repository_id;  // the same repository: no fork
  EXPECT_EQ(read(options).refusal, "");
  EXPECT_EQ(read(options).fork, "");
}

TEST(PullRequest, SaysWhichCommitIsMissing) {
  PullRequestOptions options;
  options.source_commit.clear();
  EXPECT_EQ(read(options).refusal, "the event does not tell the source commit of pull request 17");
  options.source_commit = test::kZeroId;
  EXPECT_EQ(read(options).refusal, "the event does not tell the source commit of pull request 17");
  options.source_commit = "--upload-pack=x";
  EXPECT_EQ(read(options).refusal, "the event does not tell the source commit of pull request 17");
  options.status = "completed";
  EXPECT_EQ(read(options).refusal, "");
  options.merge_commit.clear();
  EXPECT_EQ(read(options).refusal, "pull request 17 is completed, but the event does not tell its merge commit");
  options = {};
  options.source = "--upload-pack=x";
  EXPECT_EQ(read(options).source_ref, "");
  EXPECT_EQ(read(options).refusal, "the event does not tell the source branch of pull request 17");
  options = {};
  options.status = "completed";
  options.target = "main";
  EXPECT_EQ(read(options).refusal, "pull request 17 is completed, but the event does not tell its target branch");
}

TEST(PullRequest, WithoutDetailsSaysWhatToChange) {
  for (const auto& [details, reason] :
       {std::pair(test::ResourceDetails::kMinimal,
                  "the event does not tell the branches of its pull request: set \"Resource details to send\" to All "
                  "in the service-hook subscription \"7f1c2a50-96d3-4be4-8d0e-5b0f6f2b9c12\""),
        std::pair(test::ResourceDetails::kNone,
                  "the event carries no resource: set \"Resource details to send\" to All in the service-hook "
                  "subscription \"7f1c2a50-96d3-4be4-8d0e-5b0f6f2b9c12\"")}) {
    PullRequestOptions options;
    options.details = details;
    const auto event = parse_event(make_pull_request_payload(options));
    EXPECT_FALSE(event.pull_request);
    EXPECT_EQ(event.not_actionable, reason);
  }
}

TEST(PullRequest, IsFoundInACommentsResource) {
  const auto event = parse_event(
      R"({"eventType":"ms.vss-code.git-pullrequest-comment-event","id":"c1","resource":{"comment":{"id":2,"content":"ok"},
          "pullRequest":{"pullRequestId":5,"status":"active","sourceRefName":"refs/heads/a",
          "targetRefName":"refs/heads/main","repository":{"id":"r1"}}}})");
  ASSERT_TRUE(event.pull_request);
  EXPECT_EQ(event.pull_request->id, 5);
  EXPECT_EQ(event.pull_request->refusal, "a comment on pull request 5 changes nothing of it");
  // Version 1.0 of it tells next to nothing.
  EXPECT_NE(
      parse_event(R"({"eventType":"ms.vss-code.git-pullrequest-comment-event","resource":{"id":2}})").not_actionable,
      "");
}

TEST(PullRequest, SurvivesNullsAndWrongTypesEverywhere) {
  for (const std::string v : {"null", "1", "true", "\"x\"", "[]", "{}", "[null]", "-5", "3.5"}) {
    const auto event = parse_event(
        R"({"eventType":"git.pullrequest.updated","id":"e","resource":{"sourceRefName":"refs/heads/a","pullRequestId":)" +
        v + R"(,"targetRefName":)" + v + R"(,"status":)" + v + R"(,"mergeStatus":)" + v + R"(,"isDraft":)" + v +
        R"(,"lastMergeSourceCommit":)" + v + R"(,"lastMergeTargetCommit":)" + v + R"(,"lastMergeCommit":{"commitId":)" +
        v + R"(},"repository":)" + v + R"(,"pullRequest":)" + v + "}}");
    ASSERT_TRUE(v == "{}" || event.pull_request) << v;
    if (event.pull_request) {
      EXPECT_NE(event.pull_request->refusal, "") << v;
      EXPECT_EQ(event.pull_request->commit_id, "") << v;
    }
    EXPECT_FALSE(event_key(event).empty());
  }
}

TEST(PullRequest, IsShownAsJson) {
  EXPECT_EQ(to_json(read({})),
            R"({"id":17,"sourceRef":"refs/heads/feature/basket","targetRef":"refs/heads/main","sourceCommitId":")" +
                make_object_id(11) + R"(","targetCommitId":")" + make_object_id(12) + R"(","mergeCommitId":")" +
                make_object_id(13) +
                R"(","status":"active","mergeStatus":"succeeded","isDraft":false,"forkRepository":null,)"
                R"("event":"UPDATED","reason":null})");
  EXPECT_EQ(to_json(PullRequest()),
            R"({"id":null,"sourceRef":null,"targetRef":null,"sourceCommitId":null,"targetCommitId":null,)"
            R"("mergeCommitId":null,"status":null,"mergeStatus":null,"isDraft":false,"forkRepository":null,)"
            R"("event":null,"reason":null})");
}

class PullRequestKey : public ::testing::Test {
 protected:
  static std::string key(const PullRequestOptions& options) {
    return event_key(parse_event(make_pull_request_payload(options)));
  }
};

TEST_F(PullRequestKey, IsTheSameForWhatBuildsTheSame) {
  PullRequestOptions opened, voted, elsewhere;
  opened.event_type = "git.pullrequest.created";
  voted.event_id = "another";
  voted.merge_commit = make_object_id(99);  // the target has moved on
  elsewhere.subscription_id = "another";
  elsewhere.repository_id = "5B3E2B0C-7D54-4F0E-8C55-1D2B9D0F4A77";
  EXPECT_EQ(key(opened), key(voted));
  EXPECT_EQ(key(opened), key(elsewhere));
  PullRequestOptions completed, attempted;
  completed.status = attempted.status = "completed";
  attempted.event_type = "git.pullrequest.merged";
  attempted.event_id = "another";
  EXPECT_EQ(key(completed), key(attempted));
}

TEST_F(PullRequestKey, DiffersWhenSomethingElseIsToBeBuilt) {
  std::set<std::string> keys;
  PullRequestOptions options;
  keys.insert(key(options));
  options.source_commit = make_object_id(21);
  keys.insert(key(options));
  options.status = "abandoned";
  keys.insert(key(options));
  options.status = "completed";  // it was reactivated
  keys.insert(key(options));
  options.pull_request_id = 18;
  keys.insert(key(options));
  options.repository_id = "another";
  keys.insert(key(options));
  EXPECT_EQ(keys.size(), 6u);
}

TEST_F(PullRequestKey, IsTheEventsOwnWhenThereIsNothingToBuild) {
  PullRequestOptions options;
  options.event_type = "git.pullrequest.merged";
  EXPECT_TRUE(key(options).starts_with("event;"));
}

TEST(PullRequestEvents, HaveNames) {
  for (const char* name : {"OPEN", "UPDATED", "CLOSED"}) {
    EXPECT_EQ(to_string(parse_pull_request_event(name).value()), name);
  }
  EXPECT_FALSE(parse_pull_request_event("open"));
  EXPECT_FALSE(parse_pull_request_event(""));
}

}  // namespace
}  // namespace penstock::hooks
