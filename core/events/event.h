// CodePipeline's state changes as EventBridge tells them. Pure. They carry no job, no nonce and no credentials, come at
// least once, in any order, or never: they say where to look, not what is true.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/aws/codepipeline.h"

namespace penstock::events {

enum class Subject { kPipeline, kStage, kAction };

enum class Change {
  kBegun,    // STARTED, RESUMED: a job may show up
  kOver,     // ABANDONED, CANCELED, FAILED, STOPPED, STOPPING, SUPERSEDED: a job may have become pointless
  kNeither,  // SUCCEEDED: nothing that could hurry us
  kUntold,   // a transformer left the state out: it may be either
};

struct Event {
  std::string id;  // of the event; empty = not told, then repetitions cannot be told either
  Subject subject = Subject::kPipeline;
  Change change = Change::kUntold;
  std::string pipeline, execution_id, stage, action;  // empty = not told
  aws::ActionTypeId type;                             // likewise, each part
};

// True when what was told of the type does not contradict `worked`.
bool may_be(const aws::ActionTypeId& told, const aws::ActionTypeId& worked) noexcept;

struct ParsedEvents {
  std::vector<Event> events;
  std::size_t unknown = 0;  // JSON all right, and no state change of CodePipeline's
};

// Understands: an event as EventBridge sends it; its `detail` alone; a flat object of those of its members that a
// transformer kept (pipeline, execution-id, state, stage, action, type or provider, id), whose names may be written in
// camelCase or with underscores; an array of these; and any of them as the Message of an SNS notification.
// Error{kInvalidInput, kExhausted} for what is no JSON, or nests or repeats beyond all measure.
ParsedEvents parse_events(std::string_view body);

inline constexpr std::size_t kMaxEventsInABody = 1000;

}  // namespace penstock::events
