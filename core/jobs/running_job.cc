#include "core/jobs/running_job.h"

#include <utility>

#include "core/jobs/job_result.h"

namespace penstock::jobs {

RunningJob::RunningJob(store::Store& store, const Clock& clock, JobCalls calls, JobCredentials::Options credentials,
                       store::Job row, aws::PipelineJob job, std::optional<PushedRevision> pushed, Attempt attempt,
                       std::chrono::steady_clock::time_point deadline)
    : next_execution_look(),
      store_(store),
      job_(std::move(job)),
      id_(row.id),
      pushed_(std::move(pushed)),
      attempt_(attempt),
      begun_at_(clock.steady_now()),
      deadline_(deadline),
      log_(store, clock, row.id),
      credentials_(credentials, std::move(calls), job_, clock, stop_source_.get_token()),
      row_(std::move(row)) {}

void RunningJob::add_phase(const std::string& name, std::chrono::duration<double> duration) {
  std::lock_guard lock(mutex_);
  row_.phases[name] += duration.count();
  row_changed_ = true;
}

void RunningJob::set_revision(const std::string& commit_id, const std::string& ref) {
  std::lock_guard lock(mutex_);
  row_.commit_id = commit_id;
  row_.ref = ref;
  row_changed_ = true;
}

void RunningJob::set_artifact(const ArtifactFacts& artifact) {
  std::lock_guard lock(mutex_);
  row_.artifact_bucket = artifact.bucket;
  row_.artifact_key = artifact.key;
  row_.artifact_sha256 = artifact.sha256;
  row_.artifact_bytes = artifact.bytes;
  row_.artifact_entries = artifact.entries;
  row_changed_ = true;
}

void RunningJob::set_progress(const Progress& progress) {
  std::lock_guard lock(mutex_);
  if (progress.percent) progress_.percent = progress.percent;
  if (!progress.summary.empty()) progress_.summary = progress.summary;
  row_.progress_json = progress_to_json(progress_);
  row_changed_ = true;
}

Progress RunningJob::progress() const {
  std::lock_guard lock(mutex_);
  return progress_;
}

void RunningJob::request_stop(StopReason reason, const std::string& detail, std::chrono::steady_clock::time_point now) {
  {
    std::lock_guard lock(mutex_);
    if (stop_reason_ != StopReason::kNone) return;
    stop_reason_ = reason;
    stop_detail_ = detail;
    stopped_at_ = now;
  }
  stop_source_.request_stop();
}

StopReason RunningJob::stop_reason() const {
  std::lock_guard lock(mutex_);
  return stop_reason_;
}

std::string RunningJob::stop_detail() const {
  std::lock_guard lock(mutex_);
  return stop_detail_;
}

std::optional<std::chrono::steady_clock::time_point> RunningJob::stopped_at() const {
  std::lock_guard lock(mutex_);
  return stopped_at_;
}

bool RunningJob::claim_ending() {
  // Waits for a row that is just being written as running, so that it cannot overwrite the ending.
  std::lock_guard saving(save_mutex_);
  std::lock_guard lock(mutex_);
  return !std::exchange(ending_, true);
}

bool RunningJob::is_ending() const {
  std::lock_guard lock(mutex_);
  return ending_;
}

store::Job RunningJob::row() const {
  std::lock_guard lock(mutex_);
  return row_;
}

void RunningJob::save_progress() {
  std::lock_guard saving(save_mutex_);
  store::Job row;
  {
    std::lock_guard lock(mutex_);
    if (ending_ || !row_changed_) return;
    row = row_;
    row_changed_ = false;
  }
  write(row);
}

void RunningJob::change_row(const std::function<void(store::Job&)>& change) {
  std::lock_guard lock(mutex_);
  change(row_);
  row_changed_ = true;
}

void RunningJob::write_row() {
  std::lock_guard saving(save_mutex_);
  store::Job row;
  {
    std::lock_guard lock(mutex_);
    row = row_;
    row_changed_ = false;
  }
  write(row);
}

void RunningJob::write(const store::Job& row) {
  try {
    store_.update_job(row);
  } catch (...) {
    std::lock_guard lock(mutex_);
    row_changed_ = true;
    throw;
  }
}

}  // namespace penstock::jobs
