// What a test may turn while the sandbox runs.
#pragma once

#include <atomic>
#include <chrono>

#include "core/base/time.h"

namespace penstock::sandbox {

using Milliseconds = std::chrono::milliseconds;

struct Settings {
  std::atomic<Milliseconds> reoffer{Milliseconds(30'000)};  // an offered job that nobody acknowledged is offered again
  std::atomic<Milliseconds> credential_lifetime{Milliseconds(900'000)};  // of a job's artifact credentials
  std::atomic<Milliseconds> continuation_delay{Milliseconds(5'000)};     // until a continued action's next job shows up
  std::atomic<Milliseconds> job_timeout{Milliseconds(86'400'000)};       // of a custom action, from its first job on
  std::atomic<Milliseconds> clock_skew{Milliseconds(0)};                 // the server's clock minus the true time
  std::atomic<Milliseconds> stack_duration{Milliseconds(2'000)};         // of a CloudFormation operation
  std::atomic<bool> start_on_create{false};  // CreatePipeline starts an execution, as in AWS
};

// The true time plus Settings::clock_skew.
class SkewedClock final : public Clock {
 public:
  explicit SkewedClock(const Settings& settings) : settings_(settings) {}
  Timestamp now() const override { return system_.now() + settings_.clock_skew.load(); }

 private:
  const Settings& settings_;
  SystemClock system_;
};

}  // namespace penstock::sandbox
