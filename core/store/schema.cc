#include "core/store/schema.h"

#include <array>
#include <cerrno>
#include <string>

#include <fcntl.h>

#include "core/base/files.h"
#include "core/base/handle.h"
#include "core/base/text.h"
#include "core/store/index_migration.h"

namespace penstock::store {
namespace {

// Times are milliseconds since 1970, ids the 16 bytes of a UUID, states and outcomes the words of the history API.
// A migration that was released is never edited; a change is a new one at the end.
struct Migration {
  const char* sql;
  // What SQL cannot do, and what is left for SQL after it.
  void (*convert)(Connection&, const Progress&) = nullptr;
  const char* afterwards = nullptr;
};
constexpr std::array kMigrations = {
    // 1
    Migration{R"sql(
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
-- id_skew_ms: no delivery's id is further than this from its received_at; so a range of times is a range of ids.
-- indexed_seq: up to which delivery delivery_terms is complete; the few after it are looked through one by one.
INSERT INTO meta VALUES ('id_skew_ms', 0), ('indexed_seq', 0), ('writable_checks', 0);

CREATE TABLE deliveries (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  received_at INTEGER NOT NULL,
  endpoint TEXT NOT NULL,
  remote_address TEXT NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  event_type TEXT NOT NULL,
  event_id TEXT NOT NULL,
  subscription_id TEXT NOT NULL,
  publisher_id TEXT NOT NULL,
  notification_id INTEGER,
  repository_id TEXT NOT NULL,
  repository_name TEXT NOT NULL,
  project TEXT NOT NULL,
  ref_updates TEXT NOT NULL,
  body_bytes INTEGER NOT NULL,
  body_sha256 TEXT NOT NULL,
  duplicate_key TEXT,  -- only of the first that had it
  duplicate_of BLOB,
  redelivery_of BLOB
) STRICT;
CREATE UNIQUE INDEX deliveries_duplicate_key ON deliveries (endpoint, duplicate_key) WHERE duplicate_key IS NOT NULL;

-- What a list does not show, out of the way of those who scan. With evidence the decisions are made of it and the set
-- of webhooks; otherwise `decisions` holds them.
CREATE TABLE delivery_contents (
  seq INTEGER PRIMARY KEY,
  decisions TEXT NOT NULL,
  request_headers TEXT NOT NULL,
  terms TEXT NOT NULL,  -- JSON array of the terms under which the delivery is found
  webhook_set INTEGER,
  evidence TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;

-- One inverted index for all filters: every value that a delivery can be found by is a term.
CREATE TABLE terms (
  term INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  value TEXT NOT NULL,
  UNIQUE (kind, value)
) STRICT;
CREATE TABLE delivery_terms (
  term INTEGER NOT NULL,
  delivery_id BLOB NOT NULL,
  PRIMARY KEY (term, delivery_id)
) STRICT, WITHOUT ROWID;

-- The webhooks that deliveries were judged by. A set is a term as well, so that it is found, and forgotten, like one.
CREATE TABLE webhook_sets (
  term INTEGER PRIMARY KEY REFERENCES terms (term) ON DELETE CASCADE,
  content TEXT NOT NULL
) STRICT;
CREATE TABLE webhook_set_names (
  name TEXT NOT NULL,
  term INTEGER NOT NULL REFERENCES webhook_sets (term) ON DELETE CASCADE,
  PRIMARY KEY (name, term)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_set_names_term ON webhook_set_names (term);

-- The ids of a delivery's triggers follow its own (trigger_id_blob), which finds them without an index.
CREATE TABLE triggers (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  delivery_id BLOB NOT NULL,
  push_key TEXT NOT NULL,
  webhook TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  generation INTEGER NOT NULL,
  action TEXT NOT NULL,
  ref TEXT NOT NULL,
  commit_id TEXT NOT NULL,
  variables TEXT NOT NULL,
  client_request_token TEXT NOT NULL,
  state TEXT NOT NULL,
  undecided INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  next_attempt_at INTEGER,
  started_at INTEGER,
  pipeline_execution_id TEXT NOT NULL DEFAULT '',
  error TEXT NOT NULL DEFAULT '',
  unclaimed_deadline INTEGER
) STRICT;
CREATE UNIQUE INDEX triggers_once ON triggers (push_key, webhook, pipeline, generation);
CREATE INDEX triggers_due ON triggers (ifnull(next_attempt_at, 0)) WHERE state = 'pending';
CREATE INDEX triggers_execution ON triggers (pipeline_execution_id, pipeline) WHERE pipeline_execution_id <> '';
CREATE INDEX triggers_unclaimed ON triggers (unclaimed_deadline) WHERE unclaimed_deadline IS NOT NULL;

-- Keys of deliveries that retention has deleted, while a late repetition of them is still thinkable.
CREATE TABLE retired_notifications (
  endpoint TEXT NOT NULL,
  duplicate_key TEXT NOT NULL,
  delivery_id BLOB NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (endpoint, duplicate_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX retired_notifications_expiry ON retired_notifications (expires_at);
CREATE TABLE retired_triggers (
  push_key TEXT NOT NULL,
  webhook TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  generation INTEGER NOT NULL,
  delivery_id BLOB NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (push_key, webhook, pipeline)
) STRICT, WITHOUT ROWID;
CREATE INDEX retired_triggers_expiry ON retired_triggers (expires_at);

CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  job_id TEXT NOT NULL UNIQUE,
  nonce TEXT NOT NULL,
  action_type TEXT NOT NULL,
  handler TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  pipeline_execution_id TEXT NOT NULL,
  stage TEXT NOT NULL,
  action TEXT NOT NULL,
  delivery_id BLOB,  -- no foreign key: a job must be journalled whatever became of the delivery
  commit_id TEXT NOT NULL,
  ref TEXT NOT NULL,
  state TEXT NOT NULL,
  claimed_at INTEGER NOT NULL,
  finished_at INTEGER,
  phases TEXT NOT NULL,
  artifact_bucket TEXT NOT NULL,
  artifact_key TEXT NOT NULL,
  artifact_sha256 TEXT NOT NULL,
  artifact_bytes INTEGER NOT NULL,
  artifact_entries INTEGER NOT NULL,
  failure_type TEXT NOT NULL,
  failure_message TEXT NOT NULL,
  result TEXT NOT NULL
) STRICT;
CREATE INDEX jobs_pipeline ON jobs (pipeline, id);
CREATE INDEX jobs_pipeline_state ON jobs (pipeline, state, id);
CREATE INDEX jobs_state ON jobs (state, id);
CREATE INDEX jobs_execution ON jobs (pipeline_execution_id, id);
CREATE INDEX jobs_claimed_at ON jobs (claimed_at);
CREATE INDEX jobs_unfinished ON jobs (delivery_id) WHERE state NOT IN ('succeeded', 'failed', 'lost');

CREATE TABLE job_log (
  job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
  sequence INTEGER NOT NULL,
  time INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (job, sequence)
) STRICT, WITHOUT ROWID;
)sql"},
    // 2: triggers that wait for a calendar
    Migration{R"sql(
-- When its calendar, or a person, has let the trigger go; from then on it is tried whatever the calendar says.
ALTER TABLE triggers ADD COLUMN cleared_at INTEGER;
CREATE INDEX triggers_deferred ON triggers (next_attempt_at) WHERE state = 'deferred';
)sql"},
    // 3: deliveries that are about a pull request
    Migration{R"sql(
ALTER TABLE deliveries ADD COLUMN pull_request TEXT NOT NULL DEFAULT '';  -- JSON object, or nothing
)sql"},
    // 4: triggers that wait for the changed paths of their push
    Migration{R"sql(
-- One of a webhook with routes has no pipeline, and is replaced by those that the changed paths lead to.
ALTER TABLE triggers ADD COLUMN awaits_paths INTEGER NOT NULL DEFAULT 0;
ALTER TABLE triggers ADD COLUMN note TEXT NOT NULL DEFAULT '';  -- for people; stays when it is started
CREATE INDEX triggers_awaiting_paths ON triggers (ifnull(next_attempt_at, 0))
  WHERE awaits_paths = 1 AND state = 'pending';
)sql"},
    // 5: third-party actions
    Migration{R"sql(
CREATE TABLE sign_ups (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  action_type TEXT NOT NULL,
  client_id TEXT NOT NULL,
  sealed_token BLOB NOT NULL,
  -- Of the action that was set up with it last.
  region TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  stage TEXT NOT NULL,
  action TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  confirmed_at INTEGER  -- when CodePipeline took the token for the first time
) STRICT;
CREATE INDEX sign_ups_client ON sign_ups (action_type, client_id);
CREATE INDEX sign_ups_unconfirmed ON sign_ups (seq) WHERE confirmed_at IS NULL;

CREATE TABLE sign_up_requests (
  seq INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE
) STRICT;

ALTER TABLE jobs ADD COLUMN client_id TEXT NOT NULL DEFAULT '';  -- of a third-party action
)sql"},
    // 6: actions of several jobs
    Migration{R"sql(
ALTER TABLE jobs ADD COLUMN continuation_of BLOB;  -- the id of the first; no foreign key: that may have gone
ALTER TABLE jobs ADD COLUMN progress TEXT NOT NULL DEFAULT '';  -- JSON object, or nothing
ALTER TABLE jobs ADD COLUMN work_state TEXT NOT NULL DEFAULT '';  -- of what goes on after the job was answered
ALTER TABLE jobs ADD COLUMN work_result TEXT NOT NULL DEFAULT '';
CREATE INDEX jobs_working ON jobs (id) WHERE work_state = 'running';
)sql"},
    // 7: an index that answers any combination of filters in one pass, and one of words
    Migration{R"sql(
-- Where a term occurs, chunk by chunk: see postings.h. Takes the place of delivery_terms.
CREATE TABLE postings (
  key INTEGER PRIMARY KEY,  -- term and chunk
  places BLOB NOT NULL
) STRICT;
CREATE VIRTUAL TABLE delivery_texts USING fts5 (
  text, columnsize = 0, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
);
-- id_disorder_ms, job_skew_ms: see id_bounds.h. texts_from_seq: the words of older deliveries are still to be added.
-- texts_to_merge: 1 while deleted words may still be in some part of the index.
INSERT INTO meta VALUES ('id_disorder_ms', 0), ('job_skew_ms', 0), ('texts_to_merge', 0),
  ('texts_from_seq', (SELECT ifnull(max(seq), 0) + 1 FROM deliveries));
DROP INDEX jobs_pipeline_state;
CREATE INDEX jobs_action_type ON jobs (action_type, id);
CREATE INDEX jobs_delivery ON jobs (delivery_id, id) WHERE delivery_id IS NOT NULL;
)sql",
              migrate_index, "DROP TABLE delivery_terms"},
};

std::string opening(const Connection& connection) {
  return "opening history " + in_quotes(connection.path().string());
}

int schema_version(Connection& connection) {
  return static_cast<int>(connection.query_integer("PRAGMA user_version").value_or(0));
}

// Throws unless the file is empty or a history that this program can handle. Changes nothing.
void check_identity(Connection& connection) {
  std::int64_t application = connection.query_integer("PRAGMA application_id").value_or(0);
  int version = schema_version(connection);
  bool empty = connection.query_integer("SELECT count(*) FROM sqlite_schema").value_or(0) == 0;
  if (application != kApplicationId && !(empty && version == 0 && application == 0)) {
    throw Error(ErrorKind::kConfiguration,
                opening(connection) + ": this is another program's SQLite file; set history.database to another path");
  }
  if (version > newest_schema_version()) {
    throw Error(ErrorKind::kConfiguration,
                opening(connection) + ": it was written by a newer version of this program (schema " +
                    std::to_string(version) + ", this one knows " + std::to_string(newest_schema_version()) +
                    "); run the newer version, or set history.database to another path");
  }
}

void migrate(Connection& connection, const Progress& progress) {
  for (;;) {
    if (schema_version(connection) >= newest_schema_version()) return;
    Transaction transaction(connection, Transaction::Kind::kWrite);
    // Again, as another process may have migrated while this one waited for the lock.
    int version = schema_version(connection);
    if (version >= newest_schema_version()) return;
    const Migration& next = kMigrations[static_cast<std::size_t>(version)];
    connection.execute(next.sql);
    if (next.convert != nullptr) next.convert(connection, progress);
    if (next.afterwards != nullptr) connection.execute(next.afterwards);
    std::string stamp = "PRAGMA application_id = " + std::to_string(kApplicationId) +
                        "; PRAGMA user_version = " + std::to_string(version + 1);
    connection.execute(stamp.c_str());
    transaction.commit();
  }
}

void check_content(Connection& connection, std::uintmax_t quick_check_bytes) {
  std::error_code ignored;
  std::uintmax_t size = std::filesystem::file_size(connection.path(), ignored);
  if (!ignored && size <= quick_check_bytes) {
    std::string verdict = connection.query_text("PRAGMA quick_check(1)").value_or("");
    if (verdict != "ok")
      throw Error(ErrorKind::kCorrupt, "history " + in_quotes(connection.path().string()) + ": " + verdict);
    return;
  }
  for (const char* edge :
       {"SELECT max(seq) + min(seq) FROM deliveries", "SELECT count(*) FROM (SELECT max(id), min(id) FROM deliveries)",
        "SELECT max(seq) + min(seq) FROM delivery_contents", "SELECT max(term) + min(term) FROM terms",
        "SELECT max(seq) + min(seq) FROM triggers", "SELECT max(seq) + min(seq) FROM jobs",
        "SELECT max(key) + min(key) FROM postings", "SELECT max(id) FROM delivery_texts_data",
        "SELECT max(term) FROM webhook_sets", "SELECT count(*) FROM (SELECT 1 FROM webhook_set_names LIMIT 1)",
        "SELECT count(*) FROM (SELECT 1 FROM job_log LIMIT 1)"}) {
    connection.query_integer(edge);
  }
}

}  // namespace

int newest_schema_version() noexcept {
  return static_cast<int>(kMigrations.size());
}

void check_readable(Connection& connection) {
  check_identity(connection);
  if (schema_version(connection) < newest_schema_version()) {
    throw Error(ErrorKind::kConfiguration,
                opening(connection) + ": it was written by an older version of this program (schema " +
                    std::to_string(schema_version(connection)) + ", this one reads " +
                    std::to_string(newest_schema_version()) + "); start this version's server on it first");
  }
}

void create_database_file(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (fd) return;
  int error_number = errno;
  if (error_number == ENOENT || error_number == ENOTDIR) {
    throw Error(ErrorKind::kConfiguration, "opening history " + in_quotes(path.string()) + ": folder " +
                                               in_quotes(path.parent_path().string()) + " does not exist");
  }
  throw_errno("opening history " + in_quotes(path.string()), error_number);
}

void prepare_database(Connection& connection, std::uintmax_t quick_check_bytes, const Progress& progress) {
  try {
    check_identity(connection);
    if (connection.read_only()) {
      throw Error(ErrorKind::kPermission, opening(connection) + ": the file is read-only for this user");
    }
    std::string mode = connection.query_text("PRAGMA journal_mode = WAL").value_or("");
    if (mode != "wal") {
      throw Error(ErrorKind::kConfiguration,
                  opening(connection) + ": write-ahead logging does not work on this file system (journal mode \"" +
                      mode + "\"); use a local disk");
    }
    // A reset log keeps at most this much of the disk.
    connection.execute("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16000");
    // What is deleted or replaced is overwritten: a person may have asked for it.
    connection.execute("PRAGMA secure_delete = ON");
    migrate(connection, progress);
    check_content(connection, quick_check_bytes);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kCorrupt) throw;
    throw Error(ErrorKind::kCorrupt,
                "opening " + std::string(error.what()) +
                    "; restore a backup, or move the file (and its -wal and -shm) away to begin anew");
  }
}

}  // namespace penstock::store
