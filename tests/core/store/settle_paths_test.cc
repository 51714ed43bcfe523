#include "core/store/settle_paths.h"

#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

using Step = PathsOutcome::Step;

class SettlePaths : public StoreTest {
 protected:
  static NewTrigger awaiting(const std::string& push, const std::string& pipeline = "shop",
                             const std::string& webhook = "shop-main") {
    NewTrigger trigger = make_trigger(push, pipeline, webhook);
    trigger.awaits_paths = true;
    return trigger;
  }
  RecordedDelivery add(std::vector<NewTrigger> triggers) { return store().record_delivery(triggered(triggers)); }
  NewDelivery triggered(std::vector<NewTrigger> triggers) {
    NewDelivery made = delivery(std::move(triggers));
    made.outcome = Outcome::kTriggered;
    made.reason = "waiting";
    return made;
  }
  Trigger get(const std::string& id) { return store().find_trigger(id).value(); }
  std::vector<std::string> settle(const RecordedDelivery& of, std::vector<PathsOutcome> outcomes) {
    return store().settle_paths({.delivery_id = of.id,
                                 .outcomes = std::move(outcomes),
                                 .decisions_json = R"([{"settled":true}])",
                                 .reason = "settled"});
  }
  std::vector<std::string> found(DeliveryQuery query) {
    std::vector<std::string> ids;
    for (const Delivery& each : store().list_deliveries(query).deliveries) ids.push_back(each.id);
    return ids;
  }
};

TEST_F(SettlePaths, ATriggerGoesAndTheDecisionsAreTheNewOnes) {
  const RecordedDelivery recorded = add({awaiting("push-1")});
  const std::string id = recorded.trigger_ids.at(0);
  ASSERT_EQ(store().triggers_awaiting_paths(10).size(), 1u);
  EXPECT_EQ(store().triggers_awaiting_paths(10)[0].delivery_id, recorded.id);
  EXPECT_TRUE(store().pending_triggers(10).at(0).awaits_paths);
  EXPECT_TRUE(settle(recorded, {{.trigger_id = id, .step = Step::kGoes, .note = "unknown"}}).empty());
  EXPECT_TRUE(store().triggers_awaiting_paths(10).empty());
  EXPECT_FALSE(get(id).awaits_paths);
  EXPECT_EQ(get(id).state, TriggerState::kPending);
  EXPECT_EQ(get(id).note, "unknown");
  const Delivery stored = store().find_delivery(recorded.id).value();
  EXPECT_EQ(stored.decisions_json, R"([{"settled":true}])");
  EXPECT_EQ(stored.reason, "settled");
  EXPECT_EQ(stored.outcome, Outcome::kTriggered);
  store().mark_trigger_started(id, "execution-1", clock_.now(), {});
  EXPECT_EQ(get(id).note, "unknown");
}

TEST_F(SettlePaths, TheSameTwiceIsTheSameOnce) {
  const RecordedDelivery recorded = add({awaiting("push-1", "")});
  const PathsOutcome split{.trigger_id = recorded.trigger_ids.at(0),
                           .step = Step::kSplits,
                           .reason = "replaced",
                           .pipelines = {"cart", "search", "cart"}};
  EXPECT_EQ(settle(recorded, {split}).size(), 2u);
  store().settle_paths({.delivery_id = recorded.id, .outcomes = {split}, .decisions_json = "[]", .reason = "again"});
  EXPECT_EQ(store().find_delivery(recorded.id)->triggers.size(), 3u);
  EXPECT_EQ(store().find_delivery(recorded.id)->reason, "settled");
  // What is not there is left alone.
  EXPECT_TRUE(settle({.id = "019a0000-0000-7000-8000-000000000000",
                      .outcome = {},
                      .reason = {},
                      .trigger_ids = {},
                      .duplicate_of = {}},
                     {split})
                  .empty());
}

TEST_F(SettlePaths, ASplitTriggerIsReplacedInItsPlaceAndWithItsKeys) {
  const RecordedDelivery recorded = add({awaiting("push-1", "")});
  const RecordedDelivery later = add({make_trigger("push-2", "cart")});
  const std::string whole = recorded.trigger_ids.at(0);
  const std::vector<std::string> made = settle(
      recorded, {{.trigger_id = whole, .step = Step::kSplits, .reason = "replaced", .pipelines = {"cart", "search"}}});
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(get(whole).state, TriggerState::kSkipped);
  EXPECT_EQ(get(whole).error, "replaced");
  const Trigger cart = get(made[0]);
  EXPECT_EQ(cart.pipeline, "cart");
  EXPECT_EQ(cart.push_key, "push-1");
  EXPECT_EQ(cart.generation, 0);
  EXPECT_EQ(cart.client_request_token, sha256_hex("push-1|shop-main|cart|0"));
  EXPECT_FALSE(cart.awaits_paths);
  std::vector<std::string> order;
  for (const PendingTrigger& pending : store().pending_triggers(10)) order.push_back(pending.id);
  EXPECT_EQ(order, (std::vector{made[0], made[1], later.trigger_ids.at(0)}));
  EXPECT_EQ(found({.pipeline = "search"}), std::vector{recorded.id});
  EXPECT_EQ(found({.pipeline = "cart"}), (std::vector{later.id, recorded.id}));
}

TEST_F(SettlePaths, WhatAnEarlierDeliveryStartedIsNotStartedAgainUnlessRedelivered) {
  add({make_trigger("push-1", "cart")});
  const RecordedDelivery recorded = add({awaiting("push-1", "")});
  const std::string whole = recorded.trigger_ids.at(0);
  EXPECT_EQ(
      settle(recorded, {{.trigger_id = whole, .step = Step::kSplits, .reason = "replaced", .pipelines = {"cart"}}})
          .size(),
      0u);
  EXPECT_EQ(get(whole).error, "replaced; 1 of these triggers exists already");
  NewDelivery again = triggered({awaiting("push-1", "")});
  again.redelivery_of = recorded.id;
  const RecordedDelivery redelivered = store().record_delivery(again);
  const auto made = settle(redelivered, {{.trigger_id = redelivered.trigger_ids.at(0),
                                          .step = Step::kSplits,
                                          .reason = "replaced",
                                          .pipelines = {"cart", "search"}}});
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(get(made[0]).generation, 1);
  EXPECT_EQ(get(made[1]).generation, 1);
}

TEST_F(SettlePaths, ADeliveryThatComesToNothingIsFiltered) {
  const RecordedDelivery recorded = add({awaiting("push-1"), awaiting("push-1", "", "routes")});
  const RecordedDelivery other = add({awaiting("push-2")});
  settle(recorded, {{.trigger_id = recorded.trigger_ids.at(0), .step = Step::kSkips, .reason = "none counts"}});
  EXPECT_EQ(store().find_delivery(recorded.id)->outcome, Outcome::kTriggered);
  settle(recorded, {{.trigger_id = recorded.trigger_ids.at(1), .step = Step::kSkips, .reason = "none counts"}});
  EXPECT_EQ(store().find_delivery(recorded.id)->outcome, Outcome::kFiltered);
  EXPECT_EQ(found({.outcome = Outcome::kFiltered}), std::vector{recorded.id});
  EXPECT_EQ(found({.outcome = Outcome::kTriggered}), std::vector{other.id});
  // The last that is found under a term may go, and the next comes.
  settle(other, {{.trigger_id = other.trigger_ids.at(0), .step = Step::kSkips, .reason = "none counts"}});
  EXPECT_TRUE(found({.outcome = Outcome::kTriggered}).empty());
  const RecordedDelivery third = add({make_trigger("push-3")});
  EXPECT_EQ(found({.outcome = Outcome::kTriggered}), std::vector{third.id});
  clock_.advance(std::chrono::hours(24));
  EXPECT_GT(store().prune(clock_.now(), 10), 0);
  EXPECT_EQ(found({.outcome = Outcome::kFiltered}).size(), 0u);
}

TEST_F(SettlePaths, OneThatWaitsOnCountsItsAttempts) {
  const RecordedDelivery recorded = add({awaiting("push-1")});
  const std::string id = recorded.trigger_ids.at(0);
  const Timestamp next = clock_.now() + 5s;
  store().settle_paths({.delivery_id = recorded.id,
                        .outcomes = {{.trigger_id = id,
                                      .step = Step::kWaits,
                                      .reason = "waiting: the server is down",
                                      .next_attempt_at = next}}});
  EXPECT_EQ(get(id).attempts, 1);
  EXPECT_EQ(get(id).error, "waiting: the server is down");
  EXPECT_EQ(store().triggers_awaiting_paths(10).at(0).next_attempt_at, next);
  EXPECT_EQ(store().find_delivery(recorded.id)->reason, "waiting");
  settle(recorded, {{.trigger_id = id, .step = Step::kGoes}});
  EXPECT_EQ(get(id).attempts, 0);
  EXPECT_EQ(get(id).error, "");
}

TEST_F(SettlePaths, OneThatWasUndecidedMayWaitForItsPaths) {
  NewTrigger undecided = make_trigger("push-1");
  undecided.undecided = true;
  const std::string id = add({undecided}).trigger_ids.at(0);
  store().decide_trigger(id, "[]", {}, AwaitsPaths::kYes);
  EXPECT_TRUE(get(id).awaits_paths);
  EXPECT_EQ(store().triggers_awaiting_paths(10).size(), 1u);
}

}  // namespace
}  // namespace penstock::store
