#include "core/events/desk.h"

#include <utility>

#include "core/base/error.h"

namespace penstock::events {
namespace {

constexpr std::array<const char*, 2> kWays = {"endpoint", "queue"};
constexpr std::array<const char*, 4> kSubjectNames = {"pipeline", "stage", "action", "unknown"};
constexpr std::array<const char*, 6> kOutcomeNames = {"polled", "looked", "idle", "duplicate", "unknown", "broken"};
constexpr std::size_t kUnknownSubject = 3;

}  // namespace

Desk::Desk(Looks looks, telemetry::Metrics& metrics, const Clock& clock, const telemetry::Log& log)
    : looks_(std::move(looks)), clock_(clock), log_(log) {
  for (std::size_t way = 0; way < kWays.size(); ++way) {
    for (std::size_t subject = 0; subject < kSubjects; ++subject) {
      for (std::size_t outcome = 0; outcome < kOutcomes; ++outcome) {
        const bool is_unread = outcome >= static_cast<std::size_t>(Outcome::kUnknown);
        if (is_unread != (subject == kUnknownSubject)) continue;
        counters_[way][subject][outcome] = &metrics.counter(
            "penstock_events_total", "Events of CodePipeline, by what they are about and what was done.",
            {{"way", kWays[way]}, {"subject", kSubjectNames[subject]}, {"outcome", kOutcomeNames[outcome]}});
      }
    }
  }
}

void Desk::count(Way way, std::size_t subject, Outcome outcome, std::size_t times) {
  if (telemetry::Counter* counter =
          counters_[static_cast<std::size_t>(way)][subject][static_cast<std::size_t>(outcome)])
    counter->add(times);
}

Desk::Outcome Desk::act(const Event& event) {
  bool polled = false, looked = false;
  if (event.change == Change::kBegun || event.change == Change::kUntold) polled = looks_.for_jobs(event.type) > 0;
  if ((event.change == Change::kOver || event.change == Change::kUntold) && !event.execution_id.empty()) {
    looked = looks_.at_execution(event.execution_id) > 0;
  }
  return looked ? Outcome::kExecution : polled ? Outcome::kJobs : Outcome::kIdle;
}

Noted Desk::note(std::string_view body, Way way, std::string_view fallback_id) {
  ParsedEvents parsed;
  try {
    parsed = parse_events(body);
  } catch (const Error&) {
    count(way, kUnknownSubject, Outcome::kBroken);
    throw;
  }
  if (parsed.events.size() == 1 && parsed.events.front().id.empty()) parsed.events.front().id = fallback_id;
  Noted noted;
  noted.unknown = parsed.unknown;
  if (parsed.unknown > 0) count(way, kUnknownSubject, Outcome::kUnknown, parsed.unknown);
  for (const Event& event : parsed.events) {
    const auto subject = static_cast<std::size_t>(event.subject);
    if (!seen_.add(event.id, clock_.steady_now())) {
      ++noted.duplicate;
      count(way, subject, Outcome::kDuplicate);
      continue;
    }
    const Outcome outcome = act(event);
    ++(outcome == Outcome::kIdle ? noted.idle : noted.acted);
    count(way, subject, outcome);
    if (log_.enabled(telemetry::LogLevel::kDebug)) {
      log_.debug("event", {{"event", event.id},
                           {"way", kWays[static_cast<std::size_t>(way)]},
                           {"subject", kSubjectNames[subject]},
                           {"pipeline", event.pipeline},
                           {"pipelineExecutionId", event.execution_id},
                           {"outcome", kOutcomeNames[static_cast<std::size_t>(outcome)]}});
    }
  }
  return noted;
}

}  // namespace penstock::events
