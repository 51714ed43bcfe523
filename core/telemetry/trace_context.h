// The trace that a request belongs to. Source: W3C Trace Context (Recommendation of 23 November 2021), section 3.2.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock::telemetry {

struct TraceContext {
  std::string trace_id;   // 32 lower-case hexadecimal digits
  std::string parent_id;  // 16 of them: the span that sent the request
};

// The value of a traceparent header, of this version or a later one; nothing for what is none, which is then as if it
// were not there.
std::optional<TraceContext> parse_traceparent(std::string_view value);

}  // namespace penstock::telemetry
