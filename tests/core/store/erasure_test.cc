#include "core/store/erasure.h"

#include <fstream>
#include <iterator>

#include "core/store/sqlite.h"
#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

class Erasure : public StoreTest {
 protected:
  bool files_contain(const std::string& text) {
    for (const auto& entry : std::filesystem::directory_iterator(path().parent_path())) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      if (bytes.find(text) != std::string::npos) return true;
    }
    return false;
  }
  void erase_all() {
    for (int i = 0; store().erase_more(); ++i) ASSERT_LT(i, 100);
  }
  // A push with a name in every place that is kept.
  NewDelivery personal(const std::string& name, int number) {
    NewTrigger trigger = make_trigger("repository|" + std::to_string(number) + "|refs/heads/" + name);
    trigger.ref = "refs/heads/" + name;
    trigger.variables = {{"WHO", name}};
    NewDelivery next = delivery({trigger});
    next.outcome = Outcome::kTriggered;
    next.reason = "by " + name;
    next.ref_updates = {{"refs/heads/" + name, "", ""}};
    next.search_text = "written by " + name + " alone";
    next.request_headers_json = "{\"X-Who\":\"" + name + "\"}";
    next.evidence = "\"" + name + "\"";
    next.body = std::string(5000, '.') + name + std::string(9000, '.');
    next.duplicate_key = "subscription/" + std::to_string(number);
    return next;
  }
  void finish(const std::string& id) {
    const Delivery found = store().find_delivery(id).value();
    for (const Trigger& trigger : found.triggers) store().mark_trigger_ended(trigger.id, TriggerState::kSkipped, "");
  }
  std::string add_job(const std::string& delivery_id, const std::string& name, JobState state) {
    Job job;
    job.job_id = make_uuid_v4();
    job.action_type = "Source/Custom/X/1";
    job.delivery_id = delivery_id;
    job.claimed_at = clock_.now();
    job.state = state;
    const std::string id = store().journal_job(job);
    store().append_job_log(id, {{.text = "fetched for " + name}});
    return id;
  }
};

TEST_F(Erasure, LeavesNoByteOfThePersonInTheFiles) {
  for (int i = 0; i < 40; ++i) {
    const NewDelivery other = personal("somebody" + std::to_string(i), i);
    store().record_delivery(other);
    finish(other.id);
  }
  const NewDelivery next = personal("zebulonquux", 100);
  store().record_delivery(next);
  finish(next.id);
  // What was rewritten is gone as well.
  store().mark_trigger_ended(store().find_delivery(next.id)->triggers[0].id, TriggerState::kSkipped, "");
  const std::string job = add_job(next.id, "zebulonquux", JobState::kSucceeded);
  for (int i = 41; i < 60; ++i) {
    const NewDelivery other = personal("somebody" + std::to_string(i), i);
    store().record_delivery(other);
  }
  ASSERT_TRUE(files_contain("zebulonquux"));
  EXPECT_EQ(store().delete_delivery(next.id).jobs, 1);
  EXPECT_FALSE(store().find_delivery(next.id));
  EXPECT_FALSE(store().find_job(job));
  DeliveryQuery words;
  words.words = "zebulonquux";
  EXPECT_TRUE(store().list_deliveries(words).deliveries.empty());
  erase_all();
  EXPECT_FALSE(files_contain("zebulonquux"));
  words.words = "somebody7";
  EXPECT_EQ(store().list_deliveries(words).deliveries.size(), 1u);
}

TEST_F(Erasure, TheSamePushStartsNothingAgain) {
  clock_.advance(90 * 24h);
  NewDelivery first = personal("ada", 1);
  first.received_at = clock_.now() - 40 * 24h;  // longer ago than keys are kept otherwise
  store().record_delivery(first);
  finish(first.id);
  store().delete_delivery(first.id);
  reopen();
  NewDelivery repeated = personal("ada", 1);
  EXPECT_EQ(store().record_delivery(repeated).outcome, Outcome::kDuplicate);
  NewDelivery redelivered = personal("ada", 1);  // another notification of the same push
  redelivered.duplicate_key = "subscription/other";
  const RecordedDelivery recorded = store().record_delivery(redelivered);
  EXPECT_EQ(recorded.outcome, Outcome::kDuplicate);
  EXPECT_TRUE(recorded.trigger_ids.empty());
}

TEST_F(Erasure, WaitsForWhatIsUnfinished) {
  const NewDelivery next = personal("ada", 1);
  store().record_delivery(next);
  EXPECT_EQ(error_of([&] { store().delete_delivery(next.id); }).kind(), ErrorKind::kConflict);
  finish(next.id);
  const std::string job = add_job(next.id, "ada", JobState::kRunning);
  EXPECT_EQ(error_of([&] { store().delete_delivery(next.id); }).kind(), ErrorKind::kConflict);
  EXPECT_TRUE(store().find_job(job));
  Job done = *store().find_job(job);
  done.state = JobState::kFailed;
  store().update_job(done);
  store().delete_delivery(next.id);
  for (const std::string& id : {next.id, make_uuid_v4(), std::string("x"), std::string()})
    EXPECT_EQ(error_of([&] { store().delete_delivery(id); }).kind(), ErrorKind::kNotFound) << id;
}

}  // namespace
}  // namespace penstock::store
