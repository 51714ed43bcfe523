#include "core/store/writer.h"

#include <atomic>
#include <future>
#include <set>
#include <stdexcept>
#include <thread>

#include "core/store/schema.h"
#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

class WriterTest : public ::testing::Test {
 protected:
  Writer& start(const Writer::Options& options) {
    create_database_file(path_);
    auto connection = std::make_unique<Connection>(path_, Connection::Mode::kReadWrite, 100ms);
    connection->execute("PRAGMA journal_mode = WAL; CREATE TABLE t (x INTEGER PRIMARY KEY)");
    writer_ = std::make_unique<Writer>(std::move(connection), options);
    return *writer_;
  }
  void insert(int x) {
    writer_->run<void>("inserting", 1,
                       [x](Connection& connection) { connection.prepare("INSERT INTO t VALUES (?1)").run(x); });
  }
  std::int64_t rows() {
    return Connection(path_, Connection::Mode::kReadOnly, 1s).query_integer("SELECT count(*) FROM t").value();
  }
  void wait_for_waiting(std::size_t waiting) {
    while (writer_->counts().waiting != waiting) std::this_thread::yield();
  }

  TemporaryDirectory folder_{fast_folder()};
  std::filesystem::path path_ = folder_.path() / "x.db";
  std::unique_ptr<Writer> writer_;
};

// Keeps the writer busy until released.
struct Blocker {
  std::promise<void> entered, release;
  std::jthread thread;
  explicit Blocker(Writer& writer) {
    thread = std::jthread([&writer, this, gate = release.get_future().share()] {
      writer.run<void>("blocking", 1, [this, gate](Connection&) {
        entered.set_value();
        gate.wait();
      });
    });
    entered.get_future().wait();
  }
};

TEST_F(WriterTest, CommitsInOneTransactionWhatCameMeanwhile) {
  start({});
  std::vector<std::jthread> callers;
  {
    Blocker blocker(*writer_);
    for (int i = 0; i < 20; ++i) callers.emplace_back([&, i] { insert(i); });
    wait_for_waiting(20);
    blocker.release.set_value();
  }
  callers.clear();
  EXPECT_EQ(rows(), 20);
  EXPECT_EQ(writer_->counts().commits, 2u);
  EXPECT_EQ(writer_->counts().committed_writes, 21u);
}

TEST_F(WriterTest, AnErrorUndoesOnlyItsOwnPart) {
  start({});
  std::vector<std::jthread> callers;
  std::atomic<int> errors{0};
  {
    Blocker blocker(*writer_);
    for (int i = 0; i < 10; ++i) {
      callers.emplace_back([&, i] {
        try {
          writer_->run<void>("working", 1, [i](Connection& connection) {
            connection.prepare("INSERT INTO t VALUES (?1)").run(i);
            if (i % 2) throw Error(ErrorKind::kConflict, "no");
          });
        } catch (const Error& error) {
          EXPECT_EQ(error.kind(), ErrorKind::kConflict);
          EXPECT_STREQ(error.what(), "working: no");
          ++errors;
        }
      });
    }
    wait_for_waiting(10);
    blocker.release.set_value();
  }
  callers.clear();
  EXPECT_EQ(errors, 5);
  EXPECT_EQ(rows(), 5);
}

TEST_F(WriterTest, WhatIsNoErrorOfOursIsInternal) {
  start({});
  Error error =
      error_of([&] { writer_->run<void>("working", 1, [](Connection&) { throw std::logic_error("oops"); }); });
  EXPECT_EQ(error.kind(), ErrorKind::kInternal);
  EXPECT_STREQ(error.what(), "working: oops");
  EXPECT_EQ(writer_->run<int>("working", 1, [](Connection&) { return 7; }), 7);
}

TEST_F(WriterTest, ACallerThatGaveUpWhileWaitingHasWithdrawn) {
  start({.timeout = 50ms});
  std::promise<void> entered, release;
  std::jthread first([&, gate = release.get_future().share()] {
    auto held = std::make_shared<int>(1);
    Error error = error_of([&] {
      writer_->run<void>("first", 1, [&entered, gate, held](Connection& connection) {
        entered.set_value();
        gate.wait();
        connection.prepare("INSERT INTO t VALUES (?1)").run(*held);
      });
    });
    EXPECT_EQ(error.kind(), ErrorKind::kTimeout);
    EXPECT_TRUE(error.may_have_happened());
  });
  entered.get_future().wait();
  Error error = error_of([&] { insert(2); });
  EXPECT_EQ(error.kind(), ErrorKind::kTimeout);
  EXPECT_FALSE(error.may_have_happened());
  first.join();  // its caller is gone, its work still runs
  release.set_value();
  writer_.reset();
  EXPECT_EQ(rows(), 1);
}

TEST_F(WriterTest, RefusesAtOnceWhenTooMuchIsWaiting) {
  start({.max_waiting = 3, .max_waiting_bytes = 100});
  std::vector<std::jthread> callers;
  Blocker blocker(*writer_);
  auto write = [&](std::size_t bytes) { writer_->run<void>("writing", bytes, [](Connection&) {}); };
  callers.emplace_back([&] { write(1000); });  // the first is let in whatever it weighs
  wait_for_waiting(1);
  EXPECT_EQ(error_of([&] { write(1); }).kind(), ErrorKind::kExhausted);
  blocker.release.set_value();
  callers.clear();

  Blocker again(*writer_);
  for (std::size_t i = 1; i <= 3; ++i) {
    callers.emplace_back([&] { write(1); });
    wait_for_waiting(i);
  }
  EXPECT_EQ(error_of([&] { write(1); }).kind(), ErrorKind::kExhausted);
  again.release.set_value();
}

TEST(StoreUnderLoad, SixteenWritersShareCommitsAndReadersSeeWholeDeliveries) {
  TemporaryDirectory folder;
  SystemClock clock;
  Store store(store_options(folder.path() / "history.db"), clock);
  constexpr int kWriters = 16;
  constexpr int kEach = 25;
  std::atomic<int> duplicates{0};
  std::atomic<bool> done{false};
  std::vector<std::jthread> readers;
  for (int reader = 0; reader < 4; ++reader) {
    readers.emplace_back([&] {
      while (!done) {
        DeliveryQuery query;
        query.limit = 20;
        query.repository = "shop";
        std::set<std::string> seen;
        do {
          DeliveryPage page = store.list_deliveries(query);
          for (const auto& found : page.deliveries) {
            EXPECT_TRUE(seen.insert(found.id).second);
            EXPECT_EQ(found.triggers.size(), found.outcome == Outcome::kDuplicate ? 0u : 1u);
          }
          query.cursor = page.next_cursor;
        } while (!query.cursor.empty());
        store.due_triggers(clock.now(), 10);
      }
    });
  }
  {
    std::vector<std::jthread> writers;
    for (int writer = 0; writer < kWriters; ++writer) {
      writers.emplace_back([&, writer] {
        for (int i = 0; i < kEach; ++i) {
          // Each push arrives twice, from two threads.
          std::string push = "push-" + std::to_string(writer / 2) + "-" + std::to_string(i);
          if (store.record_delivery(make_delivery(clock, {make_trigger(push)})).outcome == Outcome::kDuplicate)
            ++duplicates;
        }
      });
    }
  }
  done = true;
  readers.clear();
  EXPECT_EQ(duplicates, kWriters * kEach / 2);
  EXPECT_EQ(store.due_triggers(clock.now(), 1000).size(), static_cast<std::size_t>(kWriters * kEach / 2));
  Store::Stats stats = store.stats();
  EXPECT_EQ(stats.committed_writes, static_cast<std::uint64_t>(kWriters * kEach));
  EXPECT_LT(stats.commits, stats.committed_writes);
  EXPECT_EQ(stats.waiting_writes, 0u);
}

}  // namespace
}  // namespace penstock::store
