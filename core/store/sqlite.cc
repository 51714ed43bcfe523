#include "core/store/sqlite.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <sqlite3.h>

#include "core/base/text.h"

namespace penstock::store {
namespace {

ErrorKind kind_of_errno(int system_errno, ErrorKind otherwise) noexcept {
  switch (system_errno) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return ErrorKind::kExhausted;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorKind::kPermission;
    default:
      return otherwise;
  }
}

// What the operating system said when a file of the database failed last; SQLite itself forgets it on some of its ways
// out, above all when a commit fails.
int last_errno_of_files(sqlite3* database) noexcept {
  for (int which : {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER}) {
    sqlite3_file* file = nullptr;
    int error_number = 0;
    if (sqlite3_file_control(database, "main", which, &file) == SQLITE_OK && file && file->pMethods &&
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error_number) == SQLITE_OK && error_number != 0)
      return error_number;
  }
  return 0;
}

constexpr int kProgressInterval = 4000;  // virtual machine steps between two looks at the deadline
constexpr int kMaxValueBytes = 256 << 20;

}  // namespace

ErrorKind kind_of_sqlite_result(int result_code, int system_errno) noexcept {
  if (result_code == SQLITE_IOERR_NOMEM) return ErrorKind::kExhausted;
  if (result_code == SQLITE_IOERR_CORRUPTFS) return ErrorKind::kCorrupt;
  switch (result_code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_SCHEMA:
      return ErrorKind::kUnavailable;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return kind_of_errno(system_errno, ErrorKind::kUnavailable);
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return ErrorKind::kExhausted;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return ErrorKind::kPermission;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      return ErrorKind::kCorrupt;
    case SQLITE_CONSTRAINT:
      return ErrorKind::kConflict;
    case SQLITE_INTERRUPT:
      return ErrorKind::kTimeout;
    default:
      return ErrorKind::kInternal;
  }
}

std::string_view name_of_sqlite_result(int result_code) noexcept {
  switch (result_code) {
    case SQLITE_BUSY_SNAPSHOT:
      return "SQLITE_BUSY_SNAPSHOT";
    case SQLITE_BUSY_RECOVERY:
      return "SQLITE_BUSY_RECOVERY";
    case SQLITE_IOERR_READ:
      return "SQLITE_IOERR_READ";
    case SQLITE_IOERR_SHORT_READ:
      return "SQLITE_IOERR_SHORT_READ";
    case SQLITE_IOERR_WRITE:
      return "SQLITE_IOERR_WRITE";
    case SQLITE_IOERR_FSYNC:
      return "SQLITE_IOERR_FSYNC";
    case SQLITE_IOERR_DIR_FSYNC:
      return "SQLITE_IOERR_DIR_FSYNC";
    case SQLITE_IOERR_TRUNCATE:
      return "SQLITE_IOERR_TRUNCATE";
    case SQLITE_CONSTRAINT_UNIQUE:
      return "SQLITE_CONSTRAINT_UNIQUE";
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return "SQLITE_CONSTRAINT_FOREIGNKEY";
    default:
      break;
  }
  switch (result_code & 0xff) {
    case SQLITE_ERROR:
      return "SQLITE_ERROR";
    case SQLITE_INTERNAL:
      return "SQLITE_INTERNAL";
    case SQLITE_PERM:
      return "SQLITE_PERM";
    case SQLITE_ABORT:
      return "SQLITE_ABORT";
    case SQLITE_BUSY:
      return "SQLITE_BUSY";
    case SQLITE_LOCKED:
      return "SQLITE_LOCKED";
    case SQLITE_NOMEM:
      return "SQLITE_NOMEM";
    case SQLITE_READONLY:
      return "SQLITE_READONLY";
    case SQLITE_INTERRUPT:
      return "SQLITE_INTERRUPT";
    case SQLITE_IOERR:
      return "SQLITE_IOERR";
    case SQLITE_CORRUPT:
      return "SQLITE_CORRUPT";
    case SQLITE_FULL:
      return "SQLITE_FULL";
    case SQLITE_CANTOPEN:
      return "SQLITE_CANTOPEN";
    case SQLITE_PROTOCOL:
      return "SQLITE_PROTOCOL";
    case SQLITE_SCHEMA:
      return "SQLITE_SCHEMA";
    case SQLITE_TOOBIG:
      return "SQLITE_TOOBIG";
    case SQLITE_CONSTRAINT:
      return "SQLITE_CONSTRAINT";
    case SQLITE_MISUSE:
      return "SQLITE_MISUSE";
    case SQLITE_AUTH:
      return "SQLITE_AUTH";
    case SQLITE_NOTADB:
      return "SQLITE_NOTADB";
    default:
      return "SQLITE_OTHER";
  }
}

void SqliteClose::operator()(sqlite3* database) const noexcept {
  sqlite3_close_v2(database);
}
void SqliteFinalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

// --- Statement ---

Statement::Statement(Connection* connection, const char* sql, StatementHandle handle) noexcept
    : connection_(connection), sql_(sql), handle_(std::move(handle)) {}

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_), sql_(other.sql_), handle_(std::move(other.handle_)) {}

Statement::~Statement() {
  if (!handle_) return;
  reset();
  // While this one was out, the same text may have been prepared again (recursion); one of them is enough. An entry of
  // the cache exists already, so that nothing here allocates.
  auto entry = connection_->cache_.find(sql_);
  if (entry != connection_->cache_.end() && !entry->second) entry->second = std::move(handle_);
}

void Statement::check(int result_code) {
  if (result_code != SQLITE_OK) connection_->fail(result_code);
}

void Statement::bind_one(int index, std::nullptr_t) {
  check(sqlite3_bind_null(handle_.get(), index));
}
void Statement::bind_one(int index, std::int64_t value) {
  check(sqlite3_bind_int64(handle_.get(), index, value));
}
void Statement::bind_one(int index, double value) {
  check(sqlite3_bind_double(handle_.get(), index, value));
}

void Statement::bind_one(int index, std::string_view value) {
  // A null pointer would bind NULL.
  const char* data = value.data() ? value.data() : "";
  check(sqlite3_bind_text64(handle_.get(), index, data, value.size(), copies_ ? SQLITE_TRANSIENT : SQLITE_STATIC,
                            SQLITE_UTF8));
}

void Statement::bind_one(int index, Blob value) {
  const char* data = value.bytes.data() ? value.bytes.data() : "";
  check(
      sqlite3_bind_blob64(handle_.get(), index, data, value.bytes.size(), copies_ ? SQLITE_TRANSIENT : SQLITE_STATIC));
}

void Statement::run_to_end() {
  // Also after an error nothing that was bound is kept.
  struct Reset {
    Statement& statement;
    ~Reset() { statement.reset(); }
  } reset_at_end{*this};
  while (step()) {
  }
}

bool Statement::step() {
  int result_code = sqlite3_step(handle_.get());
  if (result_code == SQLITE_ROW) return true;
  if (result_code == SQLITE_DONE) return false;
  connection_->fail(result_code);
}

void Statement::reset() noexcept {
  sqlite3_reset(handle_.get());  // repeats the error of the last step, which has been thrown already
  sqlite3_clear_bindings(handle_.get());
}

bool Statement::is_null(int column) const noexcept {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}
std::int64_t Statement::integer(int column) const noexcept {
  return sqlite3_column_int64(handle_.get(), column);
}
double Statement::real(int column) const noexcept {
  return sqlite3_column_double(handle_.get(), column);
}

std::string Statement::text(int column) const {
  return std::string(view(column));
}

std::string_view Statement::view(int column) const noexcept {
  const void* data = sqlite3_column_blob(handle_.get(), column);
  int size = sqlite3_column_bytes(handle_.get(), column);
  if (!data || size <= 0) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

std::optional<Timestamp> Statement::optional_time(int column) const noexcept {
  if (is_null(column)) return std::nullopt;
  return time(column);
}

// --- Connection ---

Connection::Connection(std::filesystem::path path, Mode mode, std::chrono::milliseconds busy_timeout)
    : path_(std::move(path)) {
  // Counting memory takes a lock of the whole process for each allocation. Too late when SQLite is in use already.
  [[maybe_unused]] static const int without_counts = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
              (mode == Mode::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
  sqlite3* opened = nullptr;
  int result_code = sqlite3_open_v2(path_.c_str(), &opened, flags, nullptr);
  database_.reset(opened);  // also set when opening failed, to tell why
  if (result_code != SQLITE_OK) fail(result_code);
  set_busy_timeout(busy_timeout);
  sqlite3_limit(opened, SQLITE_LIMIT_LENGTH, kMaxValueBytes);
  // The file is data, never code: no statement in it may do more than ours do.
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_ENABLE_FKEY, 1, nullptr);
  sqlite3_progress_handler(opened, kProgressInterval, &Connection::on_progress, this);
  execute("PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY");
  if (mode == Mode::kReadOnly) execute("PRAGMA query_only = ON");
}

Connection::~Connection() = default;

Statement Connection::prepare(const char* sql) {
  StatementHandle& cached = cache_[sql];
  if (cached) return Statement(this, sql, std::move(cached));
  sqlite3_stmt* prepared = nullptr;
  int result_code = sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  StatementHandle handle(prepared);
  if (result_code != SQLITE_OK) fail(result_code);
  return Statement(this, sql, std::move(handle));
}

void Connection::execute(const char* sql) {
  int result_code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (result_code != SQLITE_OK) fail(result_code);
}

std::optional<std::int64_t> Connection::query_integer(const char* sql) {
  Statement statement = prepare(sql);
  if (!statement.step()) return std::nullopt;
  return statement.integer(0);
}

std::optional<std::string> Connection::query_text(const char* sql) {
  Statement statement = prepare(sql);
  if (!statement.step()) return std::nullopt;
  return statement.text(0);
}

void Connection::set_busy_timeout(std::chrono::milliseconds timeout) noexcept {
  busy_timeout_ = timeout;
  sqlite3_busy_timeout(database_.get(), static_cast<int>(timeout.count()));
}

bool Connection::in_transaction() const noexcept {
  return sqlite3_get_autocommit(database_.get()) == 0;
}
bool Connection::read_only() const noexcept {
  return sqlite3_db_readonly(database_.get(), "main") == 1;
}
int Connection::changes() const noexcept {
  return sqlite3_changes(database_.get());
}
std::int64_t Connection::total_changes() const noexcept {
  return sqlite3_total_changes(database_.get());
}

std::int64_t Connection::last_insert_rowid() const noexcept {
  return sqlite3_last_insert_rowid(database_.get());
}

void Connection::set_deadline(std::optional<std::chrono::steady_clock::time_point> deadline) noexcept {
  deadline_ = deadline;
}

int Connection::on_progress(void* self) noexcept {
  const auto* connection = static_cast<const Connection*>(self);
  return connection->deadline_ && std::chrono::steady_clock::now() > *connection->deadline_ ? 1 : 0;
}

void Connection::set_commit_hook(std::function<void(int)> hook) {
  commit_hook_ = std::move(hook);
  // This takes the place of SQLite's automatic checkpoint, which is a commit hook itself.
  sqlite3_wal_hook(database_.get(), &Connection::on_wal_commit, this);
}

int Connection::on_wal_commit(void* self, sqlite3*, const char*, int pages) noexcept {
  auto* connection = static_cast<Connection*>(self);
  if (connection->commit_hook_) connection->commit_hook_(pages);
  return SQLITE_OK;
}

Connection::CheckpointResult Connection::checkpoint(Checkpoint mode) {
  int log_pages = 0;
  int written = 0;
  const int how = mode == Checkpoint::kPassive   ? SQLITE_CHECKPOINT_PASSIVE
                  : mode == Checkpoint::kRestart ? SQLITE_CHECKPOINT_RESTART
                                                 : SQLITE_CHECKPOINT_TRUNCATE;
  int result_code = sqlite3_wal_checkpoint_v2(database_.get(), "main", how, &log_pages, &written);
  if (result_code == SQLITE_BUSY) return {.complete = false, .log_pages = log_pages};
  if (result_code != SQLITE_OK) fail(result_code);
  return {.complete = log_pages == written, .log_pages = log_pages};
}

void Connection::keep_log_on_close() noexcept {
  sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

void Connection::fail(int result_code) const {
  int system_errno = database_ ? sqlite3_system_errno(database_.get()) : 0;
  // The connection's text is about this error only when its code is; a bind or open failure may not have set it.
  std::string cause = database_ && sqlite3_extended_errcode(database_.get()) == result_code
                          ? sqlite3_errmsg(database_.get())
                          : sqlite3_errstr(result_code);
  if ((result_code & 0xff) == SQLITE_IOERR) {
    if (system_errno == 0) system_errno = last_errno_of_files(database_.get());
    if (system_errno != 0) cause += " (" + std::generic_category().message(system_errno) + ")";
  }
  ErrorKind kind = kind_of_sqlite_result(result_code, system_errno);
  if ((result_code & 0xff) == SQLITE_BUSY) cause += " by another process";
  Error error(kind, "history " + in_quotes(path_.string()) + ": " + cause);
  error.with_code(std::string(name_of_sqlite_result(result_code)));
  throw error;
}

// --- Transaction, Savepoint ---

Transaction::Transaction(Connection& connection, Kind kind) : connection_(connection) {
  connection_.prepare(kind == Kind::kWrite ? "BEGIN IMMEDIATE" : "BEGIN").run();
}

Transaction::~Transaction() {
  // Some errors (disk full, I/O) have ended the transaction already.
  if (!open_ || !connection_.in_transaction()) return;
  try {
    connection_.prepare("ROLLBACK").run();
  } catch (const std::exception&) {  // the state that made it fail is met, and told, by the next statement
  }
}

void Transaction::commit() {
  try {
    connection_.prepare("COMMIT").run();
    open_ = false;
  } catch (Error& error) {
    if (error.code().starts_with("SQLITE_IOERR")) error.with_may_have_happened(true);
    throw;
  }
}

Savepoint::Savepoint(Connection& connection) : connection_(connection) {
  connection_.prepare("SAVEPOINT part").run();
}

Savepoint::~Savepoint() {
  if (!open_ || !connection_.in_transaction()) return;
  try {
    connection_.prepare("ROLLBACK TO part").run();
    connection_.prepare("RELEASE part").run();
  } catch (const std::exception&) {
  }
}

void Savepoint::release() {
  connection_.prepare("RELEASE part").run();
  open_ = false;
}

}  // namespace penstock::store
