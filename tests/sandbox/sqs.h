// SQS, both of its protocols: JSON, and the query protocol that clients spoke until 2023. Standard queues in memory,
// with long polling and visibility; messages stay in order and come once a visibility time-out.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "core/json/json.h"
#include "tests/sandbox/http_server.h"
#include "tests/sandbox/sts.h"

namespace penstock::sandbox {

using json::Json;

// Thread-safe.
class Sqs {
 public:
  // `base_url`: where queues are found, "http://host:port". Throws ServiceError. ReceiveMessage blocks for as long as
  // it was told to.
  Json call(const std::string& operation, const Json& input, const std::string& base_url, const std::string& account,
            const std::string& region);
  // The same from a form to XML. `path` is the queue's when the form names none.
  Response call_query(const Form& form, const std::string& path, const std::string& base_url,
                      const std::string& account, const std::string& region);

  // Where CodePipeline's events go; empty = nowhere.
  void set_event_queue(const std::string& name);
  std::string event_queue() const;
  void deliver_event(const Json& event);

  // Long polls end, now and from now on.
  void stop();
  // By queue: how many messages wait, are being worked on, and were deleted.
  Json dump() const;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Message {
    std::string id, body, receipt_handle;
    TimePoint visible_at;
    int receives = 0;
  };
  struct Queue {
    std::string account, region;
    std::chrono::seconds visibility{30}, wait{0};
    std::map<std::string, std::string> attributes;
    std::deque<Message> messages;
    std::int64_t deleted = 0;
  };

  Queue& get_queue(const Json& input);
  std::string add(Queue& queue, const std::string& body, std::chrono::seconds delay);
  Json create(const Json& input, const std::string& base_url, const std::string& account, const std::string& region);
  Json send(const Json& input);
  Json receive(const Json& input, std::unique_lock<std::mutex>& lock);
  Json remove_batch(const Json& input);
  void remove(Queue& queue, const std::string& receipt_handle);
  Json attributes(const Json& input);
  void set_attributes(Queue& queue, const Json& attributes);

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable arrived_;
  std::map<std::string, Queue> queues_;
  std::string event_queue_;
  std::int64_t next_handle_ = 1;
  bool stopping_ = false;
};

}  // namespace penstock::sandbox
