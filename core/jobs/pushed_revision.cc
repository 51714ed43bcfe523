#include "core/jobs/pushed_revision.h"

#include <algorithm>

#include "core/base/wake.h"

namespace penstock::jobs {
namespace {

constexpr int kPendingLook = 5000;

enum class Pending { kNone, kFresh, kTried };

Pending find_pending(const store::Store& store, const std::string& pipeline) {
  Pending found = Pending::kNone;
  for (const store::PendingTrigger& trigger : store.pending_triggers(kPendingLook)) {
    if (trigger.pipeline != pipeline || trigger.undecided) continue;
    if (trigger.attempts > 0) return Pending::kTried;
    found = Pending::kFresh;
  }
  return found;
}

PushLookup from_trigger(const store::Trigger& trigger, const aws::PipelineJob& job) {
  PushLookup result;
  result.delivery_id = trigger.delivery_id;
  const bool same_action = trigger.action.empty() || trigger.action == job.action_name;
  if (same_action && !trigger.commit_id.empty()) result.pushed = PushedRevision{trigger.commit_id, trigger.ref};
  return result;
}

}  // namespace

PushLookup find_push(const store::Store& store, const aws::PipelineJob& job, const PushLookupOptions& options,
                     const Clock& clock, const std::stop_token& stop) {
  if (job.pipeline_execution_id.empty()) return {};
  const auto begin = clock.steady_now();
  while (true) {
    // In this order: what is not pending any more has been recorded before the second look.
    const auto before = store.find_trigger_of_execution(job.pipeline_name, job.pipeline_execution_id);
    if (before) return from_trigger(*before, job);
    const Pending pending = find_pending(store, job.pipeline_name);
    const auto after = store.find_trigger_of_execution(job.pipeline_name, job.pipeline_execution_id);
    if (after) return from_trigger(*after, job);
    if (pending == Pending::kNone) return {};
    const auto patience = pending == Pending::kTried ? options.tried_wait : options.fresh_wait;
    if (stop.stop_requested() || clock.steady_now() - begin >= patience) return {};
    Wake none;
    none.wait_for(stop, options.recheck);
  }
}

}  // namespace penstock::jobs
