#include "core/hooks/event.h"

#include <set>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/payloads.h"

namespace penstock::hooks {
namespace {

using test::make_object_id;
using test::make_push_payload;
using test::PushOptions;

std::string repeat(std::string_view text, std::size_t count) {
  std::string out;
  while (count-- > 0) out += text;
  return out;
}

// A push whose refUpdates are exactly this JSON.
std::string push_with(const std::string& ref_updates) {
  return R"({"eventType":"git.push","id":"e1","subscriptionId":"s1","resource":{"refUpdates":)" + ref_updates + "}}";
}

TEST(ParseEvent, ReadsAWholePush) {
  PushOptions options;
  options.refs = {{"refs/heads/main", make_object_id(1), make_object_id(2)},
                  {"refs/heads/dev", make_object_id(3), make_object_id(4), true}};
  const auto event = parse_event(make_push_payload(options));
  EXPECT_EQ(event.event_type, "git.push");
  EXPECT_TRUE(event.is_push());
  EXPECT_EQ(event.id, options.event_id);
  EXPECT_EQ(event.subscription_id, options.subscription_id);
  EXPECT_EQ(event.notification_id, 3);
  EXPECT_EQ(event.publisher_id, "tfs");
  EXPECT_EQ(event.push_id, 41);
  EXPECT_EQ(event.pushed_by, "Dana Example");
  EXPECT_EQ(event.host, "dev.azure.com");
  ASSERT_TRUE(event.repository);
  EXPECT_EQ(event.repository->id, options.repository_id);
  EXPECT_EQ(event.repository->name, "shop");
  EXPECT_EQ(event.repository->project, "Fabrikam Web");
  EXPECT_EQ(event.repository->remote_url, "https://dev.azure.com/fabrikam/Fabrikam%20Web/_git/shop");
  ASSERT_EQ(event.ref_updates.size(), 2u);
  EXPECT_EQ(event.ref_updates[1].name, "refs/heads/dev");
  EXPECT_EQ(event.ref_updates[1].old_object_id, make_object_id(3));
  EXPECT_EQ(event.ref_updates[1].new_object_id, make_object_id(4));
  EXPECT_TRUE(event.ref_updates[1].forced);
  EXPECT_FALSE(event.ref_updates[0].forced);
  EXPECT_EQ(event.ref_updates[1].index, 1u);
  EXPECT_FALSE(event.is_test);
  EXPECT_EQ(event.not_actionable, "");
  EXPECT_TRUE(event.notes.empty());
}

TEST(ParseEvent, RecognisesCreationAndDeletion) {
  PushOptions options;
  options.message.clear();
  options.refs = {{"refs/heads/gone", make_object_id(1), std::string(test::kZeroId)},
                  {"refs/tags/v1", std::string(test::kZeroId), make_object_id(2)}};
  const auto event = parse_event(make_push_payload(options));
  EXPECT_TRUE(event.ref_updates.at(0).is_deletion());
  EXPECT_FALSE(event.ref_updates.at(0).is_creation());
  EXPECT_TRUE(event.ref_updates.at(1).is_creation());
  EXPECT_FALSE(event.ref_updates.at(1).is_deletion());
}

TEST(ParseEvent, AcceptsAByteOrderMark) {
  EXPECT_EQ(parse_event("\xEF\xBB\xBF" + make_push_payload()).ref_updates.size(), 1u);
}

TEST(ParseEvent, ReadsPullRequestsAndStripsUserInformation) {
  const auto event = parse_event(test::make_pull_request_payload());
  EXPECT_FALSE(event.is_push());
  EXPECT_TRUE(event.ref_updates.empty());
  EXPECT_EQ(event.not_actionable, "");
  EXPECT_EQ(event.repository->remote_url, "https://dev.azure.com/fabrikam/Fabrikam%20Web/_git/shop");
  const auto comment = parse_event(
      R"({"eventType":"ms.vss-code.git-pullrequest-comment-event","resource":{"comment":{"id":2},
          "pullRequest":{"repository":{"id":"r1","name":"shop","project":{"name":"P"}}}}})");
  EXPECT_EQ(comment.repository->id, "r1");
  EXPECT_EQ(comment.repository->project, "P");
  const auto deleted =
      parse_event(R"({"eventType":"git.repo.deleted","resource":{"repositoryId":"r2","repositoryName":"old"}})");
  EXPECT_EQ(deleted.repository->id, "r2");
  EXPECT_EQ(deleted.repository->name, "old");
}

TEST(ParseEvent, StripsUserInformationInEveryForm) {
  struct Case {
    const char* url;
    const char* stripped;
    const char* host;
  };
  for (const auto& c : std::initializer_list<Case>{
           {"https://dana@dev.azure.com/o/p/_git/r", "https://dev.azure.com/o/p/_git/r", "dev.azure.com"},
           {"https://dana:pat@dev.azure.com/o", "https://dev.azure.com/o", "dev.azure.com"},
           {"https://a@b@Host.Example:8443/x@y", "https://Host.Example:8443/x@y", "host.example"},
           {"https://host/tfs/V1 Integration", "https://host/tfs/V1 Integration", "host"},
           {"https://u@[2001:db8::1]:8080/x", "https://[2001:db8::1]:8080/x", "[2001:db8::1]"},
           {"https://u@[2001:db8::1]/x", "https://[2001:db8::1]/x", "[2001:db8::1]"},
           {"https://host", "https://host", "host"},
           {"https://u:p@", "https://", ""},
           {"ssh://git@ssh.dev.azure.com/v3/o/p/r", "ssh://ssh.dev.azure.com/v3/o/p/r", "ssh.dev.azure.com"},
           {"git@ssh.dev.azure.com:v3/o/p/r", "", ""},
           {"://", "://", ""},
       }) {
    PushOptions options;
    options.remote_url = c.url;
    const auto event = parse_event(make_push_payload(options));
    EXPECT_EQ(event.repository->remote_url, c.stripped) << c.url;
    EXPECT_EQ(event.host, *c.host == 0 ? "dev.azure.com" : c.host) << c.url;  // else from resourceContainers
  }
}

TEST(ParseEvent, RecognisesTestsBySubscriptionAndByCannedId) {
  EXPECT_TRUE(parse_event(test::make_test_push_payload()).is_test);
  EXPECT_TRUE(parse_event(test::make_test_push_payload("9430ae8f-0000-4000-8000-5d3bf6f3a111")).is_test);
  EXPECT_TRUE(parse_event(R"({"eventType":"build.complete","id":"4A5D99D6-1C75-4E53-91B9-EE80057D4CE3","resource":{}})")
                  .is_test);
  PushOptions options;
  options.subscription_id = "00000000-0000-0000-0000-000000000001";
  EXPECT_FALSE(parse_event(make_push_payload(options)).is_test);
}

TEST(ParseEvent, SaysWhatToChangeWhenNothingCanBeDecided) {
  struct Case {
    const char* name;
    std::string body;
    const char* reason;
  };
  PushOptions minimal, none, anonymous;
  minimal.details = test::ResourceDetails::kMinimal;
  none.details = test::ResourceDetails::kNone;
  anonymous.details = test::ResourceDetails::kNone;
  anonymous.subscription_id.clear();
  for (const auto& c : std::initializer_list<Case>{
           {"minimal", make_push_payload(minimal),
            "the push carries no refUpdates: set \"Resource details to send\" to All in the service-hook subscription "
            "\"7f1c2a50-96d3-4be4-8d0e-5b0f6f2b9c11\""},
           {"none", make_push_payload(none),
            "the event carries no resource: set \"Resource details to send\" to All in the service-hook subscription "
            "\"7f1c2a50-96d3-4be4-8d0e-5b0f6f2b9c11\""},
           {"no subscription id", make_push_payload(anonymous),
            "the event carries no resource: set \"Resource details to send\" to All in the service-hook subscription"},
           {"null", push_with("null"),
            "the push carries no refUpdates: set \"Resource details to send\" to All in the service-hook subscription "
            "\"s1\""},
           {"wrong type", push_with("{}"),
            "the push's refUpdates are not an array: set \"Resource details to send\" to All in the service-hook "
            "subscription \"s1\""},
           {"empty", push_with("[]"), "the push updates no ref"},
           {"useless", push_with("[7]"),
            "no entry of the push's refUpdates is usable: refUpdates[0] was skipped: it is not an object"},
           {"resource of another type", R"({"eventType":"git.push","resource":"x"})",
            "the push carries no refUpdates: set \"Resource details to send\" to All in the service-hook subscription"},
           {"another event", R"({"eventType":"build.complete","resource":null})",
            "the event carries no resource: set \"Resource details to send\" to All in the service-hook subscription"},
       }) {
    EXPECT_EQ(parse_event(c.body).not_actionable, c.reason) << c.name;
  }
}

TEST(ParseEvent, SurvivesNullsAndWrongTypesEverywhere) {
  for (const char* value : {"null", "1", "true", "\"x\"", "[]", "{}", "[null]", "1e999", "-5", "3.5"}) {
    const std::string v = value;
    if (v == "1e999") continue;  // not a number that the parser takes
    const auto body = R"({"eventType":"git.push","id":)" + v + R"(,"subscriptionId":)" + v + R"(,"notificationId":)" +
                      v + R"(,"publisherId":)" + v + R"(,"message":)" + v + R"(,"resourceVersion":)" + v +
                      R"(,"resourceContainers":)" + v + R"(,"createdDate":)" + v + R"(,"new":)" + v +
                      R"(,"resource":{"pushId":)" + v + R"(,"pushedBy":)" + v + R"(,"repository":)" + v +
                      R"(,"commits":)" + v + R"(,"refUpdates":[{"name":"refs/heads/main","oldObjectId":)" + v +
                      R"(,"newObjectId":")" + make_object_id(2) + R"(","forced":)" + v + "}]}}";
    const auto event = parse_event(body);
    ASSERT_EQ(event.ref_updates.size(), 1u) << value;
    EXPECT_EQ(event.not_actionable, "") << value;
    EXPECT_EQ(event.ref_updates[0].old_object_id, "") << value;
    EXPECT_FALSE(push_key(event, event.ref_updates[0]).empty());
  }
}

TEST(ParseEvent, SkipsEntriesThatCannotBeRefsAndSaysWhy) {
  const auto id = make_object_id(2);
  struct Case {
    const char* name;
    std::string entry;
    std::string note;
  };
  const auto named = [&](const std::string& name) {
    return R"({"name":")" + name + R"(","newObjectId":")" + id + "\"}";
  };
  for (const auto& c : std::initializer_list<Case>{
           {"no name", R"({"newObjectId":")" + id + "\"}", "it has no name"},
           {"number as name", R"({"name":7,"newObjectId":")" + id + "\"}", "it has no name"},
           {"short name", named("main"), "its name \"main\" is not a ref name"},
           {"option", named("--upload-pack=x"), "its name \"--upload-pack=x\" is not a ref name"},
           {"space", named("refs/heads/a b"), "its name \"refs/heads/a b\" is not a ref name"},
           {"dots", named("refs/heads/a..b"), "its name \"refs/heads/a..b\" is not a ref name"},
           {"colon", named("refs/heads/a:b"), "its name \"refs/heads/a:b\" is not a ref name"},
           {"empty part", named("refs//a"), "its name \"refs//a\" is not a ref name"},
           {"lock", named("refs/heads/a.lock"), "its name \"refs/heads/a.lock\" is not a ref name"},
           {"control character", named("refs/heads/a\\u0007"), "its name \"refs/heads/a\\u0007\" is not a ref name"},
           {"no id", R"({"name":"refs/heads/a"})", "it has no newObjectId"},
           {"short id", R"({"name":"refs/heads/a","newObjectId":"abc"})",
            "its newObjectId \"abc\" is not an object id of 40 or 64 hexadecimal digits"},
           {"no hex", R"({"name":"refs/heads/a","newObjectId":")" + repeat("g", 40) + "\"}",
            "its newObjectId \"" + repeat("g", 40) + "\" is not an object id of 40 or 64 hexadecimal digits"},
           {"null", "null", "it is not an object"},
       }) {
    const auto event = parse_event(push_with("[" + c.entry + "," + named("refs/heads/good") + "]"));
    ASSERT_EQ(event.ref_updates.size(), 1u) << c.name;
    EXPECT_EQ(event.ref_updates[0].name, "refs/heads/good") << c.name;
    EXPECT_EQ(event.ref_updates[0].index, 1u) << c.name;
    ASSERT_EQ(event.notes.size(), 1u) << c.name;
    EXPECT_EQ(event.notes[0], "refUpdates[0] was skipped: " + c.note) << c.name;
  }
}

TEST(ParseEvent, AcceptsSha256IdsAndUpperCase) {
  const auto event = parse_event(push_with(R"([{"name":"refs/heads/a","newObjectId":")" + repeat("AB", 32) + "\"}]"));
  EXPECT_EQ(event.ref_updates.at(0).new_object_id, repeat("ab", 32));
  EXPECT_TRUE(parse_event(push_with(R"([{"name":"refs/heads/a","newObjectId":")" + repeat("0", 64) + "\"}]"))
                  .ref_updates.at(0)
                  .is_deletion());
}

TEST(ParseEvent, DropsRepetitionsOfTheSameUpdate) {
  const auto entry = R"({"name":"refs/heads/a","newObjectId":")" + make_object_id(2) + "\"}";
  EXPECT_EQ(parse_event(push_with("[" + entry + "," + entry + "]")).ref_updates.size(), 1u);
}

TEST(ParseEvent, BoundsTheNumberOfRefs) {
  std::string entries;
  for (int i = 0; i < 10'050; ++i) {
    entries += R"({"name":"refs/heads/b)" + std::to_string(i) + R"(","newObjectId":")" + make_object_id(2) + "\"},";
  }
  entries.pop_back();
  const auto event = parse_event(push_with("[" + entries + "]"));
  EXPECT_EQ(event.ref_updates.size(), 10'000u);
  EXPECT_EQ(event.notes.at(0), "only the first 10000 of 10050 refUpdates were read");
}

TEST(ParseEvent, RefusesWhatIsNoEvent) {
  for (const char* body : {"", "x", "[]", "\"text\"", "null", "{", "{}", R"({"eventType":null})", R"({"eventType":""})",
                           R"({"eventType":5})", "{\"eventType\":\"\xFF\"}", "\xFF\xFE{\x00}"}) {
    try {
      parse_event(body);
      ADD_FAILURE() << body;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput) << body;
    }
  }
  EXPECT_THROW(parse_event(R"({"eventType":"git.push","x":)" + repeat("[", 100) + repeat("]", 100) + "}"), Error);
}

TEST(PushKey, IsTheSameForTheSamePushThroughAnotherSubscription) {
  PushOptions one, other;
  other.subscription_id = "another";
  other.notification_id = 99;
  other.event_id = "another event";
  other.remote_url = "https://fabrikam.visualstudio.com/DefaultCollection/Fabrikam%20Web/_git/shop";
  other.repository_id = "5B3E2B0C-7D54-4F0E-8C55-1D2B9D0F4A77";
  const auto a = parse_event(make_push_payload(one));
  const auto b = parse_event(make_push_payload(other));
  EXPECT_EQ(push_key(a, a.ref_updates[0]), push_key(b, b.ref_updates[0]));
}

TEST(PushKey, DiffersWhenAnythingOfThePushDiffers) {
  std::set<std::string> keys;
  std::size_t made = 0;
  const auto add = [&](const PushOptions& options) {
    const auto event = parse_event(make_push_payload(options));
    keys.insert(push_key(event, event.ref_updates.at(0)));
    ++made;
  };
  PushOptions options;
  add(options);
  options.push_id = 42;
  add(options);
  options.refs[0].name = "refs/heads/dev";
  add(options);
  options.refs[0].new_id = make_object_id(9);
  add(options);
  options.repository_id = "another";
  add(options);
  options.repository_id.clear();
  add(options);
  options.repository = "shop2";
  add(options);
  options.project = "Other";
  add(options);
  options.remote_url = "https://tfs.example/x";
  add(options);
  options.push_id.reset();
  add(options);
  options.event_id = "another";
  add(options);
  EXPECT_EQ(keys.size(), made);
}

TEST(PushKey, LeavesNoRoomForCollisionsByName) {
  PushOptions a, b;
  a.repository_id = b.repository_id = "";
  a.project = "x;1:y";
  a.repository = "z";
  b.project = "x";
  b.repository = "1:y;z";
  const auto first = parse_event(make_push_payload(a));
  const auto second = parse_event(make_push_payload(b));
  EXPECT_NE(push_key(first, first.ref_updates[0]), push_key(second, second.ref_updates[0]));
}

TEST(PushKey, IgnoresTheCaseOfNames) {
  PushOptions a, b;
  a.repository_id = b.repository_id = "";
  b.project = "FABRIKAM web";
  b.repository = "SHOP";
  b.remote_url = "https://DEV.azure.com/x";
  const auto first = parse_event(make_push_payload(a));
  const auto second = parse_event(make_push_payload(b));
  EXPECT_EQ(push_key(first, first.ref_updates[0]), push_key(second, second.ref_updates[0]));
}

TEST(EventKey, IsTheIdOrTheBody) {
  const auto key = [](const std::string& body) { return event_key(parse_event(body)); };
  EXPECT_EQ(key(R"({"eventType":"a","id":"x"})"), key(R"({"eventType":"a","id":"X","resource":{}})"));
  EXPECT_NE(key(R"({"eventType":"a","id":"x"})"), key(R"({"eventType":"b","id":"x"})"));
  EXPECT_EQ(key(R"({"eventType":"a","n":1})"), key(R"({ "eventType" : "a", "n":1 })"));
  EXPECT_NE(key(R"({"eventType":"a","n":1})"), key(R"({"eventType":"a","n":2})"));
}

TEST(ClientRequestToken, DependsOnEachPartAndFitsCodePipeline) {
  std::set<std::string> tokens;
  for (const char* push : {"p", "pw"}) {
    for (const char* webhook : {"w", "ww", ""}) {
      for (const char* pipeline : {"l", "wl"}) {
        for (const int generation : {0, 1}) tokens.insert(client_request_token(push, webhook, pipeline, generation));
      }
    }
  }
  EXPECT_EQ(tokens.size(), 24u);
  for (const auto& token : tokens) {
    EXPECT_EQ(token.size(), 64u);
    EXPECT_EQ(token.find_first_not_of("0123456789abcdef"), std::string::npos);
  }
  EXPECT_EQ(client_request_token("p", "w", "l", 0), client_request_token("p", "w", "l", 0));
}

}  // namespace
}  // namespace penstock::hooks
