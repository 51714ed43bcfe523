#include "core/jobs/job_runner.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "core/base/wake.h"
#include "core/jobs/failure_policy.h"
#include "core/jobs/job_result.h"

namespace penstock::jobs {
namespace {

// Hints that an execution is over: how many are kept and for how long, for a job that is just beginning.
constexpr std::size_t kMaxHeard = 256;
constexpr auto kHeardFor = std::chrono::minutes(1);
// However many come, CodePipeline is asked no more often than this about a job. What an event says may be seen a little
// later only: it is asked a few times.
constexpr auto kLookPause = std::chrono::seconds(1);
constexpr auto kQuickLook = std::chrono::seconds(2);
constexpr int kQuickLooks = 3;

void pause(const std::stop_token& stop, std::chrono::milliseconds duration) {
  Wake none;
  none.wait_for(stop, duration);
}

Client client_of(const aws::PipelineJob& job) {
  return {job.action_type.to_string(), job.client_id};
}

Client client_of(const store::Job& row) {
  return {row.action_type, row.client_id};
}

void describe(const aws::PipelineJob& job, store::Job& row) {
  // A client's token belongs to the action type that was polled.
  if (row.client_id.empty()) row.action_type = job.action_type.to_string();
  row.pipeline = job.pipeline_name;
  row.pipeline_execution_id = job.pipeline_execution_id;
  row.stage = job.stage_name;
  row.action = job.action_name;
}

bool is_final(store::JobState state) {
  return state == store::JobState::kSucceeded || state == store::JobState::kFailed || state == store::JobState::kLost;
}

std::string seconds_text(std::chrono::milliseconds duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  return seconds >= 60 && seconds % 60 == 0 ? std::to_string(seconds / 60) + "m" : std::to_string(seconds) + "s";
}

class ActiveGuard {
 public:
  ActiveGuard(ActiveJobs& active, const std::string& id) : active_(active), id_(id), added_(active.add(id)) {}
  ~ActiveGuard() {
    if (added_) active_.remove(id_);
  }
  ActiveGuard(const ActiveGuard&) = delete;
  ActiveGuard& operator=(const ActiveGuard&) = delete;
  bool added() const noexcept { return added_; }

 private:
  ActiveJobs& active_;
  const std::string id_;
  const bool added_;
};

}  // namespace

bool ActiveJobs::add(const std::string& job_id) {
  std::lock_guard lock(mutex_);
  return ids_.insert(job_id).second;
}

void ActiveJobs::remove(const std::string& job_id) {
  std::lock_guard lock(mutex_);
  ids_.erase(job_id);
}

JobRunner::JobRunner(Options options, Parts parts)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      calls_(parts_.calls()),
      reporter_(options_.reporter, calls_, parts_.clock, parts_.log) {}

// PollForThirdPartyJobs tells only whose job it is; a custom action's offer is the whole job.
std::optional<aws::PipelineJob> JobRunner::read_offer(const aws::PipelineJob& offered, Ending& ending) {
  if (offered.client_id.empty()) return offered;
  try {
    return calls_.details(offered.id, client_of(offered));
  } catch (const Error& error) {
    // Whatever the reason, the job is offered again. What only this client can put right must not slow the others.
    const bool is_theirs = error.code() == "InvalidClientTokenException" || !is_transient(error.kind());
    ending = is_theirs ? Ending::kFinished : Ending::kNotTaken;
    parts_.log.warning("reading an offered job failed, it was not taken",
                       {{"job", offered.id}, {"client", offered.client_id}, {"error", error.what()}});
    return std::nullopt;
  }
}

JobRunner::~JobRunner() {
  cancel(StopReason::kShutdown);
  end_works();
}

JobRunner::Ending JobRunner::run(const aws::PipelineJob& offered, const std::stop_token& stop) {
  const ActiveGuard guard(*parts_.active, offered.id);
  if (!guard.added()) return Ending::kFinished;  // a second offer of what is being worked on

  Ending not_taken = Ending::kNotTaken;
  const std::optional<aws::PipelineJob> read = read_offer(offered, not_taken);
  if (!read) return not_taken;
  const aws::PipelineJob& job = *read;

  store::Job row;
  row.job_id = job.id;
  row.nonce = job.nonce;
  row.client_id = offered.client_id;
  row.action_type = offered.action_type.to_string();
  row.handler = options_.handler->name();
  row.claimed_at = parts_.clock.now();
  describe(job, row);
  try {
    row.id = parts_.store.journal_job(row);
    if (std::optional<store::Job> known = parts_.store.find_job(row.id)) {
      row = std::move(*known);
      if (is_final(row.state)) {
        // Offered again after we had given it up. It must be open in the journal before it is acknowledged.
        row.state = store::JobState::kClaimed;
        row.finished_at.reset();
        row.result_json.clear();
        row.failure_type.clear();
        row.failure_message.clear();
        row.work_state.clear();
        row.work_result_json.clear();
        parts_.store.update_job(row);
      }
    }
  } catch (const Error& error) {
    // Not journalled, not acknowledged: CodePipeline offers it again.
    parts_.log.warning("journalling a job failed, it was not taken", {{"job", job.id}, {"error", error.what()}});
    return Ending::kNotTaken;
  }

  std::string note;
  switch (acknowledge(row, /*may_have_happened=*/false, note, stop)) {
    case AcknowledgeVerdict::kOurs:
      return execute(std::move(row), job, Attempt::kFirst, stop);
    case AcknowledgeVerdict::kNotOurs:
      return lose(std::move(row), note, stop);
    case AcknowledgeVerdict::kRefused:
      lose(std::move(row), note, stop);
      return Ending::kNotTaken;
    case AcknowledgeVerdict::kRetry:
      break;
  }
  return Ending::kLeft;
}

JobRunner::Ending JobRunner::resume(const store::Job& journalled, const std::stop_token& stop) {
  const ActiveGuard guard(*parts_.active, journalled.job_id);
  if (!guard.added()) return Ending::kFinished;
  store::Job row = journalled;
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.now() - row.claimed_at);
  std::string note;
  // A handler may have begun what was journalled as running, not what was only claimed or acknowledged.
  const Attempt attempt = row.state == store::JobState::kClaimed || row.state == store::JobState::kAcknowledged
                              ? Attempt::kFirst
                              : Attempt::kResumed;
  switch (plan_recovery(row, age)) {
    case RecoveryStep::kNothing:
      return Ending::kFinished;
    case RecoveryStep::kForget:
      return lose(std::move(row), "not resumed: CodePipeline ends a job after 24 hours", stop);
    case RecoveryStep::kReport:
      try {
        Result result = result_from_json(row.result_json);
        parts_.log.info("resuming a job: reporting its result", {{"job", row.job_id}, {"pipeline", row.pipeline}});
        return finish(row, std::move(result), Tried::kMaybe, stop);
      } catch (const Error& error) {
        parts_.log.warning("reading a journalled result failed, the job is run again",
                           {{"job", row.job_id}, {"error", error.what()}});
      }
      break;
    case RecoveryStep::kAcknowledgeAgain:
      // We may have died between the acknowledgement and its record, so "invalid nonce" can be the echo of our own.
      // When it is another worker's claim after all, both make the same artifact from the same commit and CodePipeline
      // takes the first result; dropping a job that is ours would hang its pipeline for a day.
      switch (acknowledge(row, /*may_have_happened=*/true, note, stop)) {
        case AcknowledgeVerdict::kOurs:
          break;
        case AcknowledgeVerdict::kNotOurs:
        case AcknowledgeVerdict::kRefused:
          return lose(std::move(row), note, stop);
        case AcknowledgeVerdict::kRetry:
          return Ending::kLeft;
      }
      break;
    case RecoveryStep::kRunAgain:
      break;
  }
  const std::optional<aws::PipelineJob> job = read_details(row, note, stop);
  if (!job) return note.empty() ? Ending::kLeft : lose(std::move(row), note, stop);
  parts_.log.info("resuming a job: running it again", {{"job", row.job_id}, {"pipeline", row.pipeline}});
  return execute(std::move(row), *job, attempt, stop);
}

AcknowledgeVerdict JobRunner::acknowledge(const store::Job& row, bool may_have_happened, std::string& note,
                                          const std::stop_token& stop) {
  for (int failures = 0;;) {
    try {
      const std::string status = calls_.acknowledge(row.job_id, client_of(row), row.nonce);
      note = "AcknowledgeJob answered " + in_quotes(status);
      return judge_acknowledge_status(status);
    } catch (const Error& error) {
      may_have_happened = may_have_happened || error.may_have_happened();
      const AcknowledgeVerdict verdict = judge_acknowledge_failure(error, may_have_happened);
      note = error.code() == "InvalidNonceException" ? "claimed by another worker" : error.what();
      if (verdict == AcknowledgeVerdict::kRefused) {
        parts_.log.error("acknowledging a job was refused; allow codepipeline:AcknowledgeJob",
                         {{"job", row.job_id}, {"error", error.what()}});
      }
      if (verdict != AcknowledgeVerdict::kRetry) return verdict;
      const auto age = parts_.clock.now() - row.claimed_at;
      if (age > std::chrono::hours(24)) return AcknowledgeVerdict::kNotOurs;
      ++failures;
      parts_.log.warning("acknowledging a job failed, trying again",
                         {{"job", row.job_id}, {"failures", failures}, {"error", error.what()}});
      pause(stop, retry_delay(options_.retry, failures, random_unit()));
      if (stop.stop_requested()) return AcknowledgeVerdict::kRetry;
    }
  }
}

std::optional<aws::PipelineJob> JobRunner::read_details(const store::Job& row, std::string& note,
                                                        const std::stop_token& stop) {
  for (int failures = 0;;) {
    if (stop.stop_requested()) break;
    try {
      return calls_.details(row.job_id, client_of(row));
    } catch (const Error& error) {
      if (is_gone(error) || error.kind() == ErrorKind::kNotFound ||
          parts_.clock.now() - row.claimed_at > std::chrono::hours(24)) {
        note = error.what();
        return std::nullopt;
      }
      ++failures;
      parts_.log.warning("reading a job failed, trying again",
                         {{"job", row.job_id}, {"failures", failures}, {"error", error.what()}});
      pause(stop, retry_delay(options_.retry, failures, random_unit()));
    }
  }
  note.clear();
  return std::nullopt;
}

JobRunner::Ending JobRunner::execute(store::Job row, aws::PipelineJob job, Attempt attempt,
                                     const std::stop_token& stop) {
  // GetJobDetails answers without a nonce; the journal keeps the one of the claim.
  describe(job, row);
  row.state = store::JobState::kAcknowledged;
  row.phases.clear();
  // The journalled state may lag behind: a claimed job that is ours is resumed just as well.
  save(row, stop);

  std::string first_id = row.id;
  if (!job.continuation_token.empty() && options_.tokens == Options::Tokens::kRequired) {
    Continuation continuation;
    try {
      continuation = parts_.tokens->open(options_.handler->name(), job);
    } catch (const Error& error) {
      return finish(row, failure_of(error), Tried::kNo, stop);
    }
    first_id = continuation.first_id;
    row.continuation_of = first_id;
    job.continuation_token = std::move(continuation.state);
    if (continuation.kind == Continuation::Kind::kWork) {
      if (const auto work = parts_.works->find(first_id)) return join(std::move(row), job, first_id, work, stop);
      if (auto result = recorded_result(first_id))
        return report_recorded(std::move(row), job, first_id, std::move(*result), stop);
      attempt = Attempt::kResumed;
    }
  }

  PushLookup push;
  for (int failures = 1;; ++failures) {
    try {
      push = find_push(parts_.store, job, options_.push_lookup, parts_.clock, stop);
      break;
    } catch (const Error& error) {
      if (stop.stop_requested()) return Ending::kLeft;
      // Building something else than what was pushed would be worse than a failure that says so.
      if (failures >= kSaveAttempts) return finish(row, failure_of(error), Tried::kNo, stop);
      parts_.log.warning("finding the push of a job failed, trying again", {{"job", job.id}, {"error", error.what()}});
    }
    pause(stop, retry_delay(options_.retry, failures, random_unit()));
  }
  if (stop.stop_requested()) return Ending::kLeft;
  row.delivery_id = push.delivery_id;
  if (options_.revision == RevisionSource::kHead) push.pushed.reset();
  if (push.pushed) {
    row.commit_id = push.pushed->commit_id;
    row.ref = push.pushed->ref;
  }
  row.state = store::JobState::kRunning;
  save(row, stop);
  if (options_.details_first) return begin_work(std::move(row), job, std::move(push.pushed), attempt, first_id, stop);

  std::shared_ptr<RunningJob> running;
  try {
    running = std::make_shared<RunningJob>(parts_.store, parts_.clock, calls_, options_.credentials, row, job,
                                           push.pushed, attempt, parts_.clock.steady_now() + options_.timeout);
  } catch (const std::exception& error) {
    return finish(row, failure_of(error), Tried::kNo, stop);
  }
  running->next_execution_look = running->begun_at() + options_.execution_look;
  {
    std::lock_guard lock(mutex_);
    running_[row.id] = running;
    if (cancelled_) running->request_stop(StopReason::kShutdown, "the server stops", parts_.clock.steady_now());
  }
  parts_.log.info("job began", {{"job", job.id},
                                {"pipeline", job.pipeline_name},
                                {"pipelineExecutionId", job.pipeline_execution_id},
                                {"handler", options_.handler->name()},
                                {"commit", row.commit_id}});
  Result result = with_token(run_handler(*running), job, first_id);
  {
    std::lock_guard lock(mutex_);
    running_.erase(row.id);
  }
  if (!running->claim_ending()) {
    parts_.log.warning("a handler that hung has returned", {{"job", job.id}});
    return Ending::kFinished;
  }
  const bool failed = std::holds_alternative<Fail>(result);
  const StopReason reason = running->stop_reason();
  if (failed && reason == StopReason::kShutdown)
    running->log("interrupted: the server stops; it resumes the job when it starts again");
  if (failed && reason == StopReason::kTimeout) {
    result = Fail{aws::FailureType::kJobFailed, running->stop_detail(), ""};
  }
  if (const auto* fail = std::get_if<Fail>(&result); fail != nullptr && reason != StopReason::kShutdown) {
    running->log("failed (" + std::string(aws::to_string(fail->type)) + "): " + fail->message);
  }
  flush_log(*running);
  row = running->row();
  if (failed && reason == StopReason::kShutdown) {
    save(row, stop);
    return Ending::kLeft;
  }
  if (reason == StopReason::kExecutionOver) return lose(std::move(row), running->stop_detail(), stop);
  return finish(row, std::move(result), Tried::kNo, stop);
}

Result JobRunner::run_handler(RunningJob& running) {
  try {
    return options_.handler->run(running);
  } catch (const std::exception& error) {
    return failure_of(error);
  } catch (...) {
    return Fail{aws::FailureType::kJobFailed, "running the job: unknown exception", ""};
  }
}

Result JobRunner::with_token(Result result, const aws::PipelineJob& job, const std::string& first_id) const {
  auto* next = std::get_if<Continue>(&result);
  if (next == nullptr) return result;
  try {
    next->continuation_token = parts_.tokens->seal(
        options_.handler->name(), job,
        {.kind = Continuation::Kind::kState, .first_id = first_id, .node = "", .state = next->continuation_token});
  } catch (const Error& error) {
    return failure_of(error);
  }
  return result;
}

JobRunner::Ending JobRunner::finish(store::Job& row, Result result, Tried tried, const std::stop_token& stop) {
  // The console's link for an action that names nothing else leads to the job's page.
  std::visit(
      [&](auto& what) {
        if (what.external_execution_id.empty()) what.external_execution_id = row.continuation_of.value_or(row.id);
      },
      result);
  if (const auto* success = std::get_if<Success>(&result))
    row.progress_json = progress_to_json({std::nullopt, success->summary}, success->external_execution_id);
  if (const auto* next = std::get_if<Continue>(&result))
    row.progress_json = progress_to_json({next->percent_complete, next->summary}, next->external_execution_id);
  const auto journal = [&](const Result& what) {
    row.result_json = result_to_json(what);
    row.state = store::JobState::kReporting;
    save(row, stop);
  };
  if (tried == Tried::kNo) journal(result);
  const ReportOutcome outcome = reporter_.report(row.job_id, client_of(row), result, tried, stop, journal);
  switch (outcome.state) {
    case ReportState::kPending:
      return Ending::kLeft;
    case ReportState::kGone:
      row.failure_message = outcome.note;
      // Without the client's token, which no handler is given, nobody else can have reported a third-party job; and in
      // two steps the handler knows no job that is open.
      if (options_.handler->self_report() == Handler::SelfReport::kNever || !row.client_id.empty() ||
          options_.details_first || is_stopped(row)) {
        return lose(row, outcome.note, stop);
      }
      // Its own report, most likely; what was made of it is as the handler saw it.
      parts_.log.info("a job had its result already", {{"job", row.job_id}, {"pipeline", row.pipeline}});
      break;
    case ReportState::kLost:
      row.failure_message = outcome.note;
      return lose(row, outcome.note, stop);
    case ReportState::kAccepted:
      break;
  }
  row.state = store::JobState::kSucceeded;
  row.failure_type.clear();
  row.failure_message.clear();
  if (const auto* fail = std::get_if<Fail>(&result)) {
    row.state = store::JobState::kFailed;
    row.failure_type = std::string(aws::to_string(fail->type));
    row.failure_message = fail->message;
  }
  row.finished_at = parts_.clock.now();
  row.result_json.clear();
  save(row, stop);
  if (parts_.on_ended) parts_.on_ended(row);
  const auto seconds = std::chrono::duration<double>(*row.finished_at - row.claimed_at).count();
  if (row.state == store::JobState::kFailed) {
    parts_.log.warning("job failed", {{"job", row.job_id},
                                      {"pipeline", row.pipeline},
                                      {"type", row.failure_type},
                                      {"error", row.failure_message},
                                      {"seconds", seconds}});
  } else {
    parts_.log.info("job succeeded", {{"job", row.job_id},
                                      {"pipeline", row.pipeline},
                                      {"commit", row.commit_id},
                                      {"bytes", row.artifact_bytes},
                                      {"seconds", seconds}});
  }
  return Ending::kFinished;
}

// Somebody has stopped the execution; false when that cannot be told.
bool JobRunner::is_stopped(const store::Job& row) const {
  try {
    const std::string status =
        parts_.codepipeline->get_pipeline_execution(row.pipeline, row.pipeline_execution_id).status;
    return status == "Stopping" || (is_execution_over(status) && status != "Succeeded" && status != "Failed");
  } catch (const Error&) {
    return false;
  }
}

JobRunner::Ending JobRunner::lose(store::Job row, const std::string& reason, const std::stop_token& stop) {
  row.state = store::JobState::kLost;
  row.failure_message = truncate_utf8(reason, 5000, 5000);
  row.finished_at = parts_.clock.now();
  row.result_json.clear();
  save(row, stop);
  if (parts_.on_ended) parts_.on_ended(row);
  parts_.log.info("job dropped", {{"job", row.job_id}, {"pipeline", row.pipeline}, {"reason", reason}});
  return Ending::kFinished;
}

bool JobRunner::save(const store::Job& row, const std::stop_token& stop) {
  for (int failures = 1;; ++failures) {
    try {
      parts_.store.update_job(row);
      return true;
    } catch (const Error& error) {
      parts_.log.warning("recording the state of a job failed",
                         {{"job", row.job_id}, {"state", store::to_string(row.state)}, {"error", error.what()}});
      if (failures >= kSaveAttempts || stop.stop_requested()) return false;
    }
    pause(stop, retry_delay(options_.retry, failures, random_unit()));
  }
}

// --- watches ---

std::vector<std::shared_ptr<RunningJob>> JobRunner::running() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<RunningJob>> list;
  list.reserve(running_.size());
  for (const auto& [id, job] : running_) list.push_back(job);
  return list;
}

void JobRunner::cancel(StopReason reason) {
  {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
  }
  for (const auto& job : running()) job->request_stop(reason, "the server stops", parts_.clock.steady_now());
}

int JobRunner::look_at(const std::string& execution_id) {
  const auto now = parts_.clock.steady_now();
  std::lock_guard lock(mutex_);
  std::erase_if(heard_, [&](const auto& entry) { return now - entry.second > kHeardFor; });
  if (heard_.size() >= kMaxHeard && !heard_.contains(execution_id)) {
    heard_.erase(std::min_element(heard_.begin(), heard_.end(),
                                  [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
  heard_[execution_id] = now;
  return static_cast<int>(std::count_if(running_.begin(), running_.end(), [&](const auto& entry) {
    return entry.second->job().pipeline_execution_id == execution_id;
  }));
}

void JobRunner::hear(RunningJob& running, std::chrono::steady_clock::time_point now) {
  std::lock_guard lock(mutex_);
  const auto heard = heard_.find(running.job().pipeline_execution_id);
  if (heard == heard_.end() || heard->second <= running.heard_at || now - heard->second > kHeardFor) return;
  running.heard_at = heard->second;
  running.quick_looks = kQuickLooks;
  running.next_execution_look = std::min(running.next_execution_look, running.last_execution_look + kLookPause);
}

void JobRunner::watch_time() {
  const auto now = parts_.clock.steady_now();
  watch_works(now);
  for (const auto& job : running()) {
    if (now >= job->deadline()) {
      job->request_stop(StopReason::kTimeout,
                        "the job took longer than " + seconds_text(options_.timeout) +
                            " (its worker's timeout); see the job's log for the phase that was slow",
                        now);
    }
    try {
      job->save_progress();
      job->flush_log();
    } catch (const Error& error) {
      parts_.log.warning("writing a job's progress failed", {{"job", job->job().id}, {"error", error.what()}});
    }
  }
}

void JobRunner::watch_executions(const std::stop_token& stop) {
  for (const auto& job : running()) {
    if (stop.stop_requested()) return;
    const auto now = parts_.clock.steady_now();
    if (const auto stopped = job->stopped_at()) {
      if (job->stop_reason() != StopReason::kShutdown && now - *stopped >= options_.hang_grace) end_hung(job, stop);
      continue;
    }
    const aws::PipelineJob& details = job->job();
    hear(*job, now);
    if (now < job->next_execution_look || details.pipeline_execution_id.empty()) continue;
    job->last_execution_look = now;
    job->next_execution_look = now + options_.execution_look;
    if (job->quick_looks > 0) {
      --job->quick_looks;
      job->next_execution_look = std::min(job->next_execution_look, now + kQuickLook);
    }
    try {
      const std::string status =
          parts_.codepipeline->get_pipeline_execution(details.pipeline_name, details.pipeline_execution_id).status;
      if (is_execution_over(status)) {
        job->log("the pipeline execution is " + status + ": the job is given up");
        job->request_stop(StopReason::kExecutionOver, "the pipeline execution is " + status, now);
      }
    } catch (const Error& error) {
      // Without that permission a stopped execution is noticed when its result is refused.
      parts_.log.debug("asking for an execution failed", {{"job", details.id}, {"error", error.what()}});
    }
  }
}

void JobRunner::end_hung(const std::shared_ptr<RunningJob>& running, const std::stop_token& stop) {
  if (!running->claim_ending()) return;
  {
    std::lock_guard lock(mutex_);
    running_.erase(running->id());
  }
  parts_.log.error("a handler does not stop; its thread is lost until it returns",
                   {{"job", running->job().id}, {"handler", options_.handler->name()}});
  if (const auto work = parts_.works->find(running->id()); work && work->shared_running() == running) {
    end_work(running->id(), *work, Fail{aws::FailureType::kJobFailed, running->stop_detail(), ""});
    return;
  }
  if (running->stop_reason() == StopReason::kExecutionOver) {
    lose(running->row(), running->stop_detail(), stop);
  } else {
    store::Job row = running->row();
    finish(row, Fail{aws::FailureType::kJobFailed, running->stop_detail(), ""}, Tried::kNo, stop);
  }
}

}  // namespace penstock::jobs
