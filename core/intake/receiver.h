// One webhook request, from its bytes to its answer: authenticate, parse, decide, store. Nothing of it blocks: the
// answer is given when the store's commit is done.
//
// What a 200 promises: the delivery, its decisions and its pending triggers are on disk. Once a request is
// authenticated, the answer is 200 or 503 (or 400 when it is no JSON), never another 4xx or 5xx: Azure DevOps puts a
// subscription on probation for one of those, and events are lost; a 503 it sends again, eight times.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/failed_attempts.h"
#include "core/base/time.h"
#include "core/base/wake.h"
#include "core/hooks/decision.h"
#include "core/hooks/event.h"
#include "core/hooks/ip_range.h"
#include "core/intake/admission.h"
#include "core/intake/explanation.h"
#include "core/intake/hook_answer.h"
#include "core/intake/prepared_settings.h"
#include "core/intake/recent_redeliveries.h"
#include "core/intake/settings.h"
#include "core/store/store.h"
#include "core/telemetry/log.h"
#include "core/telemetry/metrics.h"

namespace penstock::intake {

struct HookRequest {
  std::string endpoint;                                      // the path's last part, decoded
  hooks::IpAddress remote;                                   // of the client, with trusted proxies already resolved
  std::vector<std::pair<std::string, std::string>> headers;  // as received
  std::string body;                                          // raw
  std::string request_id;                                    // for the log
};

using HookDone = std::function<void(HookAnswer)>;

// Nothing and the reason for JSON that is no service-hook event: that is answered 200 and kept, because a sender that
// proved its identity and sends JSON must not be put on probation. Throws for bytes that are no JSON, or that nest too
// deeply for us to tell.
std::optional<hooks::Event> parse_event_or_explain(std::string_view body, std::string& reason);

// What becomes of an event: the delivery's outcome, reason, decisions and triggers, and the answer's matches. Pure but
// for the lookup.
void decide(const std::optional<hooks::Event>& event, const JudgingList& webhooks,
            const hooks::ActionConfigurationLookup& configuration, store::NewDelivery& delivery, HookAnswer& answer);

// Thread-safe.
class Receiver {
 public:
  struct Options {
    // Rejected requests that leave a row in the history: of strangers, and of authenticated senders of broken bodies.
    // Whatever is above is only counted in the log.
    std::size_t strangers_kept_per_minute = 60;
    std::size_t broken_kept_per_minute = 600;
    std::size_t broken_body_bytes_kept = 64u << 10;
    std::size_t header_bytes_kept = 32u << 10;
    std::chrono::seconds retry_after{10};
    // The same redelivery is not made twice within this time.
    std::chrono::seconds redelivery_pause{10};
    FailedAttempts::Options failed_attempts;
  };
  // `configuration` must not block (aws::PipelineCatalog::find_configuration) and may be null. `trigger_wake` is
  // notified after new triggers were stored. All references must outlive the receiver.
  Receiver(Options options, store::Store& store, hooks::ActionConfigurationLookup configuration, Wake& trigger_wake,
           const Clock& clock, const telemetry::Log& log, telemetry::Metrics& metrics);
  // Waits until all requests under way are answered, which the store does at the latest when its writer ends.
  ~Receiver();

  // Requests that are under way finish with the settings that they began with.
  void set_settings(std::shared_ptr<const IntakeSettings> settings);

  // Blocks for nothing but the work itself: about 20 microseconds for a push, plus what hashing and reading a large
  // body takes. `done` is called exactly once, on this thread or on the store's writer: it must be short, must not
  // throw, and must not call what waits for the store.
  void receive(HookRequest request, HookDone done) noexcept;
  // The same, waiting for the answer. Not on a thread that `done` is called on.
  HookAnswer receive(HookRequest request);

  // Processes a stored delivery again, against the current definitions of all webhooks that it may reach, or of the one
  // named; its triggers are the next generation. The same again within moments is answered as the first. Blocks.
  // Error{kNotFound} when there is no such delivery, kInvalidInput when there is no such webhook, kConflict when the
  // delivery was rejected, its body is gone or it may not reach the webhook; errors of the store.
  HookAnswer redeliver(const std::string& delivery_id, const std::string& webhook = "");

  // What redeliver() would come to, beside what is stored. Stores nothing. Errors as of redeliver().
  struct Explained {
    store::Delivery then;
    Explanation now;
  };
  Explained explain(const std::string& delivery_id) const;

 private:
  struct Work;
  using Endpoint = PreparedSettings::Endpoint;

  std::shared_ptr<const PreparedSettings> settings() const;
  // Decides what to store for a request; nothing when it is answered without. Fills work.answer.
  std::optional<store::NewDelivery> examine(HookRequest& request, Work& work);
  std::optional<store::NewDelivery> reject_stranger(const Endpoint* endpoint, const HookRequest& request, int status,
                                                    std::string reason, Work& work);
  std::optional<store::NewDelivery> reject_broken(store::NewDelivery delivery, const std::string& reason, Work& work);
  HookAnswer redeliver_now(const store::Delivery& stored, const PreparedSettings& settings, const std::string& webhook);
  void finish(Work& work, const store::RecordedDelivery* recorded, const Error* error) noexcept;
  void answer_recorded(Work& work, const store::RecordedDelivery& recorded);
  void answer_unavailable(Work& work, std::string_view cause);

  const Options options_;
  store::Store& store_;
  const hooks::ActionConfigurationLookup configuration_;
  Wake& trigger_wake_;
  const Clock& clock_;
  const telemetry::Log& log_;
  telemetry::Histogram& decision_seconds_;
  telemetry::Histogram& answer_seconds_;
  MinuteQuota stranger_quota_;
  MinuteQuota broken_quota_;
  FailedAttempts failed_attempts_;
  RecentRedeliveries recent_redeliveries_;
  mutable std::mutex settings_mutex_;
  std::shared_ptr<const PreparedSettings> settings_;  // guarded by settings_mutex_
  std::mutex under_way_mutex_;
  std::condition_variable all_answered_;
  std::size_t under_way_ = 0;  // guarded by under_way_mutex_
};

}  // namespace penstock::intake
