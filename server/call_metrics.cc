#include "server/call_metrics.h"

#include <algorithm>
#include <vector>

#include "core/base/ids.h"

namespace penstock::server {
namespace {

// Short calls take milliseconds, uploads of large artifacts minutes.
std::vector<double> call_bounds() {
  return {0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300};
}

std::string outcome_of(const Error* failure) {
  return failure == nullptr ? "ok" : std::string(to_string(failure->kind()));
}

}  // namespace

std::function<void(const std::string&, const std::string&, const Error*, Took)> count_aws_calls(
    telemetry::Metrics& metrics) {
  return [&metrics](const std::string& service, const std::string& operation, const Error* failure, Took took) {
    metrics
        .counter("penstock_aws_calls_total", "Calls of AWS, with all their attempts, by how they ended.",
                 {{"service", service}, {"operation", operation}, {"outcome", outcome_of(failure)}})
        .add();
    metrics
        .histogram("penstock_aws_call_seconds", "How long a call of AWS took, with all its attempts.", call_bounds(),
                   {{"service", service}})
        .observe(took.count());
  };
}

std::function<void(const Error*, Took)> count_fetches(telemetry::Metrics& metrics) {
  return [&metrics](const Error* failure, Took took) {
    metrics
        .counter("penstock_git_fetches_total",
                 "Commits that were asked for, fetched or there already, by how it ended.",
                 {{"outcome", outcome_of(failure)}})
        .add();
    metrics.histogram("penstock_git_fetch_seconds", "How long it took until a commit was there.", call_bounds())
        .observe(took.count());
  };
}

std::function<void(const store::Job&)> count_jobs(telemetry::Metrics& metrics) {
  return [&metrics](const store::Job& job) {
    metrics
        .counter("penstock_jobs_total", "Jobs that have ended, by how.",
                 {{"handler", job.handler}, {"state", std::string(store::to_string(job.state))}})
        .add();
    if (job.state == store::JobState::kLost || !job.finished_at) return;
    metrics
        .histogram("penstock_job_seconds", "How long a job took, from its claim until its result was taken.",
                   call_bounds(), {{"handler", job.handler}})
        .observe(Took(*job.finished_at - job.claimed_at).count());
    for (const auto& [phase, seconds] : job.phases) {
      metrics
          .histogram("penstock_job_phase_seconds", "How long a phase of a job took.", call_bounds(),
                     {{"handler", job.handler}, {"phase", phase}})
          .observe(seconds);
    }
    // Only of a job that a push has started, and that made something of it.
    if (!job.delivery_id || job.state != store::JobState::kSucceeded || job.artifact_key.empty()) return;
    if (const auto arrived = time_of_uuid_v7(*job.delivery_id)) {
      metrics
          .histogram("penstock_push_to_artifact_seconds",
                     "From the arrival of a push until CodePipeline has the artifact.", call_bounds())
          .observe(std::max(0.0, Took(*job.finished_at - *arrived).count()));
    }
  };
}

void observe_start(telemetry::Metrics& metrics, const store::Trigger& trigger, Timestamp now) {
  const auto arrived = time_of_uuid_v7(trigger.delivery_id);
  if (!arrived) return;
  metrics
      .histogram("penstock_push_to_start_seconds",
                 "From the arrival of a push until its pipeline was started, with what a calendar made it wait.",
                 call_bounds())
      .observe(std::max(0.0, Took(now - *arrived).count()));
}

}  // namespace penstock::server
