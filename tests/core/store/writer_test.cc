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

// A ticket that inserts a row, and tells its end.
class InsertTicket final : public Writer::Ticket {
 public:
  using Done = std::function<void(const Error*)>;
  InsertTicket(int x, Done done) : Ticket(1), x_(x), done_(std::move(done)) {}

 private:
  std::string doing() const override { return "inserting " + std::to_string(x_); }
  void run(Connection& connection) override { connection.prepare("INSERT INTO t VALUES (?1)").run(x_); }
  void finish(const Error* error) override { done_(error); }
  const int x_;
  const Done done_;
};

TEST_F(WriterTest, AnswersATicketAfterTheCommitOnItsOwnThread) {
  start({});
  std::promise<std::pair<std::int64_t, std::thread::id>> answer;
  writer_->submit(std::make_unique<InsertTicket>(1, [&](const Error* error) {
    EXPECT_EQ(error, nullptr);
    answer.set_value({rows(), std::this_thread::get_id()});  // seen by others already
  }));
  auto [seen, thread] = answer.get_future().get();
  EXPECT_EQ(seen, 1);
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST_F(WriterTest, EndsEachTicketWithItsOwnErrorAndGoesOnAfterOneThatThrows) {
  start({});
  std::vector<std::string> ends;  // of the writer's thread until it is gone
  {
    Blocker blocker(*writer_);
    for (int x : {1, 1, 2}) {
      writer_->submit(std::make_unique<InsertTicket>(x, [&](const Error* error) {
        ends.push_back(error ? error->code() : "stored");
        throw std::logic_error("the callback's own fault");
      }));
    }
    blocker.release.set_value();
  }
  writer_.reset();
  EXPECT_EQ(ends, (std::vector<std::string>{"stored", "SQLITE_CONSTRAINT", "stored"}));
  EXPECT_EQ(rows(), 2);
}

TEST_F(WriterTest, RefusesATicketOnTheCallersThread) {
  start({.max_waiting = 1});
  Blocker blocker(*writer_);
  std::atomic<int> stored{0};
  writer_->submit(std::make_unique<InsertTicket>(1, [&](const Error* error) { stored += error == nullptr; }));
  std::optional<ErrorKind> refusal;
  writer_->submit(std::make_unique<InsertTicket>(2, [&](const Error* error) {
    ASSERT_TRUE(error);
    EXPECT_STREQ(error->what(), "inserting 2: 1 writes are waiting for the disk already");
    refusal = error->kind();
  }));
  EXPECT_EQ(refusal, ErrorKind::kExhausted);
  blocker.release.set_value();
  blocker.thread.join();
  writer_.reset();  // ends what was accepted
  EXPECT_EQ(stored, 1);
  EXPECT_EQ(rows(), 1);
}

TEST_F(WriterTest, ATicketThatWaitedTooLongIsNotStored) {
  start({.timeout = 30ms});
  std::promise<void> entered, release;
  std::atomic<int> late{0};
  writer_->submit(std::make_unique<InsertTicket>(0, [&](const Error*) {
    entered.set_value();
    release.get_future().wait();
  }));
  entered.get_future().wait();
  writer_->submit(std::make_unique<InsertTicket>(1, [&](const Error* error) {
    late += error && error->kind() == ErrorKind::kTimeout && !error->may_have_happened();
  }));
  EXPECT_EQ(error_of([&] { insert(2); }).kind(), ErrorKind::kTimeout);  // which takes as long
  release.set_value();
  writer_.reset();
  EXPECT_EQ(late, 1);
  EXPECT_EQ(rows(), 1);
}

TEST_F(WriterTest, ACallbackMaySubmitButNotWait) {
  start({});
  std::promise<ErrorKind> waited;
  std::promise<bool> submitted;
  writer_->submit(std::make_unique<InsertTicket>(1, [&](const Error*) {
    waited.set_value(error_of([&] { insert(2); }).kind());
    writer_->submit(std::make_unique<InsertTicket>(3, [&](const Error* error) { submitted.set_value(!error); }));
  }));
  EXPECT_EQ(waited.get_future().get(), ErrorKind::kInternal);
  EXPECT_TRUE(submitted.get_future().get());
}

TEST(StoreUnderLoad, AnswersEveryAsynchronousDeliveryOnceAndBeforeItIsGone) {
  TemporaryDirectory folder(fast_folder());
  SystemClock clock;
  Store::Options options = store_options(folder.path() / "history.db");
  options.max_waiting = 64;
  constexpr int kThreads = 4;
  constexpr int kEach = 300;
  std::vector<std::atomic<int>> answers(kThreads * kEach);
  std::atomic<int> recorded{0}, refused{0};
  {
    Store store(options, clock);
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < kEach; ++i) {
          int number = thread * kEach + i;
          NewDelivery next = make_delivery(clock, {make_trigger("push-" + std::to_string(number))});
          store.record_delivery(next, [&, number, id = next.id](const RecordedDelivery* stored, const Error* error) {
            EXPECT_NE(stored == nullptr, error == nullptr);
            ++answers[static_cast<std::size_t>(number)];
            if (stored) {
              EXPECT_EQ(stored->id, id);
              EXPECT_EQ(stored->trigger_ids.size(), 1u);
              ++recorded;
            } else {
              EXPECT_EQ(error->kind(), ErrorKind::kExhausted) << error->what();
              ++refused;
            }
          });
        }
      });
    }
  }
  for (const auto& count : answers) EXPECT_EQ(count, 1);
  EXPECT_EQ(recorded + refused, kThreads * kEach);
  EXPECT_GE(recorded, 64);
  Store again(options, clock);
  EXPECT_EQ(again.pending_triggers(10'000).size(), static_cast<std::size_t>(recorded));
}

TEST(StoreUnderLoad, RefusesAnAsynchronousDeliveryWithoutAnIdAtOnce) {
  TemporaryDirectory folder(fast_folder());
  testing::FakeClock clock;
  Store store(store_options(folder.path() / "history.db"), clock);
  NewDelivery next = make_delivery(clock);
  next.id = "7";
  bool refused = false;
  store.record_delivery(next, [&](const RecordedDelivery* stored, const Error* error) {
    refused = !stored && error->kind() == ErrorKind::kInvalidInput;
  });
  EXPECT_TRUE(refused);
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
        store.pending_triggers(10);
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
  EXPECT_EQ(store.pending_triggers(1000).size(), static_cast<std::size_t>(kWriters * kEach / 2));
  Store::Stats stats = store.stats();
  EXPECT_EQ(stats.committed_writes, static_cast<std::uint64_t>(kWriters * kEach));
  EXPECT_LT(stats.commits, stats.committed_writes);
  EXPECT_EQ(stats.waiting_writes, 0u);
}

}  // namespace
}  // namespace penstock::store
