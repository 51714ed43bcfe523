#include "core/store/sqlite.h"

#include <cerrno>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "core/store/schema.h"
#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

struct KindCase {
  const char* name;
  int result_code;
  int system_errno;
  ErrorKind kind;
};

class SqliteResult : public ::testing::TestWithParam<KindCase> {};

TEST_P(SqliteResult, BecomesTheKindThatSaysWhatToDo) {
  EXPECT_EQ(kind_of_sqlite_result(GetParam().result_code, GetParam().system_errno), GetParam().kind);
}

INSTANTIATE_TEST_SUITE_P(
    Table, SqliteResult,
    ::testing::Values(KindCase{"Busy", SQLITE_BUSY, 0, ErrorKind::kUnavailable},
                      KindCase{"BusySnapshot", SQLITE_BUSY_SNAPSHOT, 0, ErrorKind::kUnavailable},
                      KindCase{"BusyRecovery", SQLITE_BUSY_RECOVERY, 0, ErrorKind::kUnavailable},
                      KindCase{"Locked", SQLITE_LOCKED, 0, ErrorKind::kUnavailable},
                      KindCase{"Protocol", SQLITE_PROTOCOL, 0, ErrorKind::kUnavailable},
                      KindCase{"Full", SQLITE_FULL, 0, ErrorKind::kExhausted},
                      KindCase{"NoMemory", SQLITE_NOMEM, 0, ErrorKind::kExhausted},
                      KindCase{"NoMemoryInIo", SQLITE_IOERR_NOMEM, 0, ErrorKind::kExhausted},
                      KindCase{"TooBig", SQLITE_TOOBIG, 0, ErrorKind::kExhausted},
                      KindCase{"Write", SQLITE_IOERR_WRITE, EIO, ErrorKind::kUnavailable},
                      KindCase{"WriteOverQuota", SQLITE_IOERR_WRITE, EDQUOT, ErrorKind::kExhausted},
                      KindCase{"WriteOverFileSizeLimit", SQLITE_IOERR_WRITE, EFBIG, ErrorKind::kExhausted},
                      KindCase{"SharedMemoryOnFullDisk", SQLITE_IOERR_SHMSIZE, ENOSPC, ErrorKind::kExhausted},
                      KindCase{"Sync", SQLITE_IOERR_FSYNC, EIO, ErrorKind::kUnavailable},
                      KindCase{"FileSystemDamaged", SQLITE_IOERR_CORRUPTFS, 0, ErrorKind::kCorrupt},
                      KindCase{"ReadOnly", SQLITE_READONLY, 0, ErrorKind::kPermission},
                      KindCase{"ReadOnlyFolder", SQLITE_READONLY_DIRECTORY, 0, ErrorKind::kPermission},
                      KindCase{"CannotOpenForbidden", SQLITE_CANTOPEN, EACCES, ErrorKind::kPermission},
                      KindCase{"CannotOpenTooManyFiles", SQLITE_CANTOPEN, EMFILE, ErrorKind::kExhausted},
                      KindCase{"CannotOpen", SQLITE_CANTOPEN, 0, ErrorKind::kUnavailable},
                      KindCase{"Corrupt", SQLITE_CORRUPT, 0, ErrorKind::kCorrupt},
                      KindCase{"CorruptIndex", SQLITE_CORRUPT_INDEX, 0, ErrorKind::kCorrupt},
                      KindCase{"NoDatabase", SQLITE_NOTADB, 0, ErrorKind::kCorrupt},
                      KindCase{"Unique", SQLITE_CONSTRAINT_UNIQUE, 0, ErrorKind::kConflict},
                      KindCase{"ForeignKey", SQLITE_CONSTRAINT_FOREIGNKEY, 0, ErrorKind::kConflict},
                      KindCase{"Interrupted", SQLITE_INTERRUPT, 0, ErrorKind::kTimeout},
                      KindCase{"Misuse", SQLITE_MISUSE, 0, ErrorKind::kInternal},
                      KindCase{"Error", SQLITE_ERROR, 0, ErrorKind::kInternal}),
    [](const auto& test) { return std::string(test.param.name); });

class Sqlite : public ::testing::Test {
 protected:
  void SetUp() override {
    create_database_file(path_);
    connection_ = std::make_unique<Connection>(path_, Connection::Mode::kReadWrite, 100ms);
    connection_->execute("CREATE TABLE t (x INTEGER PRIMARY KEY, y)");
  }
  std::int64_t rows() { return connection_->query_integer("SELECT count(*) FROM t").value(); }

  TemporaryDirectory folder_{fast_folder()};
  std::filesystem::path path_ = folder_.path() / "x.db";
  std::unique_ptr<Connection> connection_;
};

TEST_F(Sqlite, ATransactionThatWasNotCommittedIsUndone) {
  {
    Transaction transaction(*connection_, Transaction::Kind::kWrite);
    connection_->prepare("INSERT INTO t (y) VALUES (?1)").run(1);
  }
  EXPECT_EQ(rows(), 0);
  EXPECT_FALSE(connection_->in_transaction());
}

TEST_F(Sqlite, ASavepointThatWasNotReleasedIsUndoneAlone) {
  Transaction transaction(*connection_, Transaction::Kind::kWrite);
  {
    Savepoint kept(*connection_);
    connection_->prepare("INSERT INTO t (y) VALUES (?1)").run("kept");
    kept.release();
  }
  {
    Savepoint dropped(*connection_);
    connection_->prepare("INSERT INTO t (y) VALUES (?1)").run("dropped");
  }
  transaction.commit();
  EXPECT_EQ(rows(), 1);
  EXPECT_EQ(connection_->query_text("SELECT y FROM t"), "kept");
}

TEST_F(Sqlite, KeepsBytesAsTheyAre) {
  std::string bytes("a\0b\xff", 4);
  connection_->prepare("INSERT INTO t (y) VALUES (?1), (?2), (?3)").run(bytes, Blob{bytes}, Blob{});
  Statement rows = connection_->prepare("SELECT y, typeof(y) FROM t ORDER BY x");
  for (auto [value, type] : {std::pair(bytes, "text"), std::pair(bytes, "blob"), std::pair(std::string(), "blob")}) {
    ASSERT_TRUE(rows.step());
    EXPECT_EQ(rows.text(0), value);
    EXPECT_EQ(rows.text(1), type);
  }
}

TEST_F(Sqlite, AStatementMayBeUsedAgainWhileItIsInUse) {
  connection_->execute("INSERT INTO t (y) VALUES (1), (2)");
  static const char* const kSelect = "SELECT y FROM t ORDER BY x";
  int pairs = 0;
  Statement outer = connection_->prepare(kSelect);
  while (outer.step()) {
    Statement inner = connection_->prepare(kSelect);
    while (inner.step()) ++pairs;
  }
  EXPECT_EQ(pairs, 4);
}

TEST_F(Sqlite, AQueryPastItsDeadlineIsATimeout) {
  connection_->set_deadline(std::chrono::steady_clock::now());
  Error error = error_of([&] {
    connection_->query_integer(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT count(*) FROM n");
  });
  EXPECT_EQ(error.kind(), ErrorKind::kTimeout);
  connection_->set_deadline(std::nullopt);
  EXPECT_EQ(rows(), 0);
}

TEST_F(Sqlite, ErrorsNameTheFileTheCauseAndTheCode) {
  connection_->prepare("INSERT INTO t (x) VALUES (?1)").run(1);
  Error error = error_of([&] { connection_->prepare("INSERT INTO t (x) VALUES (?1)").run(1); });
  EXPECT_EQ(error.what(), "history \"" + path_.string() + "\": UNIQUE constraint failed: t.x");
  EXPECT_EQ(error.code(), "SQLITE_CONSTRAINT");
  EXPECT_EQ(error.kind(), ErrorKind::kConflict);
}

}  // namespace
}  // namespace penstock::store
