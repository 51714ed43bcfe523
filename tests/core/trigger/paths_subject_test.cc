#include "core/trigger/paths_subject.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/payloads.h"

namespace penstock::trigger {
namespace {

using test::make_object_id;
using NewRef = git::PushedRef::NewRef;

const hooks::Webhook& webhook() {
  static const hooks::Webhook made({.name = "w",
                                    .target_pipeline = "p",
                                    .path_rules = {.ignore_paths = {"docs/**"}, .routes = {{{"{s}/**"}, "{s}"}}}});
  return made;
}

git::PushedRef comparison(const hooks::Event& event) {
  const bool is_push = event.is_push();
  const std::string key = is_push ? hooks::push_key(event, event.ref_updates.at(0)) : hooks::event_key(event);
  const std::string ref = is_push ? event.ref_updates[0].name : event.pull_request->ref;
  return comparison_of(find_paths_subject(event, key, ref), webhook(),
                       is_push ? event.ref_updates[0].new_object_id : event.pull_request->commit_id, ref,
                       NewRef::kMergeBase);
}

TEST(PathsSubject, OfAPushIsComparedWithWhatTheRefWas) {
  const git::PushedRef push = comparison(hooks::parse_event(test::make_push_payload()));
  EXPECT_EQ(push.fetch.commit_id, make_object_id(2));
  EXPECT_EQ(push.fetch.ref, "refs/heads/main");
  EXPECT_EQ(push.old_commit_id, make_object_id(1));
  EXPECT_EQ(push.target_commit_id, "");
  EXPECT_EQ(push.new_ref, NewRef::kMergeBase);
}

TEST(PathsSubject, OfATagIsComparedWithNothing) {
  test::PushOptions options;
  options.refs = {{"refs/tags/v1", make_object_id(1), make_object_id(2)}};
  const git::PushedRef push = comparison(hooks::parse_event(test::make_push_payload(options)));
  EXPECT_EQ(push.old_commit_id, "");
  EXPECT_EQ(push.new_ref, NewRef::kAllFiles);
}

TEST(PathsSubject, OfAnOpenPullRequestIsComparedWithWhatItSharesWithItsTarget) {
  for (const char* status : {"active", "abandoned"}) {
    test::PullRequestOptions options;
    options.status = status;
    const git::PushedRef push = comparison(hooks::parse_event(test::make_pull_request_payload(options)));
    EXPECT_EQ(push.fetch.commit_id, make_object_id(11));
    EXPECT_EQ(push.fetch.ref, "refs/heads/feature/basket");
    EXPECT_EQ(push.old_commit_id, "");
    EXPECT_EQ(push.target_commit_id, make_object_id(12));
    EXPECT_EQ(push.target_ref, "refs/heads/main");
  }
}

TEST(PathsSubject, OfACompletedPullRequestIsComparedWithWhatTheTargetWas) {
  test::PullRequestOptions options;
  options.status = "completed";
  const hooks::Event event = hooks::parse_event(test::make_pull_request_payload(options));
  const git::PushedRef push = comparison(event);
  EXPECT_EQ(push.fetch.commit_id, make_object_id(13));
  EXPECT_EQ(push.fetch.ref, "refs/heads/main");
  EXPECT_EQ(push.old_commit_id, make_object_id(12));
  EXPECT_EQ(push.target_commit_id, "");
  const PathsSubject subject = find_paths_subject(event, hooks::event_key(event), "refs/heads/main");
  EXPECT_EQ(subject.judged.ref, "refs/heads/main");
  EXPECT_EQ(subject.judged.event, hooks::PullRequestEvent::kClosed);
}

TEST(PathsSubject, ThatIsNotToldIsAnError) {
  test::PullRequestOptions options;
  options.target_commit.clear();
  EXPECT_THROW(comparison(hooks::parse_event(test::make_pull_request_payload(options))), Error);
  EXPECT_THROW(find_paths_subject(hooks::parse_event(test::make_push_payload()), "another push", "refs/heads/main"),
               Error);
}

TEST(PathsSubject, IsTheSameComparisonOnlyForTheSameCommits) {
  const git::PushedRef one = comparison(hooks::parse_event(test::make_pull_request_payload()));
  test::PullRequestOptions options;
  EXPECT_TRUE(is_same_comparison(one, comparison(hooks::parse_event(test::make_pull_request_payload(options)))));
  options.target_commit = make_object_id(99);
  EXPECT_FALSE(is_same_comparison(one, comparison(hooks::parse_event(test::make_pull_request_payload(options)))));
}

}  // namespace
}  // namespace penstock::trigger
