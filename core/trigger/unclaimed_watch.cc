#include "core/trigger/unclaimed_watch.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/json/json.h"

namespace penstock::trigger {
namespace {

constexpr int kBatch = 1000;

std::string minutes_text(std::chrono::milliseconds duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  return seconds % 60 == 0 ? std::to_string(seconds / 60) + " min" : std::to_string(seconds) + " s";
}

}  // namespace

UnclaimedWatch::UnclaimedWatch(Options options, Parts parts) : options_(options), parts_(std::move(parts)) {}

UnclaimedWatch::~UnclaimedWatch() {
  request_stop();
}

void UnclaimedWatch::start() {
  if (options_.timeout.count() > 0 && !thread_.joinable()) {
    thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
  }
}

void UnclaimedWatch::request_stop() {
  thread_.request_stop();
}

void UnclaimedWatch::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    auto pause = options_.longest_look;
    try {
      look();
      if (const auto next = parts_.store.next_unclaimed_deadline()) {
        pause = std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(*next - parts_.clock.now()),
                           options_.shortest_look, options_.longest_look);
      }
    } catch (const std::exception& error) {
      parts_.log.warning("looking for unclaimed jobs failed", {{"error", error.what()}});
    }
    wake_.wait_for(stop, pause);
  }
}

void UnclaimedWatch::look() {
  const std::vector<store::Trigger> overdue = parts_.store.unclaimed_triggers(parts_.clock.now(), kBatch);
  std::erase_if(watched_, [&](const auto& item) {
    return std::none_of(overdue.begin(), overdue.end(),
                        [&](const store::Trigger& trigger) { return trigger.id == item.first; });
  });
  States states;
  for (const store::Trigger& trigger : overdue) {
    if (thread_.get_stop_token().stop_requested()) return;
    if (parts_.clock.steady_now() < watched_[trigger.id].look_again) continue;
    try {
      judge(trigger, states);
    } catch (const Error& error) {
      watched_[trigger.id].look_again = parts_.clock.steady_now() + options_.longest_look;
      parts_.log.warning("judging an unclaimed job failed", {{"pipeline", trigger.pipeline},
                                                             {"pipelineExecutionId", trigger.pipeline_execution_id},
                                                             {"error", error.what()}});
    }
  }
}

Place UnclaimedWatch::find_place_of(const store::Trigger& trigger, States& states) {
  if (!parts_.codepipeline_client) return Place::kUnknown;
  auto found = states.find(trigger.pipeline);
  if (found == states.end()) {
    std::string state;
    try {
      json::Json request = json::Json::object();
      request["name"] = trigger.pipeline;
      state = parts_.codepipeline_client->call_json("CodePipeline_20150709.GetPipelineState", json::dump(request));
    } catch (const Error& error) {
      if (is_transient(error.kind())) throw;
      // Without that permission the time-out alone decides, as it did before pipelines could queue executions.
      parts_.log.warning("asking where an execution stands failed; allow codepipeline:GetPipelineState",
                         {{"pipeline", trigger.pipeline}, {"error", error.what()}});
    }
    found = states.emplace(trigger.pipeline, std::move(state)).first;
  }
  if (found->second.empty()) return Place::kUnknown;
  return find_place(found->second, trigger.pipeline_execution_id, trigger.action);
}

void UnclaimedWatch::judge(const store::Trigger& trigger, States& states) {
  Watched& watched = watched_[trigger.id];
  const Place place = find_place_of(trigger, states);
  std::string status = "InProgress";
  if (place != Place::kInbound) {
    status = parts_.codepipeline->get_pipeline_execution(trigger.pipeline, trigger.pipeline_execution_id).status;
  }
  const auto now = parts_.clock.steady_now();
  const bool waits = place == Place::kInbound || place == Place::kOccupied;
  if (waits) watched.last_waiting = now;
  std::optional<std::chrono::milliseconds> since_waiting;
  if (watched.last_waiting) {
    since_waiting = std::chrono::duration_cast<std::chrono::milliseconds>(now - *watched.last_waiting);
  }
  switch (judge_unclaimed(status, place, since_waiting, options_.timeout)) {
    case UnclaimedStep::kLookAgain:
      watched.look_again = now + (waits ? options_.waiting_look : options_.longest_look);
      return;
    case UnclaimedStep::kForget:
      parts_.store.clear_unclaimed_deadline(trigger.id, "");
      return;
    case UnclaimedStep::kStop:
      break;
  }
  const std::string reason = "no worker claimed the source job within " + minutes_text(options_.timeout);
  parts_.codepipeline->stop_pipeline_execution(trigger.pipeline, trigger.pipeline_execution_id, "penstock: " + reason);
  parts_.store.clear_unclaimed_deadline(trigger.id, "execution stopped and abandoned: " + reason);
  parts_.log.warning(
      "execution stopped: no worker claimed its source job; check the worker's action type and queryParam",
      {{"pipeline", trigger.pipeline},
       {"pipelineExecutionId", trigger.pipeline_execution_id},
       {"trigger", trigger.id}});
}

}  // namespace penstock::trigger
