#include "core/aws/sqs.h"

#include <utility>

#include "core/aws/endpoint.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/http/url.h"
#include "core/json/json.h"

namespace penstock::aws {
namespace {

using json::Json;

// Beyond the wait that the call asks for.
constexpr std::chrono::seconds kAnswerTime{10};
// Ten messages take 1 MiB together, and each of their characters up to six in JSON.
constexpr std::size_t kMaxAnswer = 16u << 20;

std::optional<Endpoint> endpoint_of(const Client& client, std::string_view queue_url) {
  const auto region = region_of_queue(queue_url);
  if (!region || *region == client.options().endpoint.region) return std::nullopt;
  return in_region(client.options().endpoint, "sqs", *region);
}

}  // namespace

std::optional<std::string> region_of_queue(std::string_view queue_url) {
  const auto url = http::parse_url(queue_url);
  if (!url) return std::nullopt;
  const std::vector<std::string> labels = split(to_lower(url->host), '.');
  for (std::size_t i = 0; i + 1 < labels.size(); ++i) {
    const bool is_service = labels[i] == "sqs" || labels[i] == "sqs-fips";
    if (is_service && is_region_name(labels[i + 1]) && labels[i + 1].find('-') != std::string::npos) {
      return labels[i + 1];
    }
    // The form of before 2012, and us-east-1 without a region.
    if (labels[i + 1] == "queue" && i == 0 && is_region_name(labels[i])) return labels[i];
    if (labels[i] == "queue" && i == 0 && labels[i + 1] == "amazonaws") return "us-east-1";
  }
  return std::nullopt;
}

QueueClient::QueueClient(std::shared_ptr<Client> client, std::string queue_url)
    : client_(std::move(client)), url_(std::move(queue_url)), endpoint_(endpoint_of(*client_, url_)) {}

std::string QueueClient::call(const std::string& operation, std::string body, Client::Call call) {
  call.name = operation;
  call.headers.add("Content-Type", "application/x-amz-json-1.0");
  call.headers.add("X-Amz-Target", "AmazonSQS." + operation);
  call.body = std::move(body);
  call.endpoint = endpoint_;
  call.max_response_bytes = kMaxAnswer;
  try {
    return client_->send(call).body;
  } catch (const Error& error) {
    if (error.code() != "QueueDoesNotExist" && error.code() != "AWS.SimpleQueueService.NonExistentQueue") throw;
    throw Error(ErrorKind::kNotFound, error.what()).with_code(error.code());
  }
}

std::vector<QueueMessage> QueueClient::receive(const ReceiveRequest& request, std::stop_token stop) {
  Json input = {
      {"QueueUrl", url_}, {"MaxNumberOfMessages", request.max_messages}, {"WaitTimeSeconds", request.wait.count()}};
  if (request.visibility.count() > 0) input["VisibilityTimeout"] = request.visibility.count();
  Client::Call options;
  options.timeout = request.wait + kAnswerTime;
  options.max_attempts = 1;
  options.stop = std::move(stop);
  const Json answer = json::parse_json(call("ReceiveMessage", json::dump(input), std::move(options)),
                                       "the answer of sqs:ReceiveMessage");
  std::vector<QueueMessage> messages;
  const Json* list = json::find(answer, "Messages");
  if (list == nullptr || !list->is_array()) return messages;
  for (const Json& item : *list) {
    messages.push_back(
        {json::string_or(item, "MessageId"), json::string_or(item, "ReceiptHandle"), json::string_or(item, "Body")});
  }
  return messages;
}

std::size_t QueueClient::remove(const std::vector<QueueMessage>& messages, std::stop_token stop) {
  if (messages.empty()) return 0;
  Json entries = Json::array();
  for (const QueueMessage& message : messages) {
    entries.push_back({{"Id", std::to_string(entries.size())}, {"ReceiptHandle", message.receipt_handle}});
  }
  Client::Call options;
  options.stop = std::move(stop);
  const Json answer = json::parse_json(
      call("DeleteMessageBatch", json::dump({{"QueueUrl", url_}, {"Entries", std::move(entries)}}), std::move(options)),
      "the answer of sqs:DeleteMessageBatch");
  const Json* failed = json::find(answer, "Failed");
  return failed != nullptr && failed->is_array() ? failed->size() : 0;
}

}  // namespace penstock::aws
