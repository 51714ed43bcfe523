#include "core/store/deliveries.h"

#include <sys/stat.h>

#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

using Deliveries = StoreTest;

TEST_F(Deliveries, ReadsBackEverythingThatWasRecorded) {
  NewTrigger trigger = make_trigger("push-1");
  trigger.variables = {{"COMMIT", "a\"b\n\xc3\xa4"}, {"EMPTY", ""}};
  trigger.undecided = true;
  NewDelivery recorded = delivery({trigger});
  recorded.notification_id = 9'000'000'000;
  recorded.duplicate_key = "sub:9";
  recorded.body = std::string("\0\xff{}", 4);
  recorded.body_bytes = 4021;
  RecordedDelivery answer = store().record_delivery(recorded);
  EXPECT_EQ(answer.id, recorded.id);
  EXPECT_EQ(answer.outcome, Outcome::kTriggered);
  EXPECT_EQ(answer.reason, "all filters passed");
  EXPECT_FALSE(answer.duplicate_of);
  ASSERT_EQ(answer.trigger_ids.size(), 1u);

  reopen();
  std::optional<Delivery> found = store().find_delivery(recorded.id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->received_at, recorded.received_at);
  EXPECT_EQ(found->endpoint, "azure-devops");
  EXPECT_EQ(found->remote_address, "192.0.2.7");
  EXPECT_EQ(found->outcome, Outcome::kTriggered);
  EXPECT_EQ(found->event_type, "git.push");
  EXPECT_EQ(found->event_id, recorded.event_id);
  EXPECT_EQ(found->subscription_id, recorded.subscription_id);
  EXPECT_EQ(found->publisher_id, "tfs");
  EXPECT_EQ(found->notification_id, 9'000'000'000);
  EXPECT_EQ(found->repository_id, recorded.repository_id);
  EXPECT_EQ(found->repository_name, "Shop");
  EXPECT_EQ(found->project, "Fabrikam");
  ASSERT_EQ(found->ref_updates.size(), 1u);
  EXPECT_EQ(found->ref_updates[0].name, "refs/heads/main");
  EXPECT_EQ(found->ref_updates[0].old_object_id, std::string(40, '0'));
  EXPECT_EQ(found->ref_updates[0].new_object_id, std::string(40, 'a'));
  EXPECT_EQ(found->decisions_json, R"([shop-main;, {"webhook":"shop-main"}])");
  EXPECT_EQ(found->judged_webhooks, std::vector<std::string>{"shop-main"});
  EXPECT_EQ(found->request_headers_json, recorded.request_headers_json);
  EXPECT_EQ(found->body, recorded.body);
  EXPECT_EQ(found->body_bytes, 4021u);
  EXPECT_EQ(found->body_sha256, recorded.body_sha256);
  ASSERT_EQ(found->triggers.size(), 1u);
  const Trigger& stored = found->triggers[0];
  EXPECT_EQ(stored.id, answer.trigger_ids[0]);
  EXPECT_EQ(stored.delivery_id, recorded.id);
  EXPECT_EQ(stored.push_key, "push-1");
  EXPECT_EQ(stored.webhook, "shop-main");
  EXPECT_EQ(stored.pipeline, "shop");
  EXPECT_EQ(stored.action, "Source");
  EXPECT_EQ(stored.ref, "refs/heads/main");
  EXPECT_EQ(stored.commit_id, trigger.commit_id);
  EXPECT_EQ(stored.variables, trigger.variables);
  EXPECT_EQ(stored.generation, 0);
  EXPECT_EQ(stored.client_request_token, sha256_hex("push-1|shop-main|shop|0"));
  EXPECT_EQ(stored.state, TriggerState::kPending);
  EXPECT_TRUE(stored.undecided);
  EXPECT_EQ(stored.attempts, 0);
  EXPECT_EQ(stored.created_at, clock_.now());
}

TEST_F(Deliveries, FindsAnIdWrittenInUpperCaseAndNothingForWhatIsNoId) {
  NewDelivery recorded = delivery();
  store().record_delivery(recorded);
  std::string upper = recorded.id;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_TRUE(store().find_delivery(upper));
  EXPECT_FALSE(store().find_delivery(make_uuid_v7(clock_)));
  for (const char* id : {"", "1", "'; DROP TABLE deliveries; --", "../../etc/passwd"})
    EXPECT_FALSE(store().find_delivery(id)) << id;
}

TEST_F(Deliveries, RefusesAnIdThatIsNoUuid) {
  NewDelivery bad = delivery();
  bad.id = "17";
  EXPECT_EQ(error_of([&] { store().record_delivery(bad); }).kind(), ErrorKind::kInvalidInput);
}

TEST_F(Deliveries, TheSameIdAgainReturnsTheFirstResult) {
  NewDelivery once = delivery({make_trigger("push-1")});
  RecordedDelivery first = store().record_delivery(once);
  RecordedDelivery second = store().record_delivery(once);
  EXPECT_EQ(second.outcome, first.outcome);
  EXPECT_EQ(second.trigger_ids, first.trigger_ids);
  EXPECT_EQ(store().list_deliveries({}).deliveries.size(), 1u);
}

struct DedupCase {
  const char* name;
  const char* endpoint;       // of the second delivery
  const char* duplicate_key;  // of the second; the first has "n1"
  Outcome first_outcome;
  std::vector<std::string> first_pipelines, second_pipelines;
  const char* second_push;  // the first has "push-1"
  // expected of the second
  Outcome outcome;
  std::size_t new_triggers;
  bool names_the_first;
};

class Dedup : public StoreTest, public ::testing::WithParamInterface<DedupCase> {};

TEST_P(Dedup, DecidesWhatIsARepetition) {
  const DedupCase& c = GetParam();
  auto triggers = [](const std::string& push, const std::vector<std::string>& pipelines) {
    std::vector<NewTrigger> list;
    for (const auto& pipeline : pipelines) list.push_back(make_trigger(push, pipeline));
    return list;
  };
  // Once with the first delivery in the history, once with it deleted by retention a day later.
  for (bool pruned : {false, true}) {
    SCOPED_TRACE(pruned ? "pruned" : "present");
    store_ = std::make_unique<Store>(store_options(folder_.path() / (pruned ? "pruned.db" : "present.db")), clock_);
    NewDelivery first = delivery(triggers("push-1", c.first_pipelines));
    first.outcome = c.first_outcome;
    first.duplicate_key = "n1";
    for (const auto& id : store().record_delivery(first).trigger_ids)
      store().mark_trigger_ended(id, TriggerState::kSkipped, "");
    if (pruned) {
      clock_.advance(24h);
      ASSERT_EQ(store().prune(clock_.now(), 10), 1);
      ASSERT_FALSE(store().find_delivery(first.id));
    }
    NewDelivery second = delivery(triggers(c.second_push, c.second_pipelines));
    second.endpoint = c.endpoint;
    second.duplicate_key = c.duplicate_key;
    RecordedDelivery answer = store().record_delivery(second);
    EXPECT_EQ(answer.outcome, c.outcome);
    EXPECT_EQ(answer.trigger_ids.size(), c.new_triggers);
    EXPECT_EQ(answer.reason.find(first.id) != std::string::npos, c.names_the_first) << answer.reason;
    EXPECT_EQ(answer.duplicate_of.has_value(), c.outcome == Outcome::kDuplicate);
    EXPECT_EQ(answer.duplicate_of.value_or(first.id), first.id);
    std::optional<Delivery> stored = store().find_delivery(second.id);
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->outcome, answer.outcome);
    EXPECT_EQ(stored->reason, answer.reason);
    EXPECT_EQ(stored->duplicate_of, answer.duplicate_of);
    EXPECT_EQ(stored->triggers.size(), c.new_triggers);
    DeliveryQuery by_outcome;
    by_outcome.outcome = answer.outcome;
    EXPECT_EQ(store().list_deliveries(by_outcome).deliveries.at(0).id, second.id);
  }
}

INSTANTIATE_TEST_SUITE_P(Matrix, Dedup,
                         ::testing::Values(DedupCase{"SameNotification",
                                                     "azure-devops",
                                                     "n1",
                                                     Outcome::kTriggered,
                                                     {"a"},
                                                     {"a"},
                                                     "push-1",
                                                     Outcome::kDuplicate,
                                                     0,
                                                     true},
                                           DedupCase{"SameNotificationStartsNothingElse",
                                                     "azure-devops",
                                                     "n1",
                                                     Outcome::kTriggered,
                                                     {"a"},
                                                     {"b"},
                                                     "push-2",
                                                     Outcome::kDuplicate,
                                                     0,
                                                     true},
                                           DedupCase{"SameNotificationOfAFilteredOne",
                                                     "azure-devops",
                                                     "n1",
                                                     Outcome::kFiltered,
                                                     {},
                                                     {"a"},
                                                     "push-1",
                                                     Outcome::kDuplicate,
                                                     0,
                                                     true},
                                           DedupCase{"RejectedOnesBlockNobody",
                                                     "azure-devops",
                                                     "n1",
                                                     Outcome::kRejected,
                                                     {},
                                                     {"a"},
                                                     "push-1",
                                                     Outcome::kTriggered,
                                                     1,
                                                     false},
                                           DedupCase{"OtherEndpointSamePush",
                                                     "other",
                                                     "n1",
                                                     Outcome::kTriggered,
                                                     {"a"},
                                                     {"a"},
                                                     "push-1",
                                                     Outcome::kDuplicate,
                                                     0,
                                                     true},
                                           DedupCase{"OtherEndpointOtherPush",
                                                     "other",
                                                     "n1",
                                                     Outcome::kTriggered,
                                                     {"a"},
                                                     {"a"},
                                                     "push-2",
                                                     Outcome::kTriggered,
                                                     1,
                                                     false},
                                           DedupCase{"OtherSubscriptionSamePush",
                                                     "azure-devops",
                                                     "n2",
                                                     Outcome::kTriggered,
                                                     {"a", "b"},
                                                     {"b", "a"},
                                                     "push-1",
                                                     Outcome::kDuplicate,
                                                     0,
                                                     true},
                                           DedupCase{"SomeTriggersAreNew",
                                                     "azure-devops",
                                                     "n2",
                                                     Outcome::kTriggered,
                                                     {"a"},
                                                     {"a", "b"},
                                                     "push-1",
                                                     Outcome::kTriggered,
                                                     1,
                                                     true},
                                           DedupCase{"FewerTriggersThanBefore",
                                                     "azure-devops",
                                                     "n2",
                                                     Outcome::kTriggered,
                                                     {"a", "b"},
                                                     {"a"},
                                                     "push-1",
                                                     Outcome::kDuplicate,
                                                     0,
                                                     true},
                                           DedupCase{"OtherPush",
                                                     "azure-devops",
                                                     "n2",
                                                     Outcome::kTriggered,
                                                     {"a"},
                                                     {"a"},
                                                     "push-2",
                                                     Outcome::kTriggered,
                                                     1,
                                                     false},
                                           DedupCase{"NoKeyIsNeverTheSame",
                                                     "azure-devops",
                                                     "",
                                                     Outcome::kTriggered,
                                                     {"a"},
                                                     {"a"},
                                                     "push-2",
                                                     Outcome::kTriggered,
                                                     1,
                                                     false},
                                           DedupCase{"NoKeySamePush",
                                                     "azure-devops",
                                                     "",
                                                     Outcome::kTriggered,
                                                     {"a"},
                                                     {"a"},
                                                     "push-1",
                                                     Outcome::kDuplicate,
                                                     0,
                                                     true},
                                           DedupCase{"FilteredStaysFiltered",
                                                     "azure-devops",
                                                     "n2",
                                                     Outcome::kTriggered,
                                                     {"a"},
                                                     {},
                                                     "push-1",
                                                     Outcome::kFiltered,
                                                     0,
                                                     false},
                                           DedupCase{"TwiceTheSameTriggerInOneDelivery",
                                                     "azure-devops",
                                                     "n2",
                                                     Outcome::kTriggered,
                                                     {},
                                                     {"a", "a"},
                                                     "push-1",
                                                     Outcome::kTriggered,
                                                     1,
                                                     false}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(Deliveries, TwoWithoutAKeyAreTwo) {
  EXPECT_EQ(store().record_delivery(delivery()).outcome, Outcome::kFiltered);
  EXPECT_EQ(store().record_delivery(delivery()).outcome, Outcome::kFiltered);
}

TEST_F(Deliveries, AThirdRepetitionIsOneOfTheFirst) {
  NewDelivery first = delivery();
  first.duplicate_key = "n1";
  store().record_delivery(first);
  for (int i = 0; i < 2; ++i) {
    NewDelivery again = delivery();
    again.duplicate_key = "n1";
    EXPECT_EQ(store().record_delivery(again).duplicate_of, first.id);
  }
}

TEST_F(Deliveries, KeysAreForgottenAMonthAfterReceipt) {
  NewDelivery first = delivery({make_trigger("push-1")});
  first.duplicate_key = "n1";
  store().mark_trigger_ended(store().record_delivery(first).trigger_ids[0], TriggerState::kSkipped, "");
  clock_.advance(24h);
  ASSERT_EQ(store().prune(clock_.now(), 10), 1);
  clock_.advance(kKeyRetention);
  store().prune(clock_.now() - 24h, 10);
  NewDelivery again = delivery({make_trigger("push-1")});
  again.duplicate_key = "n1";
  EXPECT_EQ(store().record_delivery(again).outcome, Outcome::kTriggered);
}

TEST_F(Deliveries, ARedeliveryIsTheNextGeneration) {
  NewDelivery first = delivery({make_trigger("push-1"), make_trigger("push-1", "other")});
  first.duplicate_key = "n1";
  store().record_delivery(first);
  for (int generation = 1; generation <= 2; ++generation) {
    NewDelivery again = delivery({make_trigger("push-1"), make_trigger("push-1")});
    again.duplicate_key = "n1";
    again.redelivery_of = first.id;
    RecordedDelivery answer = store().record_delivery(again);
    EXPECT_EQ(answer.outcome, Outcome::kTriggered);
    ASSERT_EQ(answer.trigger_ids.size(), 1u);
    Trigger trigger = store().find_trigger(answer.trigger_ids[0]).value();
    EXPECT_EQ(trigger.generation, generation);
    EXPECT_EQ(trigger.client_request_token, sha256_hex("push-1|shop-main|shop|" + std::to_string(generation)));
    EXPECT_EQ(store().find_delivery(again.id)->redelivery_of, first.id);
  }
}

TEST_F(Deliveries, ARedeliveryCountsGenerationsThatRetentionDeleted) {
  NewDelivery first = delivery({make_trigger("push-1")});
  store().mark_trigger_ended(store().record_delivery(first).trigger_ids[0], TriggerState::kSkipped, "");
  clock_.advance(1h);
  NewDelivery filtered = delivery();
  store().record_delivery(filtered);
  ASSERT_EQ(store().prune(clock_.now(), 10), 1);
  NewDelivery again = delivery({make_trigger("push-1")});
  again.redelivery_of = filtered.id;
  EXPECT_EQ(store().find_trigger(store().record_delivery(again).trigger_ids.at(0))->generation, 1);
}

TEST_F(Deliveries, ARedeliveryOfNothingIsRefused) {
  NewDelivery again = delivery();
  again.redelivery_of = make_uuid_v7(clock_);
  EXPECT_EQ(error_of([&] { store().record_delivery(again); }).kind(), ErrorKind::kNotFound);
  EXPECT_FALSE(store().find_delivery(again.id));
}

TEST_F(Deliveries, OnlyTheNewestRejectedAreKept) {
  Store::Options options = store_options(folder_.path() / "bounded.db");
  options.max_rejected = 3;
  Store bounded(options, clock_);
  NewDelivery kept = delivery();
  bounded.record_delivery(kept);
  std::vector<std::string> ids;
  for (int i = 0; i < 7; ++i) {
    NewDelivery rejected = delivery();
    rejected.outcome = Outcome::kRejected;
    ids.push_back(bounded.record_delivery(rejected).id);
  }
  DeliveryQuery query;
  query.outcome = Outcome::kRejected;
  DeliveryPage page = bounded.list_deliveries(query);
  ASSERT_EQ(page.deliveries.size(), 3u);
  EXPECT_EQ(page.deliveries[2].id, ids[4]);
  EXPECT_TRUE(bounded.find_delivery(kept.id));
}

TEST_F(Deliveries, TheFileIsForItsOwnerOnly) {
  store().record_delivery(delivery());
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat status {};
    ASSERT_EQ(::stat((path().string() + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << suffix;
  }
}

}  // namespace
}  // namespace penstock::store
