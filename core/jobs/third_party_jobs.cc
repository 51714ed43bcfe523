#include "core/jobs/third_party_jobs.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::jobs {
namespace {

constexpr std::size_t kMaxRemembered = 1000;
constexpr auto kTellAgain = std::chrono::hours(1);
// A client whose tokens were all refused is left alone for so long.
constexpr auto kPutOff = std::chrono::minutes(1);
constexpr int kMaxBatch = 100;

constexpr char kInvalidToken[] = "InvalidClientTokenException";

std::string key_of(const Client& client) {
  return client.action_type + "\n" + client.id;
}

template <typename TimePoint>
void remember(std::map<std::string, TimePoint>& list, const std::string& key, TimePoint now) {
  if (list.size() >= kMaxRemembered && !list.contains(key)) {
    list.erase(
        std::min_element(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
  list[key] = now;
}

}  // namespace

ThirdPartyJobs::ThirdPartyJobs(std::shared_ptr<aws::CodePipelineClient> codepipeline, ClientTokens& tokens,
                               const Clock& clock, const telemetry::Log& log)
    : codepipeline_(std::move(codepipeline)), tokens_(tokens), clock_(clock), log_(log) {}

std::vector<aws::PipelineJob> ThirdPartyJobs::poll(const aws::PollRequest& request, const std::stop_token& stop) {
  const std::string type = request.action_type.to_string();
  int batch = request.max_batch_size;
  {
    // CodePipeline offers what nobody can work again and again; it must not take the place of what can be.
    std::lock_guard lock(mutex_);
    batch = std::min(batch + not_ours_[type], kMaxBatch);
  }
  std::vector<aws::PipelineJob> jobs;
  int not_ours = 0;
  for (aws::ThirdPartyJob& offer : codepipeline_->poll_for_third_party_jobs(request.action_type, batch, stop)) {
    const Client client{type, offer.client_id};
    if (tokens_.candidates(client).empty()) {
      note_unknown(client);
      ++not_ours;
    } else if (is_put_off(client)) {
      ++not_ours;
    } else if (jobs.size() < static_cast<std::size_t>(std::max(1, request.max_batch_size))) {
      aws::PipelineJob job;
      job.id = std::move(offer.id);
      job.client_id = std::move(offer.client_id);
      job.action_type = request.action_type;
      jobs.push_back(std::move(job));
    }
  }
  std::lock_guard lock(mutex_);
  not_ours_[type] = not_ours;
  return jobs;
}

aws::PipelineJob ThirdPartyJobs::details(const std::string& job_id, const Client& client) {
  aws::PipelineJob job;
  with_token(client, [&](const Secret& token) { job = codepipeline_->get_third_party_job_details(job_id, token); });
  job.client_id = client.id;
  // What was polled for, whatever the answer says: the token is this type's.
  const std::vector<std::string> type = split(client.action_type, '/');
  if (type.size() == 4) job.action_type = {type[0], type[1], type[2], type[3]};
  return job;
}

std::string ThirdPartyJobs::acknowledge(const std::string& job_id, const Client& client, const std::string& nonce) {
  std::string status;
  with_token(client,
             [&](const Secret& token) { status = codepipeline_->acknowledge_third_party_job(job_id, nonce, token); });
  return status;
}

void ThirdPartyJobs::put_success(const std::string& job_id, const Client& client, const aws::JobSuccess& success) {
  with_token(client, [&](const Secret& token) { codepipeline_->put_third_party_job_success(job_id, success, token); });
}

void ThirdPartyJobs::put_failure(const std::string& job_id, const Client& client, const aws::JobFailure& failure) {
  with_token(client, [&](const Secret& token) { codepipeline_->put_third_party_job_failure(job_id, failure, token); });
}

// Anybody can sign up with anything, so the token that works is found by trying.
void ThirdPartyJobs::with_token(const Client& client, const std::function<void(const Secret& token)>& call) {
  for (const ClientTokens::Candidate& candidate : tokens_.candidates(client)) {
    Secret token;
    try {
      token = tokens_.open(client, candidate);
    } catch (const Error& error) {
      log_.error("opening a client token failed", {{"client", client.id}, {"error", error.what()}});
      continue;
    }
    try {
      call(token);
    } catch (const Error& error) {
      if (error.code() == kInvalidToken) continue;
      throw;
    }
    try {
      tokens_.confirm(candidate);
    } catch (const Error& error) {
      // The call was made; the next one confirms it.
      log_.warning("recording that a client token is good failed", {{"client", client.id}, {"error", error.what()}});
    }
    return;
  }
  note_refused(client);
  throw Error(ErrorKind::kPermission, "calling CodePipeline for client " + client.id +
                                          ": no client token is known that it takes; edit the action in the console, "
                                          "which brings a new one")
      .with_code(kInvalidToken);
}

bool ThirdPartyJobs::is_put_off(const Client& client) {
  std::lock_guard lock(mutex_);
  const auto found = refused_.find(key_of(client));
  if (found == refused_.end()) return false;
  if (clock_.steady_now() - found->second < kPutOff) return true;
  refused_.erase(found);
  return false;
}

void ThirdPartyJobs::note_unknown(const Client& client) {
  {
    std::lock_guard lock(mutex_);
    ++counts_.unknown_clients;
    const auto now = clock_.steady_now();
    const auto found = told_.find(key_of(client));
    if (found != told_.end() && now - found->second < kTellAgain) return;
    remember(told_, key_of(client), now);
  }
  log_.warning("a job was offered for a client that never signed up here; it is left to whoever it is for",
               {{"client", client.id}, {"actionType", client.action_type}});
}

void ThirdPartyJobs::note_refused(const Client& client) {
  std::lock_guard lock(mutex_);
  ++counts_.refused_tokens;
  remember(refused_, key_of(client), clock_.steady_now());
}

ThirdPartyJobs::Counts ThirdPartyJobs::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

JobCalls::JobCalls(std::shared_ptr<aws::CodePipelineClient> codepipeline, std::shared_ptr<ThirdPartyJobs> third_party)
    : codepipeline_(std::move(codepipeline)), third_party_(std::move(third_party)) {}

ThirdPartyJobs& JobCalls::third_party() const {
  if (!third_party_) throw Error(ErrorKind::kConfiguration, "working a third-party job: no such action is configured");
  return *third_party_;
}

std::vector<aws::PipelineJob> JobCalls::poll(const aws::PollRequest& request, const std::stop_token& stop) const {
  return request.action_type.owner == "ThirdParty" ? third_party().poll(request, stop)
                                                   : codepipeline_->poll_for_jobs(request, stop);
}

aws::PipelineJob JobCalls::details(const std::string& job_id, const Client& client) const {
  return client.id.empty() ? codepipeline_->get_job_details(job_id) : third_party().details(job_id, client);
}

std::string JobCalls::acknowledge(const std::string& job_id, const Client& client, const std::string& nonce) const {
  return client.id.empty() ? codepipeline_->acknowledge_job(job_id, nonce)
                           : third_party().acknowledge(job_id, client, nonce);
}

void JobCalls::put_success(const std::string& job_id, const Client& client, const aws::JobSuccess& success) const {
  client.id.empty() ? codepipeline_->put_job_success(job_id, success)
                    : third_party().put_success(job_id, client, success);
}

void JobCalls::put_failure(const std::string& job_id, const Client& client, const aws::JobFailure& failure) const {
  client.id.empty() ? codepipeline_->put_job_failure(job_id, failure)
                    : third_party().put_failure(job_id, client, failure);
}

}  // namespace penstock::jobs
