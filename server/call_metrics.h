// What is asked of AWS and of git servers, and what becomes of pushes and jobs, counted by how it ended and how long it
// took. The metrics must outlive what is returned.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "core/base/error.h"
#include "core/base/time.h"
#include "core/store/records.h"
#include "core/telemetry/metrics.h"

namespace penstock::server {

using Took = std::chrono::duration<double>;

// For aws::ClientOptions::on_call.
std::function<void(const std::string& service, const std::string& operation, const Error* failure, Took took)>
count_aws_calls(telemetry::Metrics& metrics);

// For git::Mirrors::Options::on_fetch.
std::function<void(const Error* failure, Took took)> count_fetches(telemetry::Metrics& metrics);

// For jobs::Parts::on_ended.
std::function<void(const store::Job& job)> count_jobs(telemetry::Metrics& metrics);

// How long a push took from its arrival until its pipeline was started.
void observe_start(telemetry::Metrics& metrics, const store::Trigger& trigger, Timestamp now);

}  // namespace penstock::server
