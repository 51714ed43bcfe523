// Whatever call of the file system fails, once or until it is repaired: what was answered stays, also when power fails
// right then; nothing is half stored; and the store works again without being reopened once the fault is gone.
#include <set>
#include <thread>

#include <sqlite3.h>

#include "core/store/sqlite.h"
#include "tests/core/store/failing_vfs.h"
#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

using Call = FailingVfs::Call;
using Lasts = FailingVfs::Lasts;

struct EveryCallCase {
  const char* name;
  FailingVfs::Fault fault;
  int at_least;  // calls that the work makes
};

class FailingDisk : public ::testing::Test {
 protected:
  Store::Options options(const std::filesystem::path& path) {
    Store::Options options = store_options(path);
    options.readers = 1;
    options.checkpoint_pages = checkpoint_pages_;
    options.log_restart_pages = 2 * checkpoint_pages_;
    options.retry_interval = 1ms;
    options.write_timeout = 5s;
    // Each store tells its own; one may end while a checkpoint still fails.
    for (int& open : open_troubles_) open = 0;
    options.on_trouble = [this](const Trouble& trouble) {
      std::lock_guard lock(mutex_);
      int& open = open_troubles_[static_cast<std::size_t>(trouble.part)];
      open += trouble.state == Trouble::State::kBegins ? 1 : -1;
      EXPECT_TRUE(open == 0 || open == 1) << trouble.cause;
      EXPECT_FALSE(trouble.cause.empty());
    };
    return options;
  }

  // True when it is answered; then it must be found for ever.
  bool record(Store& store) {
    NewDelivery next = make_delivery(clock_, {make_trigger("push-" + std::to_string(++pushes_))});
    next.body = std::string(9000, 'x');
    try {
      store.record_delivery(next);
    } catch (const Error&) {
      return false;
    }
    answered_.insert(next.id);
    return true;
  }

  void work() {
    try {
      if (!store_) store_ = std::make_unique<Store>(options(path()), clock_);
    } catch (const Error&) {
      return;
    }
    for (int i = 0; i < 3; ++i) {
      record(*store_);
      try {
        store_->find_delivery(answered_.empty() ? make_uuid_v7(clock_) : *answered_.begin());
      } catch (const Error&) {
      }
      // The checkpoint that this has caused, if it has.
      for (int wait = 0; wait < 20 && store_->stats().log_pages > 10; ++wait) std::this_thread::sleep_for(50us);
    }
  }

  // So that its size does not make all of this slower and slower.
  void begin_anew() {
    store_.reset();
    for (const char* file : {"history.db", "history.db-wal", "history.db-shm"})
      std::filesystem::remove(folder_.path() / file);
    answered_.clear();
    store_ = std::make_unique<Store>(options(path()), clock_);
    ASSERT_TRUE(record(*store_));
  }
  std::filesystem::path path() const { return folder_.path() / "history.db"; }

  void expect_all_answered(const std::filesystem::path& path) {
    Connection connection(path, Connection::Mode::kReadWrite, 1s);
    EXPECT_EQ(connection.query_text("PRAGMA integrity_check"), "ok");
    EXPECT_EQ(
        connection.query_integer("SELECT count(*) FROM deliveries WHERE NOT EXISTS (SELECT 1 FROM triggers WHERE "
                                 "delivery_id = deliveries.id) OR seq NOT IN (SELECT seq FROM delivery_contents)"),
        0);
    std::set<std::string> found;
    Statement rows = connection.prepare("SELECT lower(hex(id)) FROM deliveries");
    while (rows.step()) found.insert(rows.text(0));
    for (std::string id : answered_) {
      std::erase(id, '-');
      EXPECT_TRUE(found.contains(id)) << id << " was answered";
    }
  }

  FailingVfs disk_;
  TemporaryDirectory folder_{fast_folder()};
  testing::FakeClock clock_;
  std::mutex mutex_;  // guards the next
  int open_troubles_[2] = {0, 0};
  int checkpoint_pages_ = 10;
  int pushes_ = 0;
  std::set<std::string> answered_;
  std::unique_ptr<Store> store_;
};

class EveryCall : public FailingDisk, public ::testing::WithParamInterface<EveryCallCase> {};

TEST_P(EveryCall, LosesNothingThatWasAnsweredAndRecovers) {
  disk_.remember_syncs();
  int nth = 1;
  for (bool struck = true; struck; ++nth) {
    SCOPED_TRACE("call " + std::to_string(nth));
    if (nth % 16 == 1) begin_anew();
    // In turns with a store that is open already and with one that has yet to be opened.
    if (nth % 2) store_.reset();
    disk_.arm(GetParam().fault, nth);
    work();
    TemporaryDirectory after_power_loss(fast_folder());
    disk_.copy_as_after_power_loss(folder_.path(), after_power_loss.path(),
                                   nth % 3 ? FailingVfs::Unsynced::kSome : FailingVfs::Unsynced::kNothing,
                                   static_cast<unsigned>(nth));
    struck = disk_.heal();
    expect_all_answered(after_power_loss.path() / "history.db");

    if (!store_) store_ = std::make_unique<Store>(options(path()), clock_);
    // The fault is gone: within a moment everything works, with the same store.
    bool works = false;
    for (int attempt = 0; attempt < 500 && !works; ++attempt) {
      works = record(*store_) && store_->stats().writing_trouble.empty();
      if (!works) std::this_thread::sleep_for(1ms);
    }
    ASSERT_TRUE(works) << store_->stats().writing_trouble;
    ASSERT_TRUE(store_->find_delivery(*answered_.rbegin()));
    if (::testing::Test::HasFailure()) break;
    ASSERT_LT(nth, 5000);
  }
  EXPECT_GT(nth, GetParam().at_least);
  store_.reset();
  expect_all_answered(path());
  RecordProperty("calls", nth);
}

INSTANTIATE_TEST_SUITE_P(
    Table, EveryCall,
    ::testing::Values(
        EveryCallCase{"OpenOnce", {Call::kOpen, SQLITE_CANTOPEN, EMFILE, Lasts::kOnce}, 2},
        EveryCallCase{"Open", {Call::kOpen, SQLITE_CANTOPEN, EMFILE, Lasts::kUntilHealed}, 2},
        EveryCallCase{"ReadOnce", {Call::kRead, SQLITE_IOERR_READ, EIO, Lasts::kOnce}, 20},
        EveryCallCase{"Read", {Call::kRead, SQLITE_IOERR_READ, EIO, Lasts::kUntilHealed}, 20},
        EveryCallCase{"WriteOnce", {Call::kWrite, SQLITE_IOERR_WRITE, EIO, Lasts::kOnce}, 50},
        EveryCallCase{"WriteFull", {Call::kWrite, SQLITE_FULL, ENOSPC, Lasts::kUntilHealed}, 50},
        EveryCallCase{"SyncOnce", {Call::kSync, SQLITE_IOERR_FSYNC, EIO, Lasts::kOnce}, 4},
        EveryCallCase{"Sync", {Call::kSync, SQLITE_IOERR_FSYNC, EIO, Lasts::kUntilHealed}, 4},
        EveryCallCase{"TruncateOnce", {Call::kTruncate, SQLITE_IOERR_TRUNCATE, EIO, Lasts::kOnce}, 1},
        EveryCallCase{"SharedMemoryOnce", {Call::kSharedMemory, SQLITE_IOERR_SHMMAP, EIO, Lasts::kOnce}, 2},
        EveryCallCase{"SharedMemory", {Call::kSharedMemory, SQLITE_IOERR_SHMMAP, EIO, Lasts::kUntilHealed}, 2},
        EveryCallCase{"LockOnce", {Call::kLock, SQLITE_IOERR_LOCK, EIO, Lasts::kOnce}, 20},
        EveryCallCase{"LockBusy", {Call::kLock, SQLITE_BUSY, 0, Lasts::kOnce}, 10},
        EveryCallCase{"DeleteOnce", {Call::kDelete, SQLITE_IOERR_DELETE, EIO, Lasts::kOnce}, 0}),
    [](const auto& test) { return std::string(test.param.name); });

// What a checkpoint had copied without a sync is not on the disk after a failed one, and the sync after that succeeds.
TEST_F(FailingDisk, ACheckpointWhoseSyncFailedIsMadeAnew) {
  disk_.remember_syncs();
  checkpoint_pages_ = 60;
  begin_anew();
  auto write_until_checkpoint = [&] {
    auto checkpoints = [&] { return store_->stats().checkpoints + store_->stats().checkpoint_failures; };
    for (const std::uint64_t before = checkpoints(); checkpoints() == before;) EXPECT_TRUE(record(*store_));
  };
  write_until_checkpoint();
  ASSERT_TRUE(record(*store_));  // in the log alone
  {
    // Which keeps the checkpoint from being complete, and so from being synced.
    Connection reader(path(), Connection::Mode::kReadOnly, 1s);
    Transaction moment(reader, Transaction::Kind::kRead);
    reader.query_integer("SELECT count(*) FROM deliveries");
    write_until_checkpoint();
  }
  disk_.arm({Call::kSync, SQLITE_IOERR_FSYNC, EIO, Lasts::kOnce, FailingVfs::Where::kDatabase}, 1);
  while (store_->stats().checkpoint_failures == 0) EXPECT_TRUE(record(*store_));
  EXPECT_TRUE(disk_.heal());
  for (int i = 0; i < 20; ++i) write_until_checkpoint();
  EXPECT_EQ(store_->stats().reopenings, 1u);
  EXPECT_EQ(store_->stats().checkpoint_trouble, "");
  TemporaryDirectory after_power_loss(fast_folder());
  disk_.copy_as_after_power_loss(folder_.path(), after_power_loss.path(), FailingVfs::Unsynced::kNothing);
  expect_all_answered(after_power_loss.path() / "history.db");
}

}  // namespace
}  // namespace penstock::store
