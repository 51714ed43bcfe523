// A job while its handler runs: what the handler sees of it, and what the watches may do to it.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "core/jobs/handler.h"
#include "core/jobs/job_credentials.h"
#include "core/jobs/job_log.h"
#include "core/store/store.h"

namespace penstock::jobs {

enum class StopReason {
  kNone,
  kTimeout,        // its time is up: a failure is reported
  kExecutionOver,  // stopped, abandoned, failed elsewhere: nobody wants a result
  kUnclaimed,      // its work went on, and no continued job came
  kShutdown,       // we end: the journal keeps it for the next start
};

// Thread-safe.
class RunningJob final : public Context {
 public:
  RunningJob(store::Store& store, const Clock& clock, JobCalls calls, JobCredentials::Options credentials,
             store::Job row, aws::PipelineJob job, std::optional<PushedRevision> pushed, Attempt attempt,
             std::chrono::steady_clock::time_point deadline);

  const aws::PipelineJob& job() const override { return job_; }
  const std::string& id() const override { return id_; }
  const std::optional<PushedRevision>& pushed() const override { return pushed_; }
  Attempt attempt() const override { return attempt_; }
  void log(std::string_view line) override { log_.add(line); }
  void add_phase(const std::string& name, std::chrono::duration<double> duration) override;
  void set_revision(const std::string& commit_id, const std::string& ref) override;
  void set_artifact(const ArtifactFacts& artifact) override;
  void set_progress(const Progress& progress) override;
  std::stop_token stop() const override { return stop_source_.get_token(); }
  std::chrono::steady_clock::time_point deadline() const override { return deadline_; }
  aws::CredentialsProvider& credentials() override { return credentials_; }

  // The first reason stays. `detail` is for people.
  void request_stop(StopReason reason, const std::string& detail, std::chrono::steady_clock::time_point now);
  StopReason stop_reason() const;
  std::string stop_detail() const;
  // Empty until a stop is requested.
  std::optional<std::chrono::steady_clock::time_point> stopped_at() const;

  // True for the first caller alone: whoever gets it decides how the job ends. The handler's thread normally; a watch
  // when the handler hangs.
  bool claim_ending();
  bool is_ending() const;
  store::Job row() const;
  // Writes the row as running, when it changed and nobody has claimed the ending.
  void save_progress();
  // For a row that outlives its job, because its work goes on. Both may be called at any time, by any thread.
  void change_row(const std::function<void(store::Job&)>& change);
  void write_row();  // errors of the store
  Progress progress() const;
  // See JobCredentials.
  void close() { credentials_.close(); }
  void adopt(const aws::PipelineJob& job) { credentials_.adopt(job); }
  // Writes waiting log lines. Both throw errors of the store.
  void flush_log() { log_.flush(); }

  std::chrono::steady_clock::time_point begun_at() const noexcept { return begun_at_; }
  // For the execution watch alone.
  std::chrono::steady_clock::time_point next_execution_look{}, last_execution_look{};
  std::chrono::steady_clock::time_point heard_at{};  // when somebody last said that the execution is over
  int quick_looks = 0;                               // so many more, because what was said may not be seen at once

 private:
  void write(const store::Job& row);  // under save_mutex_

  store::Store& store_;
  const aws::PipelineJob job_;
  const std::string id_;
  const std::optional<PushedRevision> pushed_;
  const Attempt attempt_;
  const std::chrono::steady_clock::time_point begun_at_, deadline_;
  JobLog log_;
  std::stop_source stop_source_;
  JobCredentials credentials_;
  std::mutex save_mutex_;  // held while the row is written as running; taken before mutex_
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  store::Job row_;
  Progress progress_;
  bool row_changed_ = false;
  bool ending_ = false;
  StopReason stop_reason_ = StopReason::kNone;
  std::string stop_detail_;
  std::optional<std::chrono::steady_clock::time_point> stopped_at_;
};

}  // namespace penstock::jobs
