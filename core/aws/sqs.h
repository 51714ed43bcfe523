// SQS as far as a consumer needs it. JSON protocol, API version 2012-11-05.
//
// Errors as in codepipeline.h; a queue that does not exist is kNotFound. Blocking; thread-safe.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/aws/client.h"

namespace penstock::aws {

struct QueueMessage {
  std::string id, receipt_handle, body = {};
};

struct ReceiveRequest {
  int max_messages = 10;         // 1..10
  std::chrono::seconds wait{0};  // 0..20: how long SQS waits for a first message
  // For which a message that was received is shown to nobody else; 0 = as the queue has it.
  std::chrono::seconds visibility{0};
};

// The region that an SQS queue's URL names: "https://sqs.eu-central-1.amazonaws.com/…", "https://eu-west-1.queue.…".
std::optional<std::string> region_of_queue(std::string_view queue_url);

class QueueClient {
 public:
  // Sends where AWS's settings say, in the region of the queue's URL; never to the URL's own host.
  QueueClient(std::shared_ptr<Client> client, std::string queue_url);

  // Once: whoever polls comes again anyway. Error{kExhausted} when the messages are too large to be taken together.
  std::vector<QueueMessage> receive(const ReceiveRequest& request, std::stop_token stop = {});
  // Up to 10. Those that could not be deleted come again; how many.
  std::size_t remove(const std::vector<QueueMessage>& messages, std::stop_token stop = {});

  const std::string& url() const noexcept { return url_; }

 private:
  std::string call(const std::string& operation, std::string body, Client::Call call);

  const std::shared_ptr<Client> client_;
  const std::string url_;
  const std::optional<Endpoint> endpoint_;  // when it is not the client's
};

}  // namespace penstock::aws
