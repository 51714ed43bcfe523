#include "core/events/queue_poller.h"

#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/text.h"
#include "core/base/wake.h"

namespace penstock::events {
namespace {

constexpr int kBatch = 10;
constexpr auto kPoisonPause = std::chrono::minutes(1);

std::string advice_for(const Error& error) {
  if (error.kind() == ErrorKind::kNotFound) return "correct events.sqs.queueUrl, or create the queue";
  if (error.kind() == ErrorKind::kPermission) return "allow sqs:ReceiveMessage and sqs:DeleteMessage on the queue";
  return "";
}

}  // namespace

QueuePoller::QueuePoller(Options options, aws::QueueClient queue, Desk& desk, telemetry::Metrics& metrics,
                         const Clock& clock, const telemetry::Log& log)
    : options_(options),
      queue_(std::move(queue)),
      desk_(desk),
      clock_(clock),
      log_(log),
      received_(metrics.counter("penstock_event_queue_messages_total", "Messages that the queue of events brought.")),
      poison_(metrics.counter("penstock_event_queue_poison_total",
                              "Messages of the queue that were no JSON or too much of it; they were deleted.")),
      failures_(metrics.counter("penstock_event_queue_errors_total", "Calls to the queue of events that failed.")),
      made_at_(clock.steady_now()) {}

QueuePoller::~QueuePoller() = default;

void QueuePoller::start() {
  if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

QueuePoller::Status QueuePoller::status() const {
  std::lock_guard lock(mutex_);
  const auto age = clock_.steady_now() - last_receive_.value_or(made_at_);
  return {last_receive_, std::chrono::duration_cast<std::chrono::milliseconds>(age)};
}

void QueuePoller::run(const std::stop_token& stop) {
  int failures = 0, max_messages = kBatch;
  while (!stop.stop_requested()) {
    try {
      poll(max_messages, stop);
      failures = 0;
      note_success();
      continue;
    } catch (const Error& error) {
      if (stop.stop_requested()) return;
      note_failure(error);
      // Ten large messages at once may be more than we take; one is not.
      if (error.kind() == ErrorKind::kExhausted) max_messages = 1;
    } catch (const std::exception& error) {
      note_failure(Error(ErrorKind::kInternal, error.what()));
    }
    Wake none;
    none.wait_for(stop, retry_delay(options_.backoff, ++failures, random_unit()));
  }
}

void QueuePoller::poll(int& max_messages, const std::stop_token& stop) {
  // The first is answered at once, so that whether the queue can be read at all is known at once.
  const bool is_known = status().last_receive.has_value() && failing_.empty();
  const std::vector<aws::QueueMessage> messages =
      queue_.receive({.max_messages = max_messages,
                      .wait = is_known ? options_.wait : std::chrono::seconds(0),
                      .visibility = options_.visibility},
                     stop);
  {
    std::lock_guard lock(mutex_);
    last_receive_ = clock_.steady_now();
  }
  max_messages = kBatch;
  received_.add(messages.size());
  for (const aws::QueueMessage& message : messages) note(message);
  if (const std::size_t left = queue_.remove(messages, stop); left > 0) {
    log_.warning("deleting messages of the queue of events failed; they come again", {{"count", left}});
  }
}

void QueuePoller::note(const aws::QueueMessage& message) {
  try {
    desk_.note(message.body, Way::kQueue, message.id);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInvalidInput && error.kind() != ErrorKind::kExhausted) throw;
    poison_.add();
    tell_poison(message, error);
  }
}

// Whoever may send must not fill the log.
void QueuePoller::tell_poison(const aws::QueueMessage& message, const Error& error) {
  ++poison_untold_;
  const auto now = clock_.steady_now();
  if (poison_told_at_ && now - *poison_told_at_ < kPoisonPause) return;
  poison_told_at_ = now;
  log_.warning("messages of the queue are no events; they are deleted", {{"count", std::exchange(poison_untold_, 0)},
                                                                         {"last", truncate_utf8(message.id, 100, 400)},
                                                                         {"error", error.what()}});
}

void QueuePoller::note_success() {
  if (!std::exchange(failing_, "").empty()) log_.info("the queue of events can be read again");
}

void QueuePoller::note_failure(const Error& error) {
  failures_.add();
  std::string cause = std::string(to_string(error.kind())) + " " + error.code();
  // Said once, not at every poll.
  if (std::exchange(failing_, cause) == cause) {
    log_.debug("reading the queue of events failed", {{"queue", queue_.url()}, {"error", error.what()}});
    return;
  }
  log_.warning("reading the queue of events failed",
               {{"queue", queue_.url()}, {"error", error.what()}, {"advice", advice_for(error)}});
}

}  // namespace penstock::events
