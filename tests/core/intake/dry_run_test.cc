#include "core/intake/dry_run.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/json/json.h"
#include "tests/core/intake/intake_fixture.h"

namespace penstock::intake {
namespace {

using test::make_push_payload;
using test::make_test_push_payload;

TEST(DryRun, IsAskedForByAnyValueThatDoesNotDenyIt) {
  struct {
    std::vector<std::pair<std::string, std::string>> headers;
    bool is_asked_for;
  } cases[] = {
      {{}, false},
      {{{"X-Penstock-Dry-Run", "true"}}, true},
      {{{"x-penstock-dry-run", " TRUE "}}, true},
      {{{"X-Penstock-Dry-Run", ""}}, true},
      {{{"X-Penstock-Dry-Run", "ture"}}, true},
      {{{"X-Penstock-Dry-Run", "false"}}, false},
      {{{"X-Penstock-Dry-Run", "False"}}, false},
      {{{"X-Penstock-Dry-Run", "0"}}, false},
      {{{"X-Penstock-Dry-Run", "false"}, {"X-Penstock-Dry-Run", "true"}}, true},
      {{{"X-Penstock-Dry-Runs", "true"}}, false},
  };
  for (const auto& item : cases) {
    EXPECT_EQ(asks_for_dry_run(item.headers), item.is_asked_for)
        << (item.headers.empty() ? "none" : item.headers[0].second);
  }
}

class DryRunTest : public ReceiverTest {
 protected:
  HookAnswer try_out(std::string body, const std::string& password = "right") {
    HookRequest dry = request(std::move(body), password);
    dry.headers.emplace_back("X-Penstock-Dry-Run", "true");
    return receiver_->receive(std::move(dry));
  }
};

TEST_F(DryRunTest, AnswersWithTheDecisionsAndStartsNothing) {
  const HookAnswer answer = try_out(make_push_payload());
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.outcome, store::Outcome::kDryRun);
  EXPECT_EQ(answer.matched, std::vector<std::string>{"main"});
  EXPECT_EQ(answer.reason, "dry run, nothing is started: 1 webhook matched");
  const auto stored = store_->find_delivery(answer.delivery_id);
  EXPECT_TRUE(stored->triggers.empty());
  EXPECT_EQ(stored->decisions_json, answer.decisions_json);
  EXPECT_FALSE(woken());
  const json::Json body = json::parse_json(to_json(answer), "the answer");
  EXPECT_EQ(body["outcome"], "dry-run");
  EXPECT_EQ(body["decisions"][0]["matched"], true);
}

TEST_F(DryRunTest, StandsInNobodysWay) {
  try_out(make_push_payload());
  const HookAnswer real = post(make_push_payload());
  EXPECT_EQ(real.outcome, store::Outcome::kTriggered);
  EXPECT_EQ(to_json(real).find("decisions"), std::string::npos);
  EXPECT_EQ(try_out(make_push_payload()).outcome, store::Outcome::kDryRun);
  EXPECT_EQ(post(make_push_payload()).outcome, store::Outcome::kDuplicate);
}

TEST_F(DryRunTest, IsNothingToStrangersAndToBrokenBodies) {
  const HookAnswer without = post(make_push_payload(), "wrong"), with = try_out(make_push_payload(), "wrong");
  EXPECT_EQ(with.status, 401);
  EXPECT_EQ(to_json(with).substr(60), to_json(without).substr(60));  // behind the id
  EXPECT_EQ(with.decisions_json, "");
  EXPECT_EQ(try_out("no JSON").status, 400);
  for (const store::Delivery& delivery : deliveries()) EXPECT_EQ(delivery.outcome, store::Outcome::kRejected);
}

TEST_F(DryRunTest, SaysWhyNothingWouldBeStartedEither) {
  EXPECT_EQ(try_out(make_test_push_payload()).reason,
            "dry run, nothing is started: portal test: recorded, starts nothing");
  const HookAnswer answer = try_out(R"({"hello": 1})");
  EXPECT_EQ(answer.outcome, store::Outcome::kDryRun);
  EXPECT_EQ(answer.decisions_json, "[]");
}

TEST_F(DryRunTest, IsExplainedButNotRedelivered) {
  const HookAnswer answer = try_out(make_push_payload());
  EXPECT_EQ(receiver_->explain(answer.delivery_id).now.reason, "1 webhook matched");
  try {
    receiver_->redeliver(answer.delivery_id);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConflict);
    EXPECT_NE(std::string(error.what()).find("it was a dry run"), std::string::npos);
  }
}

}  // namespace
}  // namespace penstock::intake
