// Events out of an SQS queue, for those whom EventBridge cannot reach.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "core/aws/sqs.h"
#include "core/base/retry.h"
#include "core/base/time.h"
#include "core/events/desk.h"
#include "core/telemetry/log.h"
#include "core/telemetry/metrics.h"

namespace penstock::events {

// One thread, which blocks on SQS (for at most wait + 10 s a call, less when it is stopped) and on its back-off. A
// message is deleted once it is noted, and so is one that is no event: it would come again for ever. What could not be
// deleted comes again and is a duplicate. Thread-safe.
class QueuePoller {
 public:
  struct Options {
    std::chrono::seconds wait{20};
    // A batch takes milliseconds; what we did not get to delete shall be seen again soon.
    std::chrono::seconds visibility{60};
    BackoffPolicy backoff{std::chrono::seconds(1), std::chrono::seconds(60)};
  };
  QueuePoller(Options options, aws::QueueClient queue, Desk& desk, telemetry::Metrics& metrics, const Clock& clock,
              const telemetry::Log& log);
  ~QueuePoller();  // stops and joins

  void start();
  void request_stop() { thread_.request_stop(); }  // does not block

  struct Status {
    std::optional<std::chrono::steady_clock::time_point> last_receive;  // the last that was answered
    std::chrono::milliseconds age{0};                                   // since then, or since the start
  };
  Status status() const;
  const std::string& queue_url() const noexcept { return queue_.url(); }

 private:
  void run(const std::stop_token& stop);
  void poll(int& max_messages, const std::stop_token& stop);
  void note(const aws::QueueMessage& message);
  void tell_poison(const aws::QueueMessage& message, const Error& error);
  void note_failure(const Error& error);
  void note_success();

  const Options options_;
  aws::QueueClient queue_;
  Desk& desk_;
  const Clock& clock_;
  const telemetry::Log& log_;
  telemetry::Counter &received_, &poison_, &failures_;
  const std::chrono::steady_clock::time_point made_at_;
  mutable std::mutex mutex_;
  std::optional<std::chrono::steady_clock::time_point> last_receive_;  // guarded by mutex_
  // The thread's own:
  std::optional<std::chrono::steady_clock::time_point> poison_told_at_;
  int poison_untold_ = 0;
  std::string failing_;  // kind and code of the last failure, empty after a success
  std::jthread thread_;  // last
};

}  // namespace penstock::events
