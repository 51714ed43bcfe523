#include "core/jobs/job_credentials.h"

#include "core/base/error.h"

namespace penstock::jobs {

JobCredentials::JobCredentials(Options options, JobCalls calls, const aws::PipelineJob& job, const Clock& clock)
    : options_(options),
      calls_(std::move(calls)),
      job_id_(job.id),
      client_{job.action_type.to_string(), job.client_id},
      clock_(clock),
      credentials_(job.artifact_credentials),
      read_at_(clock.steady_now()) {}

aws::Credentials JobCredentials::get() {
  std::lock_guard lock(mutex_);
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

void JobCredentials::invalidate() {
  std::lock_guard lock(mutex_);
  invalid_ = true;
}

}  // namespace penstock::jobs
