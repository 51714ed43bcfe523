// The artifact credentials of a job: valid for about 15 minutes, renewed with GetJobDetails.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/aws/codepipeline.h"
#include "core/aws/credentials.h"
#include "core/base/time.h"
#include "core/jobs/third_party_jobs.h"

namespace penstock::jobs {

// Thread-safe: parts of an upload ask for them at once, one of them renews.
class JobCredentials final : public aws::CredentialsProvider {
 public:
  struct Options {
    // AWS documents no lifetime; 15 minutes is what its own workers assume.
    std::chrono::milliseconds renew_after{std::chrono::minutes(10)};
    std::chrono::milliseconds unusable_after{std::chrono::minutes(15)};
  };
  JobCredentials(Options options, JobCalls calls, const aws::PipelineJob& job, const Clock& clock);

  // Error{kPermission} when the job carries none; errors of GetJobDetails once the old ones are unusable.
  aws::Credentials get() override;
  void invalidate() override;

 private:
  const Options options_;
  const JobCalls calls_;
  const std::string job_id_;
  const Client client_;
  const Clock& clock_;
  std::mutex mutex_;
  std::optional<aws::Credentials> credentials_;  // guarded by mutex_, as are the next two
  std::chrono::steady_clock::time_point read_at_;
  bool invalid_ = false;
};

}  // namespace penstock::jobs
