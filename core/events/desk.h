// Where events are noted, whichever way they came: repetitions are dropped, the rest tells the workers to look now.
//
// An event is a hint and never the truth: "begun" makes a poller ask for jobs, "over" makes the watch of executions ask
// CodePipeline. A forged or late event can thus cost a call and end no work.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/events/event.h"
#include "core/events/seen_events.h"
#include "core/telemetry/log.h"
#include "core/telemetry/metrics.h"

namespace penstock::events {

enum class Way { kEndpoint, kQueue };

// What became of the events of one body.
struct Noted {
  std::size_t acted = 0;      // somebody looks now
  std::size_t idle = 0;       // known, and nobody here has to do with it
  std::size_t duplicate = 0;  // noted before
  std::size_t unknown = 0;
  std::size_t all() const noexcept { return acted + idle + duplicate + unknown; }
};

// Thread-safe.
class Desk {
 public:
  // Called on the thread that notes; must not block on anything but a lock that is held briefly.
  struct Looks {
    // "A job of such an action may show up": how many workers look for it.
    std::function<int(const aws::ActionTypeId& told)> for_jobs;
    // "This execution may be over": how many running jobs belong to it.
    std::function<int(const std::string& execution_id)> at_execution;
  };
  Desk(Looks looks, telemetry::Metrics& metrics, const Clock& clock, const telemetry::Log& log);

  // Errors of parse_events(): nothing was noted then, and it is counted. `fallback_id` stands for the id of a body that
  // holds one event and does not tell it.
  Noted note(std::string_view body, Way way, std::string_view fallback_id = {});

 private:
  enum class Outcome { kJobs, kExecution, kIdle, kDuplicate, kUnknown, kBroken };
  static constexpr std::size_t kOutcomes = 6, kSubjects = 4;  // the last subject: unknown

  Outcome act(const Event& event);
  void count(Way way, std::size_t subject, Outcome outcome, std::size_t times = 1);

  const Looks looks_;
  const Clock& clock_;
  const telemetry::Log& log_;
  SeenEvents seen_;
  std::array<std::array<std::array<telemetry::Counter*, kOutcomes>, kSubjects>, 2> counters_{};
};

}  // namespace penstock::events
