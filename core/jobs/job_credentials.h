// The artifact credentials of a job: valid for about 15 minutes, renewed with GetJobDetails.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
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
  JobCredentials(Options options, JobCalls calls, const aws::PipelineJob& job, const Clock& clock,
                 std::stop_token stop);

  // Error{kPermission} when the job carries none; errors of GetJobDetails once the old ones are unusable.
  aws::Credentials get() override;
  void invalidate() override;

  // The job was answered while its work goes on: there is nothing to renew. get() gives what it has while that is good,
  // and then blocks until adopt(), or throws Error{kCancelled} when it is to stop.
  void close();
  // Another job of the same action goes on with it.
  void adopt(const aws::PipelineJob& job);

 private:
  const Options options_;
  const JobCalls calls_;
  const Client client_;
  const Clock& clock_;
  const std::stop_token stop_;
  std::mutex mutex_;
  std::condition_variable_any adopted_;
  std::string job_id_;                           // guarded by mutex_
  std::optional<aws::Credentials> credentials_;  // guarded by mutex_, as are the next three
  std::chrono::steady_clock::time_point read_at_;
  bool invalid_ = false;
  bool is_closed_ = false;
};

}  // namespace penstock::jobs
