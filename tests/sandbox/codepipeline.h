// CodePipeline as far as custom actions see it: declarations, executions, stages with their locks, jobs.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "tests/sandbox/journal.h"
#include "tests/sandbox/key_ring.h"
#include "tests/sandbox/records.h"
#include "tests/sandbox/settings.h"

namespace penstock::sandbox {

struct Caller {
  std::string account, region, arn;
};

// Thread-safe: one lock around each operation.
class CodePipeline {
 public:
  // Gets each state change, in the form in which EventBridge sends it; may be null.
  using OnEvent = std::function<void(Json event)>;
  CodePipeline(Journal& journal, const KeyRing& keys, const Settings& settings, const Clock& clock,
               OnEvent on_event = {});

  // One awsJson1_1 operation; throws ServiceError.
  Json call(const std::string& operation, const Json& input, const Caller& caller);

  // Lets time act: jobs that timed out. Called now and then.
  void tick();

  // Third-party actions, which the console sets up. The type is as CreateCustomActionType takes it.
  Json add_third_party_type(const Json& input);
  struct Connection {
    std::string pipeline, stage, action, action_type, region;
  };
  // What the console sends to the provider's page: {"url", "request"}. The request's id is good for one confirm().
  Json connect(const Connection& connection);
  // The provider's answer: adds the action to its pipeline or changes it; returns the declaration.
  Json confirm(const Json& response);

  // Buckets that some pipeline keeps its artifacts in.
  bool is_artifact_bucket(const std::string& bucket) const;

  void restore(std::string_view kind, const Json& value);
  void restored();  // after the last restore()
  Json dump(const std::string& only_pipeline) const;

 private:
  using Handler = Json (CodePipeline::*)(const Json&, const Caller&);

  // codepipeline_types.cc
  Json create_custom_action_type(const Json& input, const Caller& caller);
  Json delete_custom_action_type(const Json& input, const Caller& caller);
  Json list_action_types(const Json& input, const Caller& caller);
  Json list_tags_for_resource(const Json& input, const Caller& caller);
  Json tag_resource(const Json& input, const Caller& caller);
  Json untag_resource(const Json& input, const Caller& caller);
  Json* find_tags(const std::string& arn);

  ActionType make_type(const Json& input, const std::string& owner) const;

  // codepipeline_third_party.cc
  Json poll_for_third_party_jobs(const Json& input, const Caller& caller);
  Json acknowledge_third_party_job(const Json& input, const Caller& caller);
  Json get_third_party_job_details(const Json& input, const Caller& caller);
  Json put_third_party_job_success_result(const Json& input, const Caller& caller);
  Json put_third_party_job_failure_result(const Json& input, const Caller& caller);
  Job& get_third_party_job(const Json& input);
  ThirdPartyClient& client_of(const std::string& pipeline, const std::string& action_type);
  static Json& find_or_add_action(Json& declaration, const Connection& connection);

  // codepipeline_pipelines.cc
  Json create_pipeline(const Json& input, const Caller& caller);
  Json update_pipeline(const Json& input, const Caller& caller);
  Json get_pipeline(const Json& input, const Caller& caller);
  Json list_pipelines(const Json& input, const Caller& caller);
  Json delete_pipeline(const Json& input, const Caller& caller);
  Json masked(Json declaration) const;

  // declaration.cc
  void check_declaration(const Json& declaration) const;
  void check_action(const Json& declaration, const Json& stage, const Json& action, std::set<std::string>& artifacts,
                    std::set<std::string>& namespaces) const;

  // codepipeline_executions.cc
  Json start_pipeline_execution(const Json& input, const Caller& caller);
  Json stop_pipeline_execution(const Json& input, const Caller& caller);
  Json retry_stage_execution(const Json& input, const Caller& caller);
  std::string start(const Pipeline& pipeline, const Json& input, const std::string& trigger_type,
                    const std::string& trigger_detail);
  void abandon_actions(Execution& execution, const std::string& summary);

  // codepipeline_engine.cc: what follows from what happened
  void advance_pipeline(const std::string& name);
  bool advance(Execution& execution);
  bool may_enter(const Execution& execution) const;
  void supersede_waiting(const Execution& newer);
  void begin_action(Execution& execution, const Json& stage, const Json& action);
  void queue_job(Execution& execution, ActionExecution& action, const std::string& continuation_token);
  void finish(Execution& execution, const std::string& status, const std::string& summary);
  std::string resolve(const Execution& execution, const std::string& text) const;

  void emit_changes(const Execution& execution);  // codepipeline_events.cc

  // codepipeline_jobs.cc
  Json poll_for_jobs(const Json& input, const Caller& caller);
  Json acknowledge_job(const Json& input, const Caller& caller);
  Json get_job_details(const Json& input, const Caller& caller);
  Json put_job_success_result(const Json& input, const Caller& caller);
  Json put_job_failure_result(const Json& input, const Caller& caller);
  // What both kinds of jobs have in common.
  std::vector<Job*> offer_jobs(const std::string& type, int limit, const ActionProperty* property,
                               const std::string& wanted);
  Json acknowledge(const Json& input, const Caller& caller);
  Json put_success(const Json& input, const Caller& caller);
  Json put_failure(const Json& input, const Caller& caller);
  Job& get_custom_job(const Json& input);
  Json job_data(const Job& job) const;
  Job& get_job(const std::string& id);
  Job& get_working_job(const std::string& id);
  void close_job(Job& job, const std::string& status, const std::string& event, const std::string& detail);
  void expire_jobs();

  // codepipeline_views.cc
  Json get_pipeline_state(const Json& input, const Caller& caller);
  Json get_pipeline_execution(const Json& input, const Caller& caller);
  Json list_pipeline_executions(const Json& input, const Caller& caller);
  Json list_action_executions(const Json& input, const Caller& caller);
  Json action_state(const Pipeline& pipeline, const Json& stage, const Json& action) const;
  Json masked_configuration(const std::string& action_type, Json configuration) const;

  // codepipeline_webhooks.cc
  Json put_webhook(const Json& input, const Caller& caller);
  Json list_webhooks(const Json& input, const Caller& caller);
  Json delete_webhook(const Json& input, const Caller& caller);

  Pipeline& get_pipeline_record(const std::string& name);
  Execution& get_execution(const std::string& id);
  ActionExecution& get_action(Execution& execution, const std::string& id);
  const ActionType* find_type(const std::string& id) const;
  const std::vector<std::string>& executions_of(const std::string& pipeline) const;  // oldest first
  std::int64_t now() const { return to_milliseconds(clock_.now()); }
  void touch(const Execution& execution);
  void touch(const Job& job);
  void touch(const Pipeline& pipeline);
  void touch(const ActionType& type);
  void commit();

  Journal& journal_;
  const KeyRing& keys_;
  const Settings& settings_;
  const Clock& clock_;
  const OnEvent on_event_;
  mutable std::mutex mutex_;  // guards all below
  std::map<std::string, ActionType> types_;
  std::map<std::string, Pipeline> pipelines_;
  std::map<std::string, Json> webhooks_;  // url, arn, definition, tags
  std::map<std::string, Execution> executions_;
  std::map<std::string, std::vector<std::string>> executions_by_pipeline_;  // oldest first
  std::map<std::string, std::set<std::pair<std::int64_t, std::string>>>
      active_;                                                          // pipeline -> (number, id), unfinished
  std::map<std::pair<std::string, std::string>, std::string> started_;  // (pipeline, token) -> execution
  std::map<std::string, Job> jobs_;
  std::map<std::string, ThirdPartyClient> clients_;  // "pipeline\naction type"
  std::map<std::string, Connection> connections_;    // by request id
  std::set<std::string> open_jobs_;
  std::vector<std::string> offerable_;  // queued and dispatched jobs, oldest first
  std::int64_t next_number_ = 1;
  std::int64_t next_nonce_ = 1;
  std::set<std::string> dirty_executions_, dirty_jobs_;
  std::map<std::string, std::map<std::string, std::string>> told_;  // execution -> what -> status of its last event
};

// "#{ns.Key}" and the like, and the pieces of a declaration.
std::string action_type_id(const Json& action_type);
Json action_type_json(const std::string& id);
double seconds_since_epoch(std::int64_t milliseconds);
// The page that `nextToken` and `maxResults` of the input ask for; sets nextToken on `output` when there is more.
std::pair<std::size_t, std::size_t> page_of(const Json& input, std::size_t total, std::size_t default_size,
                                            Json& output);

}  // namespace penstock::sandbox
