#include "core/store/jobs.h"

#include "core/base/text.h"
#include "core/store/json_columns.h"
#include "core/store/page_cursor.h"
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

// For each combination of filters the statement that reads them in order from one index. An execution has a handful of
// jobs, so what else is asked of them is told row by row.
Statement prepare_list(Connection& connection, const JobQuery& query, std::string_view upper) {
  auto blob = Blob{upper};
  std::string state(query.state ? to_string(*query.state) : "");
  if (query.pipeline_execution_id) {
    Statement rows =
        connection.prepare("SELECT " JOB_COLUMNS
                           "WHERE pipeline_execution_id = ?1 AND id < ?2 AND (?4 IS NULL OR +pipeline = ?4) "
                           "AND (?5 = '' OR +state = ?5) ORDER BY id DESC LIMIT ?3");
    rows.bind(*query.pipeline_execution_id, blob, query.limit + 1, query.pipeline, state);
    return rows;
  }
  if (query.pipeline && query.state) {
    Statement rows = connection.prepare("SELECT " JOB_COLUMNS
                                        "WHERE pipeline = ?1 AND state = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4");
    rows.bind(*query.pipeline, state, blob, query.limit + 1);
    return rows;
  }
  if (query.pipeline) {
    Statement rows =
        connection.prepare("SELECT " JOB_COLUMNS "WHERE pipeline = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
    rows.bind(*query.pipeline, blob, query.limit + 1);
    return rows;
  }
  if (query.state) {
    Statement rows = connection.prepare("SELECT " JOB_COLUMNS "WHERE state = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
    rows.bind(state, blob, query.limit + 1);
    return rows;
  }
  Statement rows = connection.prepare("SELECT " JOB_COLUMNS "WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
  rows.bind(blob, query.limit + 1);
  return rows;
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
  std::string upper = query.cursor.empty() ? above_all_ids() : parse_cursor(query.cursor, query_fingerprint);
  JobPage page;
  Statement rows = prepare_list(connection, query, upper);
  page.jobs = read_all(rows);
  if (page.jobs.size() > static_cast<std::size_t>(query.limit)) {
    page.jobs.pop_back();
    page.next_cursor = make_cursor(*uuid_to_blob(page.jobs.back().id), query_fingerprint);
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
