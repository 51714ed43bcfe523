// What the store promises about disks that fill up, fail or are locked, and about being killed.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/store/sqlite.h"
#include "tests/core/store/failing_vfs.h"
#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

struct FaultCase {
  const char* name;
  FailingVfs::Fault fault;
  ErrorKind kind;
};

class DiskFault : public ::testing::TestWithParam<FaultCase> {};

// The n-th write (sync) of a delivery fails, for every n there is.
TEST_P(DiskFault, LeavesNothingHalfStoredAndPasses) {
  FailingVfs disk;
  TemporaryDirectory folder(fast_folder());
  testing::FakeClock clock;
  std::filesystem::path path = folder.path() / "history.db";
  auto store = std::make_unique<Store>(store_options(path), clock);
  std::set<std::string> stored;
  int call = 1;
  for (bool struck = true; struck; ++call) {
    SCOPED_TRACE("call " + std::to_string(call));
    NewDelivery next = make_delivery(clock, {make_trigger("push-" + std::to_string(call))});
    next.body = std::string(10'000, 'x');
    next.repository_name = "repository-" + std::to_string(call);
    disk.arm(GetParam().fault, call);
    bool returned = false;
    try {
      store->record_delivery(next);
      returned = true;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), GetParam().kind) << error.what();
    }
    struck = disk.heal();
    EXPECT_EQ(returned, !struck);
    // Before anything else is written: all of it or nothing.
    std::optional<Delivery> found = store->find_delivery(next.id);
    EXPECT_EQ(found.has_value(), returned);
    EXPECT_EQ(store->find_trigger_of_execution("shop", "e").has_value(), false);
    // The same call again, as a sender that was answered 503 makes it.
    RecordedDelivery recorded = store->record_delivery(next);
    EXPECT_EQ(recorded.outcome, Outcome::kTriggered);
    ASSERT_EQ(recorded.trigger_ids.size(), 1u);
    EXPECT_EQ(store->find_delivery(next.id)->body, next.body);
    stored.insert(next.id);
    ASSERT_LT(call, 1000);
  }
  // A delivery is one commit, hence one sync; its pages are many writes.
  EXPECT_GT(call, GetParam().fault.call == FailingVfs::Call::kSync ? 2 : 20);
  store.reset();
  store = std::make_unique<Store>(store_options(path), clock);
  for (const auto& id : stored) EXPECT_TRUE(store->find_delivery(id));
  EXPECT_EQ(store->pending_triggers(10'000).size(), stored.size());
  EXPECT_EQ(Connection(path, Connection::Mode::kReadOnly, 1s).query_text("PRAGMA integrity_check"), "ok");
}

INSTANTIATE_TEST_SUITE_P(EveryCall, DiskFault,
                         ::testing::Values(FaultCase{"DiskFull", FailingVfs::kDiskFull, ErrorKind::kExhausted},
                                           FaultCase{"WriteError", FailingVfs::kWriteError, ErrorKind::kUnavailable},
                                           FaultCase{"ReadOnly", FailingVfs::kReadOnly, ErrorKind::kPermission},
                                           FaultCase{"SyncError", FailingVfs::kSyncError, ErrorKind::kUnavailable}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(DiskFaults, ASyncThatFailedMayHaveHappened) {
  FailingVfs disk;
  TemporaryDirectory folder(fast_folder());
  testing::FakeClock clock;
  Store store(store_options(folder.path() / "history.db"), clock);
  disk.arm(FailingVfs::kSyncError, 1);
  EXPECT_TRUE(error_of([&] { store.record_delivery(make_delivery(clock)); }).may_have_happened());
  disk.arm(FailingVfs::kDiskFull, 1);
  EXPECT_FALSE(error_of([&] { store.record_delivery(make_delivery(clock)); }).may_have_happened());
  EXPECT_EQ(error_of([&] { store.check_writable(); }).kind(), ErrorKind::kExhausted);
  disk.heal();
  store.check_writable();
}

TEST(LockedDatabase, IsUnavailableUntilTheLockGoes) {
  TemporaryDirectory folder(fast_folder());
  testing::FakeClock clock;
  Store::Options options = store_options(folder.path() / "history.db");
  options.write_timeout = 200ms;  // half of which is spent waiting for the lock
  Store store(options, clock);
  NewDelivery next = make_delivery(clock);
  {
    Connection other(options.path, Connection::Mode::kReadWrite, 0ms);
    Transaction lock(other, Transaction::Kind::kWrite);
    Error error = error_of([&] { store.record_delivery(next); });
    EXPECT_EQ(error.kind(), ErrorKind::kUnavailable) << error.what();
    EXPECT_FALSE(error.may_have_happened());
    EXPECT_NE(std::string(error.what()).find("locked by another process"), std::string::npos) << error.what();
    EXPECT_TRUE(store.list_deliveries({}).deliveries.empty());  // reading goes on
  }
  store.record_delivery(next);
}

TEST(LockedDatabase, StallsNobodyForLongAndTellsOnce) {
  TemporaryDirectory folder(fast_folder());
  testing::FakeClock clock;
  Store::Options options = store_options(folder.path() / "history.db");
  options.write_timeout = 400ms;
  options.retry_interval = 20ms;
  std::mutex mutex;
  std::vector<Trouble> troubles;
  options.on_trouble = [&](const Trouble& trouble) {
    std::lock_guard lock(mutex);
    troubles.push_back(trouble);
  };
  Store store(options, clock);
  const auto began = std::chrono::steady_clock::now();
  std::atomic<int> refused{0};
  {
    Connection other(options.path, Connection::Mode::kReadWrite, 0ms);
    Transaction lock(other, Transaction::Kind::kWrite);
    for (int i = 0; i < 3; ++i) {
      std::vector<std::jthread> callers;
      for (int caller = 0; caller < 8; ++caller) {
        callers.emplace_back([&] {
          Error error = error_of([&] { store.record_delivery(make_delivery(clock)); });
          EXPECT_EQ(error.kind(), ErrorKind::kUnavailable) << error.what();
          ++refused;
        });
      }
    }
    // Once half of the timeout, then a tenth of a second for each group.
    EXPECT_LT(std::chrono::steady_clock::now() - began, 3s);
    EXPECT_EQ(refused, 24);
    EXPECT_NE(store.stats().writing_trouble.find("locked"), std::string::npos) << store.stats().writing_trouble;
  }
  // It notices by itself.
  for (int i = 0; i < 1000 && !store.stats().writing_trouble.empty(); ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(store.stats().writing_trouble, "");
  store.record_delivery(make_delivery(clock));
  std::lock_guard lock(mutex);
  ASSERT_EQ(troubles.size(), 2u);
  EXPECT_EQ(troubles[0].state, Trouble::State::kBegins);
  EXPECT_EQ(troubles[0].part, Trouble::Part::kWriting);
  EXPECT_EQ(troubles[0].kind, ErrorKind::kUnavailable);
  EXPECT_EQ(troubles[1].state, Trouble::State::kIsOver);
  EXPECT_GE(troubles[1].failures, 3u);
}

// Writes until the disk is full, makes room and goes on. The file system is told by the two functions.
void fill_and_make_room(const std::filesystem::path& folder, const std::function<void()>& make_room) {
  testing::FakeClock clock;
  Store::Options options = store_options(folder / "history.db");
  options.checkpoint_pages = 40;
  options.retry_interval = 10ms;
  auto store = std::make_unique<Store>(options, clock);
  std::vector<std::string> answered;
  int failed = 0;
  for (int i = 0; i < 10'000 && failed < 20; ++i) {
    NewDelivery next = make_delivery(clock, {make_trigger("push-" + std::to_string(i))});
    next.body = std::string(20'000, 'x');
    try {
      answered.push_back(store->record_delivery(next).id);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kExhausted) << error.what();
      ++failed;
    }
  }
  EXPECT_EQ(failed, 20);
  EXPECT_NE(store->stats().writing_trouble, "");
  EXPECT_TRUE(store->find_delivery(answered.back()));  // reading goes on
  make_room();
  for (int i = 0; i < 1000 && !store->stats().writing_trouble.empty(); ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(store->stats().writing_trouble, "");
  for (int i = 0; i < 50; ++i) answered.push_back(store->record_delivery(make_delivery(clock)).id);
  store.reset();
  store = std::make_unique<Store>(options, clock);
  for (const auto& id : answered) EXPECT_TRUE(store->find_delivery(id)) << id;
  EXPECT_EQ(Connection(options.path, Connection::Mode::kReadOnly, 1s).query_text("PRAGMA integrity_check"), "ok");
}

TEST(FullDisk, IsWrittenAgainOnceThereIsRoom) {
  FailingVfs disk;
  disk.set_capacity(2u << 20);
  TemporaryDirectory folder(fast_folder());
  fill_and_make_room(folder.path(), [&] { disk.set_capacity(std::nullopt); });
}

// The same with a real one where this process may mount it, in a child process and a name space of its own; where it
// may not, the test above is what there is.
TEST(FullDisk, IsWrittenAgainOnceARealOneHasRoom) {
  TemporaryDirectory folder(fast_folder());
  constexpr int kMayNotMount = 77;
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ::_exit(kMayNotMount);
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("penstock-test", folder.path().c_str(), "tmpfs", 0, "size=2m") != 0) {
      ::_exit(kMayNotMount);
    }
    fill_and_make_room(folder.path(), [&] {
      EXPECT_EQ(::mount("penstock-test", folder.path().c_str(), "tmpfs", MS_REMOUNT, "size=64m"), 0);
    });
    ::umount(folder.path().c_str());
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_TRUE(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == kMayNotMount) << WEXITSTATUS(status);
}

TEST(ReadOnlyDisk, IsRefusedAtTheStartAndWrittenAgainWhenItChanges) {
  FailingVfs disk;
  TemporaryDirectory folder(fast_folder());
  testing::FakeClock clock;
  Store::Options options = store_options(folder.path() / "history.db");
  options.retry_interval = 1h;
  {
    Store store(options, clock);
    disk.arm(FailingVfs::kReadOnly, 1);
    Error error = error_of([&] { store.record_delivery(make_delivery(clock)); });
    EXPECT_EQ(error.kind(), ErrorKind::kPermission);
    EXPECT_NE(std::string(error.what()).find("Read-only file system"), std::string::npos) << error.what();
    disk.heal();
    store.record_delivery(make_delivery(clock));
  }
  disk.arm(FailingVfs::kReadOnly, 1);
  std::filesystem::remove(options.path);  // a new one has to be written at once
  EXPECT_EQ(error_of([&] { Store store(options, clock); }).kind(), ErrorKind::kPermission);
}

TEST(ClockThatJumpsBack, KeepsTheOrderAndDeletesNothingYoung) {
  TemporaryDirectory folder(fast_folder());
  testing::FakeClock clock;
  Store store(store_options(folder.path() / "history.db"), clock);
  std::vector<std::string> recorded;
  for (auto jump : {0h, -48h, 1h, -24h * 365, 24h * 365}) {
    clock.jump(jump);
    recorded.push_back(store.record_delivery(make_delivery(clock)).id);
  }
  EXPECT_TRUE(std::is_sorted(recorded.begin(), recorded.end()));
  std::vector<std::string> listed;
  for (const auto& delivery : store.list_deliveries({}).deliveries) listed.push_back(delivery.id);
  std::reverse(listed.begin(), listed.end());
  EXPECT_EQ(listed, recorded);
  // All but the one that was received a year ago, as far as anybody can tell.
  store.prune(clock.now() - 24h * 90, 1000);
  int left = 0;
  for (const auto& id : recorded) left += store.find_delivery(id).has_value();
  EXPECT_EQ(left, 4);
}

// Writes deliveries on four threads until killed; each id goes to `output` once its call has returned.
[[noreturn]] void write_until_killed(const std::filesystem::path& path, int output) {
  SystemClock clock;
  Store store(store_options(path), clock);
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (;;) {
        NewDelivery next = make_delivery(clock, {make_trigger(make_uuid_v4())});
        std::string id = store.record_delivery(next).id + "\n";
        if (::write(output, id.data(), id.size()) < 0) ::_exit(1);
      }
    });
  }
  threads.clear();
  ::_exit(1);
}

TEST(KilledStore, HasEverythingThatWasAnsweredAndNothingByHalves) {
  TemporaryDirectory folder(fast_folder());
  std::filesystem::path path = folder.path() / "history.db";
  SystemClock clock;
  std::size_t answered_in_all = 0;
  for (int round = 0; round < 30; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    pid_t child = ::fork();  // no thread of ours is alive here
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      write_until_killed(path, ends[1]);
    }
    ::close(ends[1]);
    std::string answered;
    char buffer[4096];
    // Killed after a number of answers that differs from round to round; what is in the pipe then was answered too.
    const std::size_t enough = 37u * (1 + static_cast<std::size_t>(round * 7 % 11));
    bool killed = false;
    for (;;) {
      ssize_t got = ::read(ends[0], buffer, sizeof buffer);
      if (got <= 0) break;
      answered.append(buffer, static_cast<std::size_t>(got));
      if (answered.size() >= enough && !killed) {
        ::kill(child, SIGKILL);
        killed = true;
      }
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(killed && WIFSIGNALED(status)) << "round " << round << " status " << status;

    Store store(store_options(path), clock);
    for (std::size_t at = 0; at + 37 <= answered.size(); at += 37) {
      std::string id = answered.substr(at, 36);
      std::optional<Delivery> found = store.find_delivery(id);
      ASSERT_TRUE(found) << id << " was answered in round " << round;
      EXPECT_EQ(found->triggers.size(), 1u);
      ++answered_in_all;
    }
    store.record_delivery(make_delivery(clock));
  }
  EXPECT_GE(answered_in_all, 30u);
  Connection connection(path, Connection::Mode::kReadWrite, 1s);
  EXPECT_EQ(connection.query_text("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(connection.query_text("SELECT count(*) FROM pragma_foreign_key_check"), "0");
  EXPECT_EQ(connection.query_integer("SELECT count(*) FROM deliveries WHERE seq NOT IN (SELECT seq FROM "
                                     "delivery_contents)"),
            0);
}

}  // namespace
}  // namespace penstock::store
