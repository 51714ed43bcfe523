#include "core/store/delivery_query.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "core/store/deliveries.h"
#include "core/store/sqlite.h"
#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

class DeliveryList : public StoreTest {
 protected:
  std::vector<std::string> ids(const DeliveryQuery& query) {
    std::vector<std::string> ids;
    for (const auto& found : store().list_deliveries(query).deliveries) ids.push_back(found.id);
    return ids;
  }
  // All pages.
  std::vector<std::string> walk(DeliveryQuery query) {
    std::vector<std::string> ids;
    do {
      DeliveryPage page = store().list_deliveries(query);
      EXPECT_LE(page.deliveries.size(), static_cast<std::size_t>(query.limit));
      for (const auto& found : page.deliveries) ids.push_back(found.id);
      query.cursor = page.next_cursor;
    } while (!query.cursor.empty());
    return ids;
  }
  // As the store does under load, when it indexes many together later.
  void record_unindexed(const std::vector<NewDelivery>& deliveries) {
    store_.reset();
    {
      Connection connection(path(), Connection::Mode::kReadWrite, 1000ms);
      RecordCache cache;
      const Store::Options made = store_options(path());
      const RecordOptions options{
          .clock = &clock_, .make_request_token = made.make_request_token, .max_rejected = 10, .cache = &cache};
      Transaction transaction(connection, Transaction::Kind::kWrite);
      for (const NewDelivery& next : deliveries)
        store::record_delivery(connection, PreparedDelivery(next, options), options);
      EXPECT_GE(count_unindexed(connection, cache), deliveries.size());
      transaction.commit();
    }
    reopen();
  }
  std::int64_t unindexed() {
    Connection connection(path(), Connection::Mode::kReadOnly, 1000ms);
    return static_cast<std::int64_t>(load_unindexed(connection).size());
  }
};

TEST_F(DeliveryList, IsEmptyInTheBeginning) {
  DeliveryPage page = store().list_deliveries({});
  EXPECT_TRUE(page.deliveries.empty());
  EXPECT_EQ(page.next_cursor, "");
}

TEST_F(DeliveryList, ShowsSummariesNewestFirst) {
  std::vector<std::string> recorded;
  for (int i = 0; i < 3; ++i) recorded.insert(recorded.begin(), store().record_delivery(delivery()).id);
  EXPECT_EQ(ids({}), recorded);
  Delivery summary = store().list_deliveries({}).deliveries[0];
  EXPECT_EQ(summary.body + summary.decisions_json + summary.request_headers_json, "");
  EXPECT_GT(summary.body_bytes, 0u);
}

TEST_F(DeliveryList, EachPageFollowsTheFormerWhateverComesIn) {
  std::vector<std::string> recorded;
  for (int i = 0; i < 25; ++i) recorded.insert(recorded.begin(), store().record_delivery(delivery()).id);
  DeliveryQuery query;
  query.limit = 4;
  std::vector<std::string> seen;
  do {
    DeliveryPage page = store().list_deliveries(query);
    for (const auto& found : page.deliveries) seen.push_back(found.id);
    query.cursor = page.next_cursor;
    store().record_delivery(delivery());
  } while (!query.cursor.empty());
  EXPECT_EQ(seen, recorded);
}

TEST_F(DeliveryList, APageThatEndsTheListHasNoCursor) {
  for (int i = 0; i < 4; ++i) store().record_delivery(delivery());
  DeliveryQuery query;
  query.limit = 4;
  EXPECT_EQ(store().list_deliveries(query).next_cursor, "");
  query.limit = 3;
  EXPECT_NE(store().list_deliveries(query).next_cursor, "");
}

bool has_webhook(const NewDelivery& delivery, const std::string& name) {
  const auto& names = delivery.webhook_set->names;
  return std::find(names.begin(), names.end(), name) != names.end();
}

// 240 deliveries whose attributes repeat with different periods, so that each combination of filters selects some;
// every combination must agree with a plain comparison of each delivery.
TEST_F(DeliveryList, EveryCombinationOfFiltersSelectsExactlyWhatItSays) {
  std::vector<NewDelivery> recorded, later;
  for (int i = 0; i < 240; ++i) {
    clock_.advance(i % 7 == 0 ? 1000ms : 3ms);
    NewDelivery next = delivery();
    next.event_type = i % 2 ? "git.push" : "git.pullrequest.created";
    next.repository_name = i % 3 ? "Shop" : "shop-Web";
    next.repository_id = i % 3 ? "1B6C2F0D-98A5-4C0E-8A57-6D3A86A4A8D0" : "2b6c2f0d-98a5-4c0e-8a57-6d3a86a4a8d0";
    next.ref_updates = {{i % 5 ? "refs/heads/main" : "refs/heads/Feature", "", ""}};
    if (i % 10 == 0) next.ref_updates.push_back({"refs/tags/v1", "", ""});
    next.search_text = std::string(i % 6 ? "Fixes the crane" : "crane") + (i % 11 ? "" : " übernommen");
    // A configuration that changed, so that a webhook is in several sets.
    next.webhook_set = make_webhook_set(i < 120 ? std::vector<std::string>{i % 4 ? "w1" : "w2", "all"}
                                                : std::vector<std::string>{"all", i % 4 ? "w1" : "w2", "new"});
    if (i % 3 == 1) {
      next.triggers = {make_trigger("push-" + std::to_string(i), i % 2 ? "shop" : "web")};
      next.outcome = Outcome::kTriggered;
    }
    if (i < 100) {
      store().record_delivery(next);
    } else {
      later.push_back(next);
    }
    recorded.push_back(next);
  }
  // A clock that was set back: times of receipt and ids disagree by a minute.
  for (std::size_t i = 0; i < 20; ++i) {
    NewDelivery next = recorded[i];
    next.id = make_uuid_v7(clock_);
    next.received_at = clock_.now() - 60s;
    next.triggers.clear();
    next.outcome = Outcome::kFiltered;
    later.push_back(next);
    recorded.push_back(next);
  }
  record_unindexed(later);
  std::reverse(recorded.begin(), recorded.end());

  struct Filter {
    const char* name;
    std::function<void(DeliveryQuery&)> set;
    std::function<bool(const NewDelivery&)> holds;
  };
  Timestamp since = recorded[200].received_at;
  Timestamp until = recorded[60].received_at;
  auto has_ref = [](const NewDelivery& d, std::string_view ref) {
    return std::any_of(d.ref_updates.begin(), d.ref_updates.end(), [&](const auto& u) { return u.name == ref; });
  };
  const std::vector<std::vector<Filter>> alternatives = {
      {{"event", [](auto& q) { q.event_type = "git.push"; }, [](const auto& d) { return d.event_type == "git.push"; }}},
      {{"name", [](auto& q) { q.repository = "SHOP-WEB"; },
        [](const auto& d) { return d.repository_name == "shop-Web"; }},
       {"id", [](auto& q) { q.repository = "1b6c2f0d-98a5-4c0e-8a57-6d3a86a4a8d0"; },
        [](const auto& d) { return d.repository_name == "Shop"; }}},
      {{"main", [](auto& q) { q.ref = "refs/heads/main"; },
        [&](const auto& d) { return has_ref(d, "refs/heads/main"); }},
       {"tag", [](auto& q) { q.ref = "refs/tags/v1"; }, [&](const auto& d) { return has_ref(d, "refs/tags/v1"); }},
       {"case", [](auto& q) { q.ref = "refs/heads/feature"; }, [](const auto&) { return false; }}},
      {{"outcome", [](auto& q) { q.outcome = Outcome::kTriggered; },
        [](const auto& d) { return d.outcome == Outcome::kTriggered; }}},
      {{"pipeline", [](auto& q) { q.pipeline = "shop"; },
        [](const auto& d) { return !d.triggers.empty() && d.triggers[0].pipeline == "shop"; }}},
      {{"webhook", [](auto& q) { q.webhook = "w2"; }, [](const auto& d) { return has_webhook(d, "w2"); }},
       {"new", [](auto& q) { q.webhook = "new"; }, [](const auto& d) { return has_webhook(d, "new"); }},
       {"all", [](auto& q) { q.webhook = "all"; }, [](const auto&) { return true; }}},
      {{"word", [](auto& q) { q.words = "CRANE fix*"; },
        [](const auto& d) { return d.search_text.starts_with("Fixes"); }},
       {"accent", [](auto& q) { q.words = "ubernommen"; },
        [](const auto& d) { return d.search_text.ends_with("übernommen"); }}},
      {{"since", [&](auto& q) { q.since = since; }, [&](const auto& d) { return d.received_at >= since; }}},
      {{"until", [&](auto& q) { q.until = until; }, [&](const auto& d) { return d.received_at < until; }}},
  };
  int combinations = 0;
  std::function<void(std::size_t, DeliveryQuery, std::vector<const Filter*>)> go =
      [&](std::size_t at, DeliveryQuery query, std::vector<const Filter*> filters) {
        if (at == alternatives.size()) {
          ++combinations;
          std::vector<std::string> expected;
          for (const auto& d : recorded) {
            if (std::all_of(filters.begin(), filters.end(), [&](const Filter* f) { return f->holds(d); }))
              expected.push_back(d.id);
          }
          query.limit = 37;
          std::string name;
          for (const Filter* f : filters) name += std::string(f->name) + " ";
          EXPECT_EQ(walk(query), expected) << name;
          return;
        }
        go(at + 1, query, filters);
        for (const Filter& filter : alternatives[at]) {
          DeliveryQuery narrower = query;
          filter.set(narrower);
          auto more = filters;
          more.push_back(&filter);
          go(at + 1, narrower, more);
        }
      };
  go(0, {}, {});
  EXPECT_EQ(combinations, 2 * 3 * 4 * 2 * 2 * 4 * 3 * 2 * 2);
}

// Ids are made before the writer's turn comes, and a clock may be set back: pages are in the order of ids all the same.
TEST_F(DeliveryList, IsInTheOrderOfIdsWhateverTheOrderOfStoring) {
  std::vector<NewDelivery> made;
  for (int i = 0; i < 300; ++i) {
    clock_.advance(i == 150 ? -90s : 40ms);
    NewDelivery next = delivery();
    next.received_at = clock_.now();
    next.search_text = "word";
    next.event_type = i % 3 ? "git.push" : "other";
    next.id = "0" + next.id.substr(1);
    made.push_back(next);
  }
  std::vector<NewDelivery> stored = made;
  for (std::size_t i = 0; i + 20 <= stored.size(); i += 20)
    std::reverse(stored.begin() + static_cast<std::ptrdiff_t>(i), stored.begin() + static_cast<std::ptrdiff_t>(i + 20));
  for (const NewDelivery& next : stored) store().record_delivery(next);
  std::vector<std::string> all, pushes;
  for (const NewDelivery& next : made) {
    all.push_back(next.id);
    if (next.event_type == "git.push") pushes.push_back(next.id);
  }
  std::sort(all.begin(), all.end(), std::greater<>());
  std::sort(pushes.begin(), pushes.end(), std::greater<>());
  DeliveryQuery query;
  query.limit = 13;
  EXPECT_EQ(walk(query), all);
  query.words = "word";
  EXPECT_EQ(walk(query), all);
  query.event_type = "git.push";
  EXPECT_EQ(walk(query), pushes);
  query.words.reset();
  EXPECT_EQ(walk(query), pushes);
  query.since = made[100].received_at;
  query.until = made[200].received_at;
  std::vector<std::string> some;
  for (const NewDelivery& next : made) {
    if (next.event_type == "git.push" && next.received_at >= *query.since && next.received_at < *query.until)
      some.push_back(next.id);
  }
  std::sort(some.begin(), some.end(), std::greater<>());
  EXPECT_EQ(walk(query), some);
}

TEST_F(DeliveryList, WhatIsNotIndexedYetIsIndexedWithTheNextAndForgottenWhenDeleted) {
  DeliveryQuery query;
  query.repository = "Shop";
  std::vector<NewDelivery> some;
  for (int i = 0; i < 5; ++i) some.push_back(delivery());
  record_unindexed(some);
  EXPECT_EQ(unindexed(), 5);
  EXPECT_EQ(ids(query).size(), 5u);
  store().record_delivery(delivery());
  EXPECT_EQ(unindexed(), 0);
  EXPECT_EQ(ids(query).size(), 6u);

  record_unindexed(some = {delivery(), delivery()});
  clock_.advance(1h);
  EXPECT_EQ(store().prune(clock_.now(), 100), 8);
  EXPECT_EQ(ids(query).size(), 0u);
  // Rows get the numbers of deleted ones again; that must not hide them.
  record_unindexed({delivery()});
  EXPECT_EQ(unindexed(), 1);
  EXPECT_EQ(ids(query).size(), 1u);
}

TEST_F(DeliveryList, ManyAtOnceAreAllFoundThoughOneOfThemFails) {
  std::vector<std::string> expected;
  std::atomic<int> done{0};
  constexpr int kWrites = 600;
  for (int i = 0; i < kWrites; ++i) {
    NewDelivery next = delivery();
    if (i % 97 == 5) {
      next.redelivery_of = make_uuid_v4();  // there is none
    } else {
      expected.insert(expected.begin(), next.id);
    }
    store().record_delivery(std::move(next), [&](const RecordedDelivery*, const Error*) { ++done; });
  }
  while (done < kWrites) std::this_thread::sleep_for(1ms);
  DeliveryQuery query;
  query.limit = 500;
  query.repository = "shop";
  EXPECT_EQ(walk(query), expected);
  EXPECT_LT(unindexed(), 256);
}

TEST_F(DeliveryList, ADuplicateIsFoundByThePipelineItDidNotStart) {
  store().record_delivery(delivery({make_trigger("push-1")}));
  std::string duplicate = store().record_delivery(delivery({make_trigger("push-1")})).id;
  DeliveryQuery query;
  query.pipeline = "shop";
  query.outcome = Outcome::kDuplicate;
  EXPECT_EQ(ids(query), std::vector<std::string>{duplicate});
}

TEST_F(DeliveryList, RefusesCursorsOfOtherQueriesAndWhatIsNone) {
  for (int i = 0; i < 3; ++i) store().record_delivery(delivery());
  DeliveryQuery query;
  query.limit = 1;
  query.cursor = store().list_deliveries(query).next_cursor;
  query.limit = 2;  // another page size is the same query
  EXPECT_EQ(store().list_deliveries(query).deliveries.size(), 2u);
  query.event_type = "git.push";
  EXPECT_EQ(error_of([&] { store().list_deliveries(query); }).kind(), ErrorKind::kInvalidInput);
  JobQuery jobs;
  jobs.cursor = query.cursor;
  EXPECT_EQ(error_of([&] { store().list_jobs(jobs); }).kind(), ErrorKind::kInvalidInput);
  for (const char* cursor : {"x", "00", "' OR 1=1", "AAAAAAAAAAAAAAAAAAAAAAAA"}) {
    DeliveryQuery foreign;
    foreign.cursor = cursor;
    EXPECT_EQ(error_of([&] { store().list_deliveries(foreign); }).kind(), ErrorKind::kInvalidInput) << cursor;
  }
}

TEST_F(DeliveryList, RefusesALimitOutOfRange) {
  for (int limit : {-1, 0, 501}) {
    DeliveryQuery query;
    query.limit = limit;
    EXPECT_EQ(error_of([&] { store().list_deliveries(query); }).kind(), ErrorKind::kInvalidInput) << limit;
  }
}

}  // namespace
}  // namespace penstock::store
