#include "core/store/jobs.h"

#include <utility>

#include "core/base/text.h"
#include "core/store/id_bounds.h"
#include "core/store/json_columns.h"
#include "core/store/page_cursor.h"
#include "core/store/patience.h"
#include "core/store/triggers.h"
#include "core/store/uuid_blob.h"

#define JOB_COLUMNS                                                                                                   \
  "id, job_id, nonce, action_type, handler, pipeline, pipeline_execution_id, stage, action, delivery_id, commit_id, " \
  "ref, state, claimed_at, finished_at, phases, artifact_bucket, artifact_key, artifact_sha256, artifact_bytes, "     \
  "artifact_entries, failure_type, failure_message, result, client_id, continuation_of, progress, work_state, "       \
  "work_result FROM jobs "

namespace penstock::store {
namespace {

Job read_job(const Statement& row) {
  Job job;
  job.id = blob_to_uuid(row.text(0));
  job.job_id = row.text(1);
  job.nonce = row.text(2);
  job.action_type = row.text(3);
  job.handler = row.text(4);
  job.pipeline = row.text(5);
  job.pipeline_execution_id = row.text(6);
  job.stage = row.text(7);
  job.action = row.text(8);
  if (!row.is_null(9)) job.delivery_id = blob_to_uuid(row.text(9));
  job.commit_id = row.text(10);
  job.ref = row.text(11);
  std::optional<JobState> state = parse_job_state(row.text(12));
  if (!state) throw Error(ErrorKind::kCorrupt, "reading job " + job.id + ": state " + in_quotes(row.text(12)));
  job.state = *state;
  job.claimed_at = row.time(13);
  job.finished_at = row.optional_time(14);
  job.phases = decode_phases(row.text(15));
  job.artifact_bucket = row.text(16);
  job.artifact_key = row.text(17);
  job.artifact_sha256 = row.text(18);
  job.artifact_bytes = static_cast<std::uint64_t>(row.integer(19));
  job.artifact_entries = static_cast<std::uint64_t>(row.integer(20));
  job.failure_type = row.text(21);
  job.failure_message = row.text(22);
  job.result_json = row.text(23);
  job.client_id = row.text(24);
  if (!row.is_null(25)) job.continuation_of = blob_to_uuid(row.text(25));
  job.progress_json = row.text(26);
  job.work_state = row.text(27);
  job.work_result_json = row.text(28);
  return job;
}

std::optional<std::string> optional_blob(const std::optional<std::string>& id, const char* what) {
  if (!id || id->empty()) return std::nullopt;
  std::optional<std::string> blob = uuid_to_blob(*id);
  if (!blob) throw Error(ErrorKind::kInvalidInput, what + in_quotes(*id) + " is no UUID");
  return blob;
}

std::optional<std::string> delivery_blob(const Job& job) {
  return optional_blob(job.delivery_id, "delivery id ");
}

std::optional<Blob> as_blob(const std::optional<std::string>& bytes) {
  if (!bytes) return std::nullopt;
  return Blob{*bytes};
}

std::optional<std::int64_t> find_job_seq(Connection& connection, const std::string& id) {
  if (std::optional<std::string> blob = uuid_to_blob(id)) {
    Statement statement = connection.prepare("SELECT seq FROM jobs WHERE id = ?1");
    statement.bind(Blob{*blob});
    if (statement.step()) return statement.integer(0);
  }
  Statement statement = connection.prepare("SELECT seq FROM jobs WHERE job_id = ?1");
  statement.bind(id);
  if (!statement.step()) return std::nullopt;
  return statement.integer(0);
}

std::vector<Job> read_all(Statement& rows) {
  std::vector<Job> jobs;
  while (rows.step()) jobs.push_back(read_job(rows));
  return jobs;
}

// One filter: an index that has the ids of its jobs in order.
struct JobList {
  const char* newest_up_to;  // ?1 = the value, ?2 = an id
  std::string value;
  bool is_blob = false;
};

#define NEWEST_JOB(INDEX, CONDITION) \
  "SELECT id FROM jobs INDEXED BY " INDEX " WHERE " CONDITION " AND id <= ?2 ORDER BY id DESC LIMIT 1"

std::vector<JobList> lists_of(const JobQuery& query) {
  std::vector<JobList> lists;
  // Those that tend to be short come first: the walk leaps along the first.
  if (query.delivery_id) {
    lists.push_back({NEWEST_JOB("jobs_delivery", "delivery_id IS NOT NULL AND delivery_id = ?1"),
                     uuid_to_blob(*query.delivery_id).value_or(""), true});
  }
  if (query.pipeline_execution_id)
    lists.push_back({NEWEST_JOB("jobs_execution", "pipeline_execution_id = ?1"), *query.pipeline_execution_id});
  if (query.pipeline) lists.push_back({NEWEST_JOB("jobs_pipeline", "pipeline = ?1"), *query.pipeline});
  if (query.state) lists.push_back({NEWEST_JOB("jobs_state", "state = ?1"), std::string(to_string(*query.state))});
  if (query.action_type) lists.push_back({NEWEST_JOB("jobs_action_type", "action_type = ?1"), *query.action_type});
  if (lists.empty()) lists.push_back({"SELECT id FROM jobs WHERE id <= ?2 ORDER BY id DESC LIMIT 1", ""});
  return lists;
}

// Walks the jobs that are in all lists, newest first, by leaping: each step goes to the newest job that another list
// still allows.
class JobWalk {
 public:
  JobWalk(Connection& connection, std::vector<JobList> lists) : connection_(connection), lists_(std::move(lists)) {}

  // The newest up to `at` (16 bytes); nothing when there is none. When the patience ends before, `at` is how far it
  // came.
  std::optional<std::string> seek(std::string& at, Patience& patience) {
    std::size_t agreeing = 0;
    for (std::size_t i = 0; agreeing < lists_.size(); i = (i + 1) % lists_.size()) {
      std::optional<std::string> found = newest_up_to(lists_[i], at);
      if (!found) {
        at.clear();
        return std::nullopt;
      }
      agreeing = *found == at ? agreeing + 1 : 1;
      at = std::move(*found);
      if (agreeing < lists_.size() && patience.is_over()) return std::nullopt;
    }
    return at;
  }

 private:
  std::optional<std::string> newest_up_to(const JobList& list, std::string_view at) {
    Statement row = connection_.prepare(list.newest_up_to);
    if (list.is_blob) {
      row.bind(Blob{list.value}, Blob{at});
    } else {
      row.bind(list.value, Blob{at});
    }
    if (!row.step()) return std::nullopt;
    return row.text(0);
  }

  Connection& connection_;
  const std::vector<JobList> lists_;
};

// The id before this one; empty before the first.
std::string id_before(std::string id) {
  for (std::size_t i = id.size(); i-- > 0;) {
    const auto byte = static_cast<unsigned char>(id[i]);
    id[i] = static_cast<char>(byte - 1);
    if (byte != 0) return id;
  }
  return {};
}

std::string id_after(std::string id) {
  for (std::size_t i = id.size(); i-- > 0;) {
    const auto byte = static_cast<unsigned char>(id[i]);
    id[i] = static_cast<char>(byte + 1);
    if (byte != 0xff) break;
  }
  return id;
}

bool in_range(const JobQuery& query, Timestamp claimed_at) {
  return !(query.since && claimed_at < *query.since) && !(query.until && claimed_at >= *query.until);
}

}  // namespace

std::string journal_job(Connection& connection, const Job& job, const std::string& fallback_id) {
  const std::string& id = job.id.empty() ? fallback_id : job.id;
  std::optional<std::string> id_blob = uuid_to_blob(id);
  if (!id_blob) throw Error(ErrorKind::kInvalidInput, "id " + in_quotes(id) + " is no UUID");
  if (job.job_id.empty()) throw Error(ErrorKind::kInvalidInput, "the job id is empty");
  {
    Statement known = connection.prepare("UPDATE jobs SET nonce = ?2 WHERE job_id = ?1 RETURNING id");
    known.bind(job.job_id, job.nonce);
    // SQLite has made all changes by the first row.
    if (known.step()) return blob_to_uuid(known.text(0));
  }
  connection
      .prepare(
          "INSERT INTO jobs (id, job_id, nonce, action_type, handler, pipeline, pipeline_execution_id, stage, action, "
          "delivery_id, commit_id, ref, state, claimed_at, finished_at, phases, artifact_bucket, artifact_key, "
          "artifact_sha256, artifact_bytes, artifact_entries, failure_type, failure_message, result, client_id) VALUES "
          "(?1, "
          "?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, "
          "?25)")
      .run(Blob{*id_blob}, job.job_id, job.nonce, job.action_type, job.handler, job.pipeline, job.pipeline_execution_id,
           job.stage, job.action, as_blob(delivery_blob(job)), job.commit_id, job.ref, to_string(job.state),
           job.claimed_at, job.finished_at, encode_phases(job.phases), job.artifact_bucket, job.artifact_key,
           job.artifact_sha256, static_cast<std::int64_t>(job.artifact_bytes),
           static_cast<std::int64_t>(job.artifact_entries), job.failure_type, job.failure_message, job.result_json,
           job.client_id);
  std::optional<std::int64_t> known;
  widen_bound(connection, "job_skew_ms",
              std::abs(to_milliseconds(uuid_blob_time(*id_blob)) - to_milliseconds(job.claimed_at)), known);
  claim_execution(connection, job.pipeline, job.pipeline_execution_id);
  return blob_to_uuid(*id_blob);
}

void update_job(Connection& connection, const Job& job) {
  std::optional<std::string> id_blob = uuid_to_blob(job.id);
  if (!id_blob) throw Error(ErrorKind::kNotFound, "there is no such job");
  connection
      .prepare(
          "UPDATE jobs SET nonce = ?2, action_type = ?3, handler = ?4, pipeline = ?5, pipeline_execution_id = ?6, "
          "stage = ?7, action = ?8, delivery_id = ?9, commit_id = ?10, ref = ?11, state = ?12, finished_at = ?13, "
          "phases = ?14, artifact_bucket = ?15, artifact_key = ?16, artifact_sha256 = ?17, artifact_bytes = ?18, "
          "artifact_entries = ?19, failure_type = ?20, failure_message = ?21, result = ?22, continuation_of = ?23, "
          "progress = ?24, work_state = ?25, work_result = ?26 WHERE id = ?1")
      .run(Blob{*id_blob}, job.nonce, job.action_type, job.handler, job.pipeline, job.pipeline_execution_id, job.stage,
           job.action, as_blob(delivery_blob(job)), job.commit_id, job.ref, to_string(job.state), job.finished_at,
           encode_phases(job.phases), job.artifact_bucket, job.artifact_key, job.artifact_sha256,
           static_cast<std::int64_t>(job.artifact_bytes), static_cast<std::int64_t>(job.artifact_entries),
           job.failure_type, job.failure_message, job.result_json,
           as_blob(optional_blob(job.continuation_of, "job id ")), job.progress_json, job.work_state,
           job.work_result_json);
  if (connection.changes() == 0) throw Error(ErrorKind::kNotFound, "there is no such job");
  claim_execution(connection, job.pipeline, job.pipeline_execution_id);
}

void interrupt_works(Connection& connection) {
  connection.prepare("UPDATE jobs INDEXED BY jobs_working SET work_state = 'interrupted' WHERE work_state = 'running'")
      .run();
}

std::optional<Job> load_job(Connection& connection, const std::string& id) {
  std::optional<std::int64_t> seq = find_job_seq(connection, id);
  if (!seq) return std::nullopt;
  Statement row = connection.prepare("SELECT " JOB_COLUMNS "WHERE seq = ?1");
  row.bind(*seq);
  if (!row.step()) return std::nullopt;
  return read_job(row);
}

std::vector<Job> load_unfinished_jobs(Connection& connection) {
  Statement rows = connection.prepare("SELECT " JOB_COLUMNS
                                      "INDEXED BY jobs_unfinished WHERE state NOT IN ('succeeded', 'failed', 'lost') "
                                      "ORDER BY id");
  return read_all(rows);
}

JobPage list_jobs(Connection& connection, const JobQuery& query) {
  check_page_limit(query.limit);
  const std::string query_fingerprint = fingerprint(query);
  std::string lower(16, '\0');
  std::string at =
      query.cursor.empty() ? std::string(16, '\xff') : id_before(parse_cursor(query.cursor, query_fingerprint));
  // Ids and times of claiming agree but for the known skew; the rest is told row by row.
  const std::chrono::milliseconds skew = load_bound(connection, "job_skew_ms");
  if (query.since) lower = smallest_uuid_blob(*query.since - skew);
  if (query.until) at = std::min(at, id_before(smallest_uuid_blob(*query.until + skew + std::chrono::milliseconds(1))));

  JobPage page;
  Patience patience;
  JobWalk walk(connection, lists_of(query));
  Statement row = connection.prepare("SELECT " JOB_COLUMNS "WHERE id = ?1");
  while (!at.empty() && at >= lower) {
    const std::optional<std::string> id = walk.seek(at, patience);
    if (at.empty() || at < lower) break;
    if (id) {
      row.bind(Blob{*id});
      if (row.step() && in_range(query, row.time(13))) {
        if (page.jobs.size() == static_cast<std::size_t>(query.limit)) {
          page.next_cursor = make_cursor(*uuid_to_blob(page.jobs.back().id), query_fingerprint);
          break;
        }
        page.jobs.push_back(read_job(row));
      }
      row.reset();
      at = id_before(std::move(at));
    }
    if (patience.is_over() && !at.empty()) {
      // A cursor says below which id it goes on; `at` itself has not been looked at.
      page.next_cursor = make_cursor(id_after(at), query_fingerprint);
      break;
    }
  }
  return page;
}

void append_job_log(Connection& connection, const std::string& id, const std::vector<LogLine>& lines) {
  std::optional<std::int64_t> job = find_job_seq(connection, id);
  if (!job) throw Error(ErrorKind::kNotFound, "there is no such job");
  std::int64_t sequence = 0;
  {
    Statement last = connection.prepare("SELECT max(sequence) FROM job_log WHERE job = ?1");
    last.bind(*job);
    if (last.step()) sequence = last.integer(0);
  }
  Statement insert = connection.prepare("INSERT INTO job_log (job, sequence, time, text) VALUES (?1, ?2, ?3, ?4)");
  for (const LogLine& line : lines) {
    if (++sequence > kMaxLogLines + 1) return;
    if (sequence == kMaxLogLines + 1) {
      insert.run(*job, sequence, line.time,
                 "the log ends here: it has " + std::to_string(kMaxLogLines) + " lines, more are not kept");
      return;
    }
    insert.run(*job, sequence, line.time, truncate_utf8(line.text, kMaxLogLineBytes, kMaxLogLineBytes));
  }
}

std::vector<LogLine> load_job_log(Connection& connection, const std::string& id, std::int64_t after_sequence,
                                  int limit) {
  std::optional<std::int64_t> job = find_job_seq(connection, id);
  if (!job) return {};
  Statement rows = connection.prepare(
      "SELECT sequence, time, text FROM job_log WHERE job = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3");
  rows.bind(*job, after_sequence, limit);
  std::vector<LogLine> lines;
  while (rows.step()) lines.push_back({.sequence = rows.integer(0), .time = rows.time(1), .text = rows.text(2)});
  return lines;
}

}  // namespace penstock::store
