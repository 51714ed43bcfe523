// Wall-clock times as they are stored and shown: UTC with milliseconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock {

using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

// Where the outside world's time begins; tests bring their own. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Civil time, for what is stored and signed. May jump in both directions.
  virtual Timestamp now() const = 0;
  // For deadlines and intervals. Never jumps.
  virtual std::chrono::steady_clock::time_point steady_now() const { return std::chrono::steady_clock::now(); }
};

class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
};

std::int64_t to_milliseconds(Timestamp time) noexcept;
Timestamp from_milliseconds(std::int64_t milliseconds) noexcept;

// "2026-11-21T09:30:00.123Z" (RFC 3339).
std::string format_rfc3339(Timestamp time);

// Accepts any RFC 3339 time: offsets, any number of fractional digits, lower-case t and z. Empty for anything else.
std::optional<Timestamp> parse_rfc3339(std::string_view text);

// "20260102T030405Z", the form that SigV4 signs.
std::string format_iso8601_basic(Timestamp time);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7, IMF-fixdate only). Empty for anything else.
std::optional<Timestamp> parse_http_date(std::string_view text);

}  // namespace penstock
