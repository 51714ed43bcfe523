// Thin owners of SQLite's objects. The only place that knows its result codes.
//
// Thread-safety: one connection, its statements and transactions belong to one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/error.h"
#include "core/base/time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace penstock::store {

// What the caller should do about an (extended) result code; `system_errno` is what the operating system said, or 0.
ErrorKind kind_of_sqlite_result(int result_code, int system_errno) noexcept;

// "SQLITE_FULL", "SQLITE_IOERR_FSYNC", …; the primary code's name for extended codes that nobody needs to tell apart.
std::string_view name_of_sqlite_result(int result_code) noexcept;

struct SqliteClose {
  void operator()(sqlite3* database) const noexcept;
};
struct SqliteFinalize {
  void operator()(sqlite3_stmt* statement) const noexcept;
};
using StatementHandle = std::unique_ptr<sqlite3_stmt, SqliteFinalize>;

class Connection;

// Bytes that are no text.
struct Blob {
  std::string_view bytes;
};

// A prepared statement on loan from its connection's cache; goes back there, reset, on destruction.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Binds all parameters in order (?1, ?2, …); values are copied.
  template <typename... Values>
  Statement& bind(const Values&... values) {
    copies_ = true;
    int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }

  // Binds one parameter, from 1, without copying: the value must outlive the steps.
  template <typename Value>
  void lend(int index, const Value& value) {
    copies_ = false;
    bind_one(index, value);
  }

  // True while there is a row.
  bool step();

  // Binds, runs to the end and drops rows. As the values outlive the call, nothing is copied.
  template <typename... Values>
  void run(const Values&... values) {
    copies_ = false;
    int index = 0;
    (bind_one(++index, values), ...);
    run_to_end();
  }
  void reset() noexcept;

  bool is_null(int column) const noexcept;
  std::int64_t integer(int column) const noexcept;
  double real(int column) const noexcept;
  std::string text(int column) const;                // also of blobs
  std::string_view view(int column) const noexcept;  // the same, until the next step
  Timestamp time(int column) const noexcept { return from_milliseconds(integer(column)); }
  std::optional<Timestamp> optional_time(int column) const noexcept;

 private:
  friend class Connection;
  Statement(Connection* connection, const char* sql, StatementHandle handle) noexcept;

  void bind_one(int index, std::nullptr_t);
  void bind_one(int index, std::int64_t value);
  void bind_one(int index, int value) { bind_one(index, static_cast<std::int64_t>(value)); }
  void bind_one(int index, double value);
  void bind_one(int index, std::string_view value);
  void bind_one(int index, const std::string& value) { bind_one(index, std::string_view(value)); }
  void bind_one(int index, const char* value) { bind_one(index, std::string_view(value)); }
  void bind_one(int index, Blob value);
  void bind_one(int index, Timestamp value) { bind_one(index, std::int64_t{to_milliseconds(value)}); }
  template <typename T>
  void bind_one(int index, const std::optional<T>& value) {
    if (value)
      bind_one(index, *value);
    else
      bind_one(index, nullptr);
  }
  void run_to_end();
  void check(int result_code);

  bool copies_ = true;  // values that are bound
  Connection* connection_;
  const char* sql_;
  StatementHandle handle_;
};

class Connection {
 public:
  enum class Mode { kReadWrite, kReadOnly };  // neither makes the file
  Connection(std::filesystem::path path, Mode mode, std::chrono::milliseconds busy_timeout);
  // Not movable: callbacks and statements hold its address.
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // `sql` is one statement, in static storage: its address is the key of the cache.
  Statement prepare(const char* sql);
  // One or several statements without parameters; rows are dropped.
  void execute(const char* sql);
  // First column of the first row; empty without a row.
  std::optional<std::int64_t> query_integer(const char* sql);
  std::optional<std::string> query_text(const char* sql);

  std::chrono::milliseconds busy_timeout() const noexcept { return busy_timeout_; }
  void set_busy_timeout(std::chrono::milliseconds timeout) noexcept;
  bool in_transaction() const noexcept;
  bool read_only() const noexcept;
  int changes() const noexcept;  // rows of the last INSERT, UPDATE or DELETE
  std::int64_t total_changes() const noexcept;
  std::int64_t last_insert_rowid() const noexcept;
  const std::filesystem::path& path() const noexcept { return path_; }

  // Statements that run past it end in Error{kTimeout}.
  void set_deadline(std::optional<std::chrono::steady_clock::time_point> deadline) noexcept;

  // Called on this thread after each commit with the number of pages in the write-ahead log; must not throw.
  void set_commit_hook(std::function<void(int)> hook);

  enum class Checkpoint {
    kPassive,  // as much as can be done without waiting for anybody
    // All of it, so that the log begins anew; keeps writers out meanwhile and waits up to the busy timeout for readers.
    kRestart,
    kTruncate,  // the same, and nothing of the log stays on the disk
  };
  struct CheckpointResult {
    bool complete = false;
    int log_pages = 0;  // pages that the log still holds
  };
  CheckpointResult checkpoint(Checkpoint mode);
  // Closing the last connection shall not copy the log into the database and remove it, as it otherwise does.
  void keep_log_on_close() noexcept;

  // Reads and clears the error state. "history "path": cause".
  [[noreturn]] void fail(int result_code) const;

 private:
  friend class Statement;
  static int on_progress(void* self) noexcept;
  static int on_wal_commit(void* self, sqlite3*, const char*, int pages) noexcept;

  std::filesystem::path path_;
  std::chrono::milliseconds busy_timeout_{0};
  std::function<void(int)> commit_hook_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  std::unique_ptr<sqlite3, SqliteClose> database_;
  std::unordered_map<const char*, StatementHandle> cache_;
};

// Rolls back unless committed.
class Transaction {
 public:
  enum class Kind { kRead, kWrite };
  Transaction(Connection& connection, Kind kind);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  // On failure the transaction is rolled back. When the disk failed while it was being made durable, the error says
  // may_have_happened(): after a crash it could be found complete in the log.
  void commit();

 private:
  Connection& connection_;
  bool open_ = true;
};

// A part of a transaction that is undone unless released.
class Savepoint {
 public:
  explicit Savepoint(Connection& connection);
  Savepoint(const Savepoint&) = delete;
  Savepoint& operator=(const Savepoint&) = delete;
  ~Savepoint();
  void release();

 private:
  Connection& connection_;
  bool open_ = true;
};

}  // namespace penstock::store
