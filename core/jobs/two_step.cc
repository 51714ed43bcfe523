// Jobs in two steps: the first job begins the work and is answered at once, continued jobs join it.

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "core/base/wake.h"
#include "core/jobs/failure_policy.h"
#include "core/jobs/job_log.h"
#include "core/jobs/job_result.h"
#include "core/jobs/job_runner.h"

namespace penstock::jobs {
namespace {

// How long a continued job is left to the server that has its work.
constexpr std::chrono::minutes kLeaveTo{5};
constexpr std::size_t kMaxLeft = 1000;

std::string minutes_text(std::chrono::milliseconds duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  return seconds >= 60 && seconds % 60 == 0 ? std::to_string(seconds / 60) + "m" : std::to_string(seconds) + "s";
}

std::string_view state_of(const WorkEnd& end) {
  switch (end.kind) {
    case WorkEnd::Kind::kUnwanted:
      return store::kWorkEnded;
    case WorkEnd::Kind::kInterrupted:
      return store::kWorkInterrupted;
    case WorkEnd::Kind::kResult:
      break;
  }
  return std::holds_alternative<Fail>(end.result) ? store::kWorkFailed : store::kWorkSucceeded;
}

}  // namespace

JobRunner::Claim JobRunner::judge(const aws::PipelineJob& job) {
  if (job.continuation_token.empty()) return Claim::kBegin;
  Continuation continuation;
  try {
    continuation = parts_.tokens->open(options_.handler->name(), job);
  } catch (const Error&) {
    return Claim::kBegin;  // it is refused when it is worked
  }
  if (continuation.kind != Continuation::Kind::kWork) return Claim::kBegin;
  if (parts_.works->find(continuation.first_id)) return Claim::kJoin;
  if (continuation.node == parts_.tokens->node()) return Claim::kBegin;
  const auto now = parts_.clock.steady_now();
  std::lock_guard lock(mutex_);
  if (left_.size() >= kMaxLeft) left_.clear();
  const auto [entry, is_new] = left_.emplace(job.id, now);
  if (now - entry->second < kLeaveTo) return Claim::kLeave;
  left_.erase(entry);
  return Claim::kBegin;
}

bool JobRunner::has_works() const {
  return !parts_.works->of(this).empty();
}

std::optional<Result> JobRunner::recorded_result(const std::string& first_id) const {
  try {
    const auto first = parts_.store.find_job(first_id);
    if (first && !first->work_result_json.empty()) return result_from_json(first->work_result_json);
  } catch (const Error& error) {
    parts_.log.warning("reading the result of a job's work failed, it is begun again",
                       {{"firstJob", first_id}, {"error", error.what()}});
  }
  return std::nullopt;
}

JobRunner::Ending JobRunner::report_recorded(store::Job row, const aws::PipelineJob& job, const std::string& first_id,
                                             Result result, const std::stop_token& stop) {
  const Ending ending = finish(row, with_token(std::move(result), job, first_id), Tried::kNo, stop);
  if (ending != Ending::kFinished) return ending;
  if (auto first = parts_.store.find_job(first_id)) {
    first->work_result_json.clear();
    save(*first, stop);
  }
  return ending;
}

JobRunner::Ending JobRunner::begin_work(store::Job row, const aws::PipelineJob& job,
                                        std::optional<PushedRevision> pushed, Attempt attempt,
                                        const std::string& first_id, const std::stop_token& stop) {
  // The first job's row shows the work. Where that is not in this history, this job's row does, and is the first here.
  std::optional<store::Job> first;
  try {
    if (first_id != row.id) first = parts_.store.find_job(first_id);
  } catch (const Error& error) {
    parts_.log.warning("finding the first job of an action failed", {{"job", job.id}, {"error", error.what()}});
  }
  const bool is_first = !first;
  if (is_first) row.continuation_of.reset();
  const store::Job& shown = is_first ? row : *first;
  const std::string id = shown.id;

  std::shared_ptr<Work> work;
  try {
    auto running =
        std::make_shared<RunningJob>(parts_.store, parts_.clock, calls_, options_.credentials, shown, job,
                                     std::move(pushed), attempt, parts_.clock.steady_now() + options_.timeout);
    running->next_execution_look = running->begun_at() + options_.execution_look;
    work = std::make_shared<Work>(this, row.action_type, job.continuation_token, std::move(running));
  } catch (const std::exception& error) {
    return finish(row, failure_of(error), Tried::kNo, stop);
  }
  if (!parts_.works->add(id, work)) {
    return finish(row,
                  Fail{aws::FailureType::kJobFailed,
                       "continuing the job: the work of this action's run is under way already", ""},
                  Tried::kNo, stop);
  }
  RunningJob& running = work->running();
  // Before it begins: what an earlier round has left must not be taken for the result of this one.
  update(running, [](store::Job& changed) {
    changed.work_state = store::kWorkRunning;
    changed.work_result_json.clear();
    changed.failure_type.clear();
    changed.failure_message.clear();
    changed.phases.clear();
  });
  {
    std::lock_guard lock(mutex_);
    std::erase_if(work_threads_, [](const WorkThread& thread) { return thread.done->load(); });
    running_[id] = work->shared_running();
    if (cancelled_) running.request_stop(StopReason::kShutdown, "the server stops", parts_.clock.steady_now());
    const auto done = std::make_shared<std::atomic<bool>>(false);
    work_threads_.push_back({done, std::jthread([this, id, work, done] {
                               run_work(id, *work);
                               done->store(true);
                             })});
  }
  parts_.log.info("work began", {{"job", job.id},
                                 {"firstJob", id},
                                 {"pipeline", job.pipeline_name},
                                 {"pipelineExecutionId", job.pipeline_execution_id},
                                 {"handler", options_.handler->name()}});
  if (is_first) return answer_first(job, id, *work, stop);
  return await_work(std::move(row), job, id, work, stop);
}

void JobRunner::run_work(const std::string& id, Work& work) {
  RunningJob& running = work.running();
  Result result = run_handler(running);
  {
    std::lock_guard lock(mutex_);
    running_.erase(id);
  }
  if (running.claim_ending()) {
    end_work(id, work, std::move(result));
  } else {
    parts_.log.warning("a handler that hung has returned", {{"job", running.job().id}});
  }
}

void JobRunner::end_work(const std::string& id, Work& work, Result result) {
  RunningJob& running = work.running();
  const StopReason reason = running.stop_reason();
  const bool has_failed = std::holds_alternative<Fail>(result);
  WorkEnd end;
  if (reason == StopReason::kExecutionOver) {
    end.kind = WorkEnd::Kind::kUnwanted;
    end.detail = running.stop_detail();
    running.log("ended: " + end.detail);
  } else if (has_failed && reason == StopReason::kShutdown) {
    end.kind = WorkEnd::Kind::kInterrupted;
    running.log("interrupted: the server stops; the action's next job resumes the work");
  } else {
    if (has_failed && reason == StopReason::kTimeout)
      result = Fail{aws::FailureType::kJobFailed, running.stop_detail(), ""};
    if (has_failed && reason == StopReason::kUnclaimed)
      result = Fail{aws::FailureType::kSystemUnavailable, running.stop_detail(), ""};
    end.result = std::move(result);
    if (const auto* fail = std::get_if<Fail>(&end.result))
      running.log("failed (" + std::string(aws::to_string(fail->type)) + "): " + fail->message);
  }
  flush_log(running);
  update(running, [&](store::Job& row) {
    row.work_state = state_of(end);
    if (end.kind != WorkEnd::Kind::kResult) return;
    // From here on a restart loses nothing: the continued job finds it.
    row.work_result_json = result_to_json(end.result);
    if (const auto* fail = std::get_if<Fail>(&end.result)) {
      row.failure_type = std::string(aws::to_string(fail->type));
      row.failure_message = fail->message;
    }
  });
  parts_.log.info("work ended", {{"firstJob", id}, {"pipeline", running.job().pipeline_name}, {"as", state_of(end)}});
  if (end.kind != WorkEnd::Kind::kResult) parts_.works->remove(id);
  work.end(std::move(end));
}

Continue JobRunner::go_on(const aws::PipelineJob& job, const std::string& id, Work& work) const {
  const Progress progress = work.running().progress();
  Continue next;
  next.continuation_token =
      parts_.tokens->seal(options_.handler->name(), job,
                          {.kind = Continuation::Kind::kWork, .first_id = id, .node = "", .state = work.state()});
  next.external_execution_id = id;
  next.summary = progress.summary.empty() ? "the work is under way" : progress.summary;
  next.percent_complete = progress.percent;
  return next;
}

JobRunner::Ending JobRunner::answer_first(const aws::PipelineJob& job, const std::string& id, Work& work,
                                          const std::stop_token& stop) {
  RunningJob& running = work.running();
  Result result = go_on(job, id, work);
  const auto journal = [&](const Result& what) {
    update(running, [&](store::Job& row) {
      row.state = store::JobState::kReporting;
      row.result_json = result_to_json(what);
    });
  };
  journal(result);
  const ReportOutcome outcome =
      reporter_.report(job.id, {job.action_type.to_string(), job.client_id}, result, Tried::kNo, stop, journal);
  if (outcome.state == ReportState::kPending) return Ending::kLeft;
  const bool goes_on = outcome.state == ReportState::kAccepted && std::holds_alternative<Continue>(result);
  update(running, [&](store::Job& row) {
    row.state = outcome.state != ReportState::kAccepted ? store::JobState::kLost
                : goes_on                               ? store::JobState::kSucceeded
                                                        : store::JobState::kFailed;
    if (!goes_on) row.failure_message = truncate_utf8(outcome.note, 5000, 5000);
    row.finished_at = parts_.clock.now();
    row.result_json.clear();
  });
  work.leave(parts_.clock.steady_now());
  if (!goes_on) {
    parts_.log.warning("a job's first answer was not taken; its work is ended",
                       {{"job", job.id}, {"pipeline", job.pipeline_name}, {"reason", outcome.note}});
    running.request_stop(StopReason::kExecutionOver, "the first answer was not taken: " + outcome.note,
                         parts_.clock.steady_now());
  }
  return Ending::kFinished;
}

JobRunner::Ending JobRunner::join(store::Job row, const aws::PipelineJob& job, const std::string& id,
                                  const std::shared_ptr<Work>& work, const std::stop_token& stop) {
  if (!work->join(job)) {
    return finish(row,
                  Fail{aws::FailureType::kJobFailed, "continuing the job: another job reports this action's work", ""},
                  Tried::kNo, stop);
  }
  row.state = store::JobState::kRunning;
  save(row, stop);
  return await_work(std::move(row), job, id, work, stop);
}

JobRunner::Ending JobRunner::await_work(store::Job row, const aws::PipelineJob& job, const std::string& id,
                                        const std::shared_ptr<Work>& work, const std::stop_token& stop) {
  JobLog log(parts_.store, parts_.clock, row.id);
  log.add("joins the work of this action; its log is that of job " + id);
  try {
    log.flush();
  } catch (const Error& error) {
    parts_.log.warning("writing a job's log failed", {{"job", job.id}, {"error", error.what()}});
  }
  RunningJob& running = work->running();
  const auto slice = options_.details_first.value_or(DetailsFirst{}).continue_after;
  const std::optional<WorkEnd> end = work->wait(parts_.clock.steady_now() + slice, stop);
  if (!end && stop.stop_requested()) {
    work->leave(parts_.clock.steady_now());
    return Ending::kLeft;
  }
  if (!end) {
    Result next = go_on(job, id, *work);
    work->leave(parts_.clock.steady_now());
    const Ending ending = finish(row, std::move(next), Tried::kNo, stop);
    if (ending == Ending::kFinished && row.state != store::JobState::kSucceeded) {
      running.request_stop(StopReason::kExecutionOver, "no continued job will come: " + row.failure_message,
                           parts_.clock.steady_now());
    }
    return ending;
  }
  switch (end->kind) {
    case WorkEnd::Kind::kInterrupted:
      return Ending::kLeft;
    case WorkEnd::Kind::kUnwanted:
      return lose(std::move(row), end->detail, stop);
    case WorkEnd::Kind::kResult:
      break;
  }
  // Nobody else gets it any more.
  parts_.works->remove(id);
  const Ending ending = finish(row, with_token(end->result, job, id), Tried::kNo, stop);
  if (ending == Ending::kFinished) update(running, [](store::Job& first) { first.work_result_json.clear(); });
  return ending;
}

void JobRunner::watch_works(std::chrono::steady_clock::time_point now) {
  const auto patience = options_.details_first.value_or(DetailsFirst{}).unclaimed_after;
  for (const auto& [id, work] : parts_.works->of(this)) {
    const auto alone = work->alone_since();
    if (!alone || now - *alone < patience) continue;
    if (work->has_ended()) {
      parts_.log.warning("no job asked for the result of a job's work",
                         {{"firstJob", id}, {"pipeline", work->running().job().pipeline_name}});
      parts_.works->remove(id);  // a job that comes all the same finds the result in the history
    } else {
      work->running().request_stop(
          StopReason::kUnclaimed,
          "the work was ended: its continued job did not come within " + minutes_text(patience) + "; retry the stage",
          now);
    }
  }
}

void JobRunner::end_works() {
  std::vector<WorkThread> threads;
  {
    std::lock_guard lock(mutex_);
    threads = std::move(work_threads_);
  }
  threads.clear();  // joins
  for (const auto& [id, work] : parts_.works->of(this)) parts_.works->remove(id);
}

void JobRunner::update(RunningJob& running, const std::function<void(store::Job&)>& change) const {
  running.change_row(change);
  for (int failures = 1;; ++failures) {
    try {
      running.write_row();
      return;
    } catch (const Error& error) {
      parts_.log.warning("recording the state of a job failed", {{"job", running.job().id}, {"error", error.what()}});
      if (failures >= kSaveAttempts || running.stop_reason() == StopReason::kShutdown) return;
    }
    Wake none;
    none.wait_for({}, retry_delay(options_.retry, failures, random_unit()));
  }
}

void JobRunner::flush_log(RunningJob& running) const {
  try {
    running.flush_log();
  } catch (const Error& error) {
    parts_.log.warning("writing a job's log failed", {{"job", running.job().id}, {"error", error.what()}});
  }
}

}  // namespace penstock::jobs
