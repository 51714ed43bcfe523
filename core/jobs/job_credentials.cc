#include "core/jobs/job_credentials.h"

#include "core/base/error.h"

namespace penstock::jobs {

JobCredentials::JobCredentials(Options options, JobCalls calls, const aws::PipelineJob& job, const Clock& clock,
                               std::stop_token stop)
    : options_(options),
      calls_(std::move(calls)),
      client_{job.action_type.to_string(), job.client_id},
      clock_(clock),
      stop_(std::move(stop)),
      job_id_(job.id),
      credentials_(job.artifact_credentials),
      read_at_(clock.steady_now()) {}

aws::Credentials JobCredentials::get() {
  std::unique_lock lock(mutex_);
  if (is_closed_) {
    if (credentials_ && !invalid_ && clock_.steady_now() - read_at_ < options_.unusable_after) return *credentials_;
    if (!adopted_.wait(lock, stop_, [this] { return !is_closed_; }))
      throw Error(ErrorKind::kCancelled, "waiting for the next job's artifact credentials: stopped");
  }
  const auto age = clock_.steady_now() - read_at_;
  if (credentials_ && !invalid_ && age < options_.renew_after) return *credentials_;
  try {
    aws::PipelineJob job = calls_.details(job_id_, client_);
    if (!job.artifact_credentials) {
      throw Error(ErrorKind::kPermission, "reading artifact credentials: the job carries none");
    }
    credentials_ = std::move(job.artifact_credentials);
    read_at_ = clock_.steady_now();
    invalid_ = false;
  } catch (const Error&) {
    if (!credentials_ || invalid_ || age >= options_.unusable_after) throw;
  }
  return *credentials_;
}

void JobCredentials::close() {
  std::lock_guard lock(mutex_);
  is_closed_ = true;
}

void JobCredentials::adopt(const aws::PipelineJob& job) {
  {
    std::lock_guard lock(mutex_);
    job_id_ = job.id;
    is_closed_ = false;
    if (job.artifact_credentials) {
      credentials_ = job.artifact_credentials;
      read_at_ = clock_.steady_now();
      invalid_ = false;
    }
  }
  adopted_.notify_all();
}

void JobCredentials::invalidate() {
  std::lock_guard lock(mutex_);
  invalid_ = true;
}

}  // namespace penstock::jobs
