// The jobs of third-party actions: as those of custom actions, but that each call takes the client's token.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "core/aws/codepipeline.h"
#include "core/base/time.h"
#include "core/jobs/client_tokens.h"
#include "core/telemetry/log.h"

namespace penstock::jobs {

// Thread-safe. Blocks on CodePipeline and the store.
class ThirdPartyJobs {
 public:
  ThirdPartyJobs(std::shared_ptr<aws::CodePipelineClient> codepipeline, ClientTokens& tokens, const Clock& clock,
                 const telemetry::Log& log);

  // Of clients that are known and were not refused just now; of the others nothing can be done, for without a token
  // their jobs cannot even be failed. They hold id, client and action type, no more.
  std::vector<aws::PipelineJob> poll(const aws::PollRequest& request, const std::stop_token& stop);

  // Error with code() "InvalidClientTokenException" when no token of the client is taken, or none is known.
  aws::PipelineJob details(const std::string& job_id, const Client& client);
  std::string acknowledge(const std::string& job_id, const Client& client, const std::string& nonce);
  void put_success(const std::string& job_id, const Client& client, const aws::JobSuccess& success);
  void put_failure(const std::string& job_id, const Client& client, const aws::JobFailure& failure);

  // Offers of jobs whose client never signed up, and calls for which no token of the client was taken.
  struct Counts {
    std::uint64_t unknown_clients = 0, refused_tokens = 0;
  };
  Counts counts() const;

 private:
  void with_token(const Client& client, const std::function<void(const Secret& token)>& call);
  bool is_put_off(const Client& client);
  void note_unknown(const Client& client);
  void note_refused(const Client& client);

  const std::shared_ptr<aws::CodePipelineClient> codepipeline_;
  ClientTokens& tokens_;
  const Clock& clock_;
  const telemetry::Log& log_;
  using TimePoint = std::chrono::steady_clock::time_point;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::map<std::string, TimePoint> told_;     // unknown clients and when the log said so; bounded
  std::map<std::string, TimePoint> refused_;  // clients whose tokens were refused, and when; bounded
  std::map<std::string, int> not_ours_;       // by action type: what the last poll brought of no use
  Counts counts_;
};

// The calls of a job's life, whichever of the two kinds it is. `client_id` is empty for a custom action's.
class JobCalls {
 public:
  // Without `third_party` its jobs are refused.
  explicit JobCalls(std::shared_ptr<aws::CodePipelineClient> codepipeline,
                    std::shared_ptr<ThirdPartyJobs> third_party = nullptr);

  // Those of third-party actions are to be read with details() before anything else.
  std::vector<aws::PipelineJob> poll(const aws::PollRequest& request, const std::stop_token& stop) const;
  aws::PipelineJob details(const std::string& job_id, const Client& client) const;
  std::string acknowledge(const std::string& job_id, const Client& client, const std::string& nonce) const;
  void put_success(const std::string& job_id, const Client& client, const aws::JobSuccess& success) const;
  void put_failure(const std::string& job_id, const Client& client, const aws::JobFailure& failure) const;

 private:
  ThirdPartyJobs& third_party() const;
  const std::shared_ptr<aws::CodePipelineClient> codepipeline_;
  const std::shared_ptr<ThirdPartyJobs> third_party_;
};

}  // namespace penstock::jobs
