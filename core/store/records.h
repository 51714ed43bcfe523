// What the store keeps. Plain data; JSON members are already rendered by whoever decided them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace penstock::store {

enum class Outcome { kTriggered, kFiltered, kDuplicate, kTest, kIgnored, kRejected, kDryRun };
enum class TriggerState { kPending, kDeferred, kStarted, kSkipped, kSuperseded, kFailed };
enum class JobState { kClaimed, kAcknowledged, kRunning, kReporting, kSucceeded, kFailed, kLost };

std::string_view to_string(Outcome outcome) noexcept;  // "triggered", as the history API writes it
std::string_view to_string(TriggerState state) noexcept;
std::string_view to_string(JobState state) noexcept;
std::optional<Outcome> parse_outcome(std::string_view text) noexcept;
std::optional<TriggerState> parse_trigger_state(std::string_view text) noexcept;
std::optional<JobState> parse_job_state(std::string_view text) noexcept;

struct RefUpdateRecord {
  std::string name, old_object_id, new_object_id;
};

// A trigger that intake asks for. Unique per (push_key, webhook, pipeline, generation).
struct NewTrigger {
  std::string push_key;
  std::string webhook;
  std::string pipeline;
  std::string action;  // target action
  std::string ref, commit_id;
  std::map<std::string, std::string> variables;
  // Set while the decision waits for the action's configuration; then the trigger stage decides again.
  bool undecided = false;
  // Set while it waits for the list of files that its push has changed. With routes `pipeline` is empty until then.
  bool awaits_paths = false;
};

// The webhooks that deliveries were judged by: kept once, as long as some delivery refers to it.
struct WebhookSet {
  std::string id;       // the same content has the same id
  std::string content;  // opaque here
  std::vector<std::string> names;
};

struct NewDelivery {
  std::string id;  // UUIDv7
  Timestamp received_at;
  std::string endpoint, remote_address;
  Outcome outcome = Outcome::kFiltered;  // kTriggered becomes kDuplicate when it turns out to start nothing new
  std::string reason;
  // event
  std::string event_type, event_id, subscription_id, publisher_id;
  std::optional<std::int64_t> notification_id;
  // Same endpoint, subscription and notification as an earlier delivery = duplicate. Empty = never.
  std::string duplicate_key;
  std::string repository_id, repository_name, project;
  std::vector<RefUpdateRecord> ref_updates;
  std::string pull_request_json;          // JSON object, as the API shows it; empty = none
  std::vector<std::string> further_refs;  // by which it is found as well
  std::string search_text;                // by whose words it is found; empty = by none
  std::string subject = "push";           // what its triggers are about, for the reason of a duplicate
  // The decisions, as evidence that Options::expand_decisions makes the API's JSON array of, together with the set;
  // null and empty when nothing was judged.
  std::shared_ptr<const WebhookSet> webhook_set;
  std::string evidence;
  std::string request_headers_json;  // JSON object, redacted
  std::string body;                  // raw; empty when it must not be kept
  std::uint64_t body_bytes = 0;
  std::string body_sha256;  // only for a body that is not kept whole; otherwise it is told from the body when asked
  std::vector<NewTrigger> triggers;
  // Redelivery of an earlier delivery: its triggers are the next generation.
  std::optional<std::string> redelivery_of;
};

struct RecordedDelivery {
  std::string id;
  Outcome outcome;
  std::string reason;
  std::vector<std::string> trigger_ids;     // created now
  std::optional<std::string> duplicate_of;  // the earlier delivery
};

struct Trigger {
  std::string id;  // UUIDv7
  std::string delivery_id;
  std::string push_key, webhook, pipeline, action, ref, commit_id;
  std::map<std::string, std::string> variables;
  int generation = 0;
  std::string client_request_token;
  TriggerState state = TriggerState::kPending;
  bool undecided = false;
  bool awaits_paths = false;
  int attempts = 0;
  Timestamp created_at;
  std::optional<Timestamp> next_attempt_at;
  std::optional<Timestamp> started_at;
  std::string pipeline_execution_id;
  std::string error;  // the last one
  // Until when the source job of the started execution must show up; empty = not watched (any more).
  std::optional<Timestamp> unclaimed_deadline;
  // When its webhook's calendar, or a person, let it go. It is not held up by a calendar again.
  std::optional<Timestamp> cleared_at;
  std::string note;  // for people
};

// What is to be known of a trigger to plan its start.
struct PendingTrigger {
  std::string id;
  std::string webhook;
  std::string pipeline, action;
  bool undecided = false;
  bool awaits_paths = false;
  int attempts = 0;
  std::optional<Timestamp> next_attempt_at;
};

enum class AwaitsPaths { kNo, kYes };

// A trigger that waits for the list of files that its push has changed.
struct AwaitingTrigger {
  std::string id;
  std::string delivery_id;
  std::string push_key;
  std::string repository;  // of the delivery: its id, or its name without one
  Timestamp created_at;
  std::optional<Timestamp> next_attempt_at;
};

// What becomes of it.
struct PathsOutcome {
  std::string trigger_id;
  enum class Step {
    kGoes,    // it waits no longer, and is due
    kSplits,  // it ends as skipped, and is replaced by a trigger for each of `pipelines`
    kSkips,
    kFails,
    kWaits,  // still, until next_attempt_at; counts an attempt
  };
  Step step = Step::kGoes;
  std::string reason;                        // becomes its `error`, but with kGoes
  std::string note;                          // of the trigger that goes, or of those that replace it
  std::vector<std::string> pipelines;        // kSplits
  std::optional<Timestamp> next_attempt_at;  // kWaits
};

struct PathsSettlement {
  std::string delivery_id;
  std::vector<PathsOutcome> outcomes;  // of triggers of this delivery
  // Of the delivery, with what was decided; empty = as they are.
  std::string decisions_json, reason;
};

struct DeferredTriggers {
  std::vector<PendingTrigger> due;  // in the order of their arrival
  std::optional<Timestamp> next;    // when the first of the others is due
};

// The triggers of one state that are still to come to an end.
struct TriggerBacklog {
  std::string_view state;  // of the API
  std::uint64_t count = 0;
  std::optional<Timestamp> oldest;  // when it was made
};

struct Delivery {
  std::string id;
  Timestamp received_at;
  std::string endpoint, remote_address;
  Outcome outcome;
  std::string reason;
  std::string event_type, event_id, subscription_id, publisher_id;
  std::optional<std::int64_t> notification_id;
  std::string repository_id, repository_name, project;
  std::vector<RefUpdateRecord> ref_updates;
  std::string pull_request_json;             // JSON object; empty = none
  std::string decisions_json;                // JSON array, as the API shows it; empty in summaries
  std::vector<std::string> judged_webhooks;  // names, sorted; empty in summaries
  std::string request_headers_json;          // empty in summaries
  std::string body;                          // empty in summaries
  std::uint64_t body_bytes = 0;
  std::string body_sha256;
  std::optional<std::string> duplicate_of, redelivery_of;
  std::vector<Trigger> triggers;
};

struct DeliveryQuery {
  int limit = 50;                         // 1..500, else Error{kInvalidInput}
  std::string cursor;                     // from a former page; Error{kInvalidInput} when not of this same query
  std::optional<Timestamp> since, until;  // received_at in [since, until)
  std::optional<std::string> event_type, repository, ref, pipeline, webhook;  // repository = name or id, no case
  std::optional<Outcome> outcome;
  // Words of commit messages and the repository's name, see to_text_queries(): Error{kInvalidInput} without a word.
  std::optional<std::string> words;
};
struct DeliveryPage {
  std::vector<Delivery> deliveries;  // newest first, summaries
  std::string next_cursor;           // empty = the end
};

// Of work that goes on after its job was answered.
inline constexpr std::string_view kWorkRunning = "running", kWorkSucceeded = "succeeded", kWorkFailed = "failed",
                                  kWorkEnded = "ended",  // nobody wanted its result any more
    kWorkInterrupted = "interrupted";                    // by the end of the process

struct Job {
  std::string id;      // ours, UUIDv7
  std::string job_id;  // CodePipeline's
  std::string nonce;
  std::string client_id;    // of a job of a third-party action; never changes
  std::string action_type;  // "Source/Custom/AzureDevOpsRepo/1"
  std::string handler;
  std::string pipeline, pipeline_execution_id, stage, action;
  std::optional<std::string> delivery_id;
  std::string commit_id, ref;
  JobState state = JobState::kClaimed;
  Timestamp claimed_at;
  std::optional<Timestamp> finished_at;
  std::map<std::string, double> phases;  // seconds
  std::string artifact_bucket, artifact_key, artifact_sha256;
  std::uint64_t artifact_bytes = 0, artifact_entries = 0;
  std::string failure_type, failure_message;
  // The result that is being reported, so that a restart reports the same: opaque JSON of the jobs module.
  std::string result_json;
  std::optional<std::string> continuation_of;  // id of the first job of the action's run, for the jobs after it
  std::string progress_json;                   // JSON object, as the API shows it; empty = none
  std::string work_state;                      // of the work that this job began, see above; empty = none
  std::string work_result_json;                // like result_json, of that work, until a continued job reports it
};

struct JobQuery {
  int limit = 50;
  std::string cursor;
  std::optional<Timestamp> since, until;  // claimed_at in [since, until)
  std::optional<std::string> pipeline, pipeline_execution_id, action_type, delivery_id;
  std::optional<JobState> state;
};
struct JobPage {
  std::vector<Job> jobs;  // newest first
  std::string next_cursor;
};

// A client token that somebody signed up with, for an action type and a client of it. A client can have several: one
// that has been good is not displaced by one that never was.
struct SignUp {
  std::int64_t number = 0;
  std::string action_type, client_id;
  std::string sealed_token;  // opaque here
  std::string region, pipeline, stage, action;
  Timestamp created_at;
  std::optional<Timestamp> confirmed_at;  // when CodePipeline took it for the first time
};

struct NewSignUp {
  std::string action_type, client_id, sealed_token;
  std::string region, pipeline, stage, action;
  std::string request_digest;         // of the request that asked for it: each works once
  std::optional<std::int64_t> known;  // the sign-up that has this very token already
  Timestamp time;
};

struct LogLine {
  std::int64_t sequence = 0;  // rises per job; given by the store
  Timestamp time;
  std::string text;
};

}  // namespace penstock::store
