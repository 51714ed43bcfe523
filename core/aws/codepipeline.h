// The CodePipeline calls that the program makes. Source: API version 2015-07-09, awsJson1_1.
//
// Errors: Error with code() = the service's error name; kinds: throttling kRateLimited; ConflictException and
// ConcurrentPipelineExecutionsLimitExceededException kConflict; *NotFoundException kNotFound; access and expired-token
// errors kPermission / kUnauthenticated; Invalid*, Validation* kInvalidInput; 5xx and network kUnavailable; kTimeout.
// Transient ones have been retried before they are thrown. Blocking; thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/aws/client.h"
#include "core/aws/credentials.h"
#include "core/base/secret.h"

namespace penstock::aws {

struct ActionTypeId {
  std::string category, owner, provider, version = {};
  std::string to_string() const { return category + "/" + owner + "/" + provider + "/" + version; }
  auto operator<=>(const ActionTypeId&) const = default;
};

struct S3Location {
  std::string bucket, key = {};
};
struct JobArtifact {
  std::string name, revision = {};
  S3Location location = {};
};

// PollForJobs / GetJobDetails. Never log it: it holds credentials and secret configuration values.
struct PipelineJob {
  std::string id, nonce, account_id = {};
  ActionTypeId action_type = {};
  std::map<std::string, std::string> configuration = {};
  std::string pipeline_name, pipeline_arn, pipeline_execution_id, stage_name, action_name, action_execution_id = {};
  std::vector<JobArtifact> input_artifacts, output_artifacts = {};
  std::optional<Credentials> artifact_credentials = {};
  std::string continuation_token = {};
  std::string encryption_key_id = {};  // empty = the default key
  std::string client_id = {};          // of a third-party job: whose client token each call takes
};

// PollForThirdPartyJobs tells no more of a job.
struct ThirdPartyJob {
  std::string id, client_id;
};

struct PollRequest {
  ActionTypeId action_type = {};
  int max_batch_size = 1;
  std::map<std::string, std::string> query_param = {};  // at most one
};

struct CurrentRevision {
  std::string revision, change_identifier, summary = {};
  std::optional<Timestamp> created = {};
};
struct JobSuccess {
  std::optional<CurrentRevision> current_revision = {};
  std::map<std::string, std::string> output_variables = {};
  std::string continuation_token = {};
  std::string external_execution_id, summary = {};
  std::optional<int> percent_complete = {};
};
enum class FailureType {
  kJobFailed,
  kConfigurationError,
  kPermissionError,
  kRevisionOutOfSync,
  kRevisionUnavailable,
  kSystemUnavailable,
};
std::string_view to_string(FailureType type) noexcept;  // "JobFailed"
struct JobFailure {
  FailureType type = FailureType::kJobFailed;
  std::string message, external_execution_id = {};
};

struct StartRequest {
  std::string pipeline = {};
  std::string client_request_token = {};
  std::map<std::string, std::string> variables = {};  // V2 pipelines only
};

struct PipelineAction {
  std::string stage, name = {};
  ActionTypeId action_type = {};
  std::map<std::string, std::string> configuration = {};
};
struct PipelineDescription {
  std::string name = {};
  int version = 0;
  std::vector<PipelineAction> actions = {};
};
struct PipelineExecution {
  std::string status = {};  // InProgress, Stopped, Stopping, Succeeded, Superseded, Failed, Cancelled
};

struct WebhookFilter {
  std::string json_path;
  std::optional<std::string> match_equals;
};
// As ListWebhooks tells it: without the secret.
struct Webhook {
  std::string name, target_pipeline, target_action = {};
  std::vector<WebhookFilter> filters = {};
  std::string authentication = {};  // GITHUB_HMAC, IP, UNAUTHENTICATED
  std::string allowed_ip_range = {};
  std::string error_code, error_message = {};
  std::optional<Timestamp> last_triggered = {};
};

struct CustomActionType {
  ActionTypeId id;
  std::string json;  // the whole of it, as the service tells it
};

class CodePipelineClient {
 public:
  explicit CodePipelineClient(std::shared_ptr<Client> client);

  std::vector<PipelineJob> poll_for_jobs(const PollRequest& request, std::stop_token stop = {});
  std::string acknowledge_job(const std::string& job_id, const std::string& nonce);  // the new status
  PipelineJob get_job_details(const std::string& job_id);
  // Fields are cut to the documented lengths; empty ones are left out.
  void put_job_success(const std::string& job_id, const JobSuccess& success);
  void put_job_failure(const std::string& job_id, const JobFailure& failure);

  // The same for actions with owner ThirdParty. The client token proves that the client has set up an action with us;
  // it is in no message of an Error, whatever the service repeats of the request.
  std::vector<ThirdPartyJob> poll_for_third_party_jobs(const ActionTypeId& action_type, int max_batch_size,
                                                       std::stop_token stop = {});
  std::string acknowledge_third_party_job(const std::string& job_id, const std::string& nonce,
                                          const Secret& client_token);
  PipelineJob get_third_party_job_details(const std::string& job_id, const Secret& client_token);  // with its nonce
  // There are no output variables: those of `success` are left out.
  void put_third_party_job_success(const std::string& job_id, const JobSuccess& success, const Secret& client_token);
  void put_third_party_job_failure(const std::string& job_id, const JobFailure& failure, const Secret& client_token);

  std::string start_pipeline_execution(const StartRequest& request);  // pipelineExecutionId
  // An execution that cannot be stopped any more or is being stopped already is not an error.
  void stop_pipeline_execution(const std::string& pipeline, const std::string& execution_id, const std::string& reason);
  PipelineDescription get_pipeline(const std::string& pipeline, std::stop_token stop = {});
  PipelineExecution get_pipeline_execution(const std::string& pipeline, const std::string& execution_id);
  std::vector<Webhook> list_webhooks();  // all pages

  // Custom action types. `definition` is the operation's input, a JSON object; the answer is the type as the service
  // keeps it, likewise.
  std::string create_custom_action_type(const std::string& definition);
  std::vector<CustomActionType> list_custom_action_types();  // all pages

 private:
  std::shared_ptr<Client> client_;
};

}  // namespace penstock::aws
