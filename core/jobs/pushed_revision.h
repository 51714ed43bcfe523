// Which push a job belongs to.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>

#include "core/aws/codepipeline.h"
#include "core/base/time.h"
#include "core/jobs/handler.h"
#include "core/store/store.h"

namespace penstock::jobs {

struct PushLookup {
  std::optional<PushedRevision> pushed;  // nothing = nobody's push: started by hand
  std::optional<std::string> delivery_id;
};

struct PushLookupOptions {
  // The poll can win the race against the record of the start. While a trigger of this pipeline is pending that was
  // never tried yet, or is being tried, the record is waited for so long ...
  std::chrono::milliseconds fresh_wait{std::chrono::seconds(15)};
  // ... and while one was tried whose answer may have been lost, so long.
  std::chrono::milliseconds tried_wait{std::chrono::seconds(60)};
  std::chrono::milliseconds recheck{100};
};

// Blocks for the bounded waits above. A job of another action than the trigger's target gets no push: its repository is
// another. Errors of the store.
PushLookup find_push(const store::Store& store, const aws::PipelineJob& job, const PushLookupOptions& options,
                     const Clock& clock, const std::stop_token& stop);

}  // namespace penstock::jobs
