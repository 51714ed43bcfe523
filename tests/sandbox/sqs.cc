#include "tests/sandbox/sqs.h"

#include <algorithm>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

using std::chrono::seconds;

constexpr std::size_t kMaxMessage = 1u << 20;

[[noreturn]] void invalid(const std::string& message) {
  throw ServiceError(400, "InvalidParameterValue", message);
}

// A number, or its text, as the query protocol has it.
std::int64_t integer(const Json& input, const std::string& name, std::int64_t least, std::int64_t most,
                     std::int64_t fallback) {
  const Json* value = json::find(input, name);
  if (value == nullptr) return fallback;
  std::optional<std::int64_t> number;
  if (value->is_number_integer()) number = value->get<std::int64_t>();
  if (value->is_string()) {
    if (const auto parsed = parse_unsigned(value->get<std::string>())) number = static_cast<std::int64_t>(*parsed);
  }
  if (!number || *number < least || *number > most) {
    invalid("Value for parameter " + name + " is invalid. Reason: Must be between " + std::to_string(least) + " and " +
            std::to_string(most) + ", if provided.");
  }
  return *number;
}

std::string required(const Json& input, const std::string& name) {
  std::string text = json::string_or(input, name);
  if (text.empty()) throw ServiceError(400, "MissingParameter", "The request must contain the parameter " + name + ".");
  return text;
}

std::string md5_hex(const std::string& text) {
  return to_hex(hash(HashAlgorithm::kMd5, text));
}

std::string element(const std::string& name, const std::string& text) {
  return "<" + name + ">" + escape_xml(text) + "</" + name + ">";
}

// "Prefix.1.Name" … of a form.
Json numbered(const Form& form, const std::string& prefix, const std::vector<std::string>& members) {
  Json list = Json::array();
  for (int i = 1;; ++i) {
    Json item = Json::object();
    for (const std::string& member : members) {
      const auto found = form.find(prefix + "." + std::to_string(i) + "." + member);
      if (found != form.end()) item[member] = found->second;
    }
    if (item.empty()) return list;
    list.push_back(std::move(item));
  }
}

Json input_of(const Form& form) {
  Json input = Json::object();
  for (const auto& [name, value] : form) {
    if (name.find('.') == std::string::npos) input[name] = value;
  }
  for (const Json& attribute : numbered(form, "Attribute", {"Name", "Value"})) {
    input["Attributes"][attribute.value("Name", "")] = attribute.value("Value", "");
  }
  for (int i = 1; form.contains("AttributeName." + std::to_string(i)); ++i) {
    input["AttributeNames"].push_back(form.at("AttributeName." + std::to_string(i)));
  }
  if (const Json entries = numbered(form, "DeleteMessageBatchRequestEntry", {"Id", "ReceiptHandle"}); !entries.empty())
    input["Entries"] = entries;
  return input;
}

std::string xml_of(const Json& output) {
  std::string xml;
  for (const auto& [name, value] : output.items()) {
    if (name == "QueueUrls") {
      for (const Json& url : value) xml += element("QueueUrl", url.get<std::string>());
    } else if (name == "Attributes") {
      for (const auto& [key, text] : value.items()) {
        xml += "<Attribute>" + element("Name", key) + element("Value", text.get<std::string>()) + "</Attribute>";
      }
    } else if (name == "Messages") {
      for (const Json& message : value) xml += "<Message>" + xml_of(message) + "</Message>";
    } else if (name == "Successful") {
      for (const Json& entry : value)
        xml += "<DeleteMessageBatchResultEntry>" + xml_of(entry) + "</DeleteMessageBatchResultEntry>";
    } else if (name == "Failed") {
      for (const Json& entry : value) xml += "<BatchResultErrorEntry>" + xml_of(entry) + "</BatchResultErrorEntry>";
    } else {
      xml += element(name, value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return xml;
}

}  // namespace

Json Sqs::call(const std::string& operation, const Json& input, const std::string& base_url, const std::string& account,
               const std::string& region) {
  std::unique_lock lock(mutex_);
  if (operation == "CreateQueue") return create(input, base_url, account, region);
  const auto url_of = [&](const std::string& name, const Queue& queue) {
    return base_url + "/" + queue.account + "/" + name;
  };
  if (operation == "ListQueues") {
    Json urls = Json::array();
    for (const auto& [name, queue] : queues_) {
      if (name.starts_with(json::string_or(input, "QueueNamePrefix"))) urls.push_back(url_of(name, queue));
    }
    return urls.empty() ? Json::object() : Json{{"QueueUrls", urls}};
  }
  if (operation == "GetQueueUrl") {
    const auto name = required(input, "QueueName");
    const Queue& queue = get_queue({{"QueueUrl", base_url + "/" + account + "/" + name}});
    return {{"QueueUrl", url_of(name, queue)}};
  }
  if (operation == "SendMessage") return send(input);
  if (operation == "ReceiveMessage") return receive(input, lock);
  if (operation == "DeleteMessageBatch") return remove_batch(input);
  if (operation == "GetQueueAttributes") return attributes(input);
  Queue& queue = get_queue(input);
  if (operation == "DeleteMessage") {
    remove(queue, required(input, "ReceiptHandle"));
  } else if (operation == "ChangeMessageVisibility") {
    const auto handle = required(input, "ReceiptHandle");
    const seconds visibility(integer(input, "VisibilityTimeout", 0, 43'200, 30));
    for (Message& message : queue.messages) {
      if (message.receipt_handle == handle) message.visible_at = std::chrono::steady_clock::now() + visibility;
    }
    arrived_.notify_all();
  } else if (operation == "PurgeQueue") {
    queue.messages.clear();
  } else if (operation == "SetQueueAttributes") {
    if (const Json* given = json::find(input, "Attributes")) set_attributes(queue, *given);
  } else if (operation == "DeleteQueue") {
    std::erase_if(queues_, [&](const auto& entry) { return &entry.second == &queue; });
  } else {
    throw ServiceError(400, "UnsupportedOperation", "The operation \"" + operation + "\" is not known here");
  }
  return Json();
}

Response Sqs::call_query(const Form& form, const std::string& path, const std::string& base_url,
                         const std::string& account, const std::string& region) {
  const auto version = form.find("Version");
  const auto action = form.find("Action");
  if (action == form.end() || version == form.end() || version->second != "2012-11-05") {
    throw ServiceError(400, "InvalidAction", "An action of the version 2012-11-05 is expected");
  }
  Json input = input_of(form);
  if (!input.contains("QueueUrl") && path != "/") input["QueueUrl"] = base_url + path;
  Json output;
  try {
    output = call(action->second, input, base_url, account, region);
  } catch (const ServiceError& error) {
    if (error.code != "QueueDoesNotExist") throw;
    throw ServiceError(error.status, "AWS.SimpleQueueService.NonExistentQueue", error.what());
  }
  Response response;
  response.headers.push_back({"Content-Type", "text/xml"});
  const std::string result =
      output.is_null() ? "" : "<" + action->second + "Result>" + xml_of(output) + "</" + action->second + "Result>";
  response.body = "<" + action->second + "Response xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\">" + result +
                  "<ResponseMetadata><RequestId>" + make_uuid_v4() + "</RequestId></ResponseMetadata></" +
                  action->second + "Response>";
  return response;
}

Sqs::Queue& Sqs::get_queue(const Json& input) {
  const auto url = required(input, "QueueUrl");
  const auto found = queues_.find(url.substr(url.rfind('/') + 1));
  if (found == queues_.end() || !url.ends_with("/" + found->second.account + "/" + found->first)) {
    throw ServiceError(400, "QueueDoesNotExist", "The specified queue does not exist.");
  }
  return found->second;
}

Json Sqs::create(const Json& input, const std::string& base_url, const std::string& account,
                 const std::string& region) {
  static const Regex kName("[a-zA-Z0-9_-]{1,80}");
  const auto name = required(input, "QueueName");
  if (!kName.matches_whole(name)) {
    invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
  }
  Queue& queue = queues_[name];
  queue.account = account;
  queue.region = region;
  if (const Json* given = json::find(input, "Attributes")) set_attributes(queue, *given);
  return {{"QueueUrl", base_url + "/" + account + "/" + name}};
}

void Sqs::set_attributes(Queue& queue, const Json& given) {
  for (const auto& [name, value] : given.items()) {
    if (name == "VisibilityTimeout") queue.visibility = seconds(integer(given, name, 0, 43'200, 30));
    if (name == "ReceiveMessageWaitTimeSeconds") queue.wait = seconds(integer(given, name, 0, 20, 0));
    queue.attributes[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
}

std::string Sqs::add(Queue& queue, const std::string& body, seconds delay) {
  queue.messages.push_back({make_uuid_v4(), body, "", std::chrono::steady_clock::now() + delay});
  arrived_.notify_all();
  return queue.messages.back().id;
}

Json Sqs::send(const Json& input) {
  Queue& queue = get_queue(input);
  const auto body = required(input, "MessageBody");
  if (body.size() > kMaxMessage)
    invalid("One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.");
  const auto id = add(queue, body, seconds(integer(input, "DelaySeconds", 0, 900, 0)));
  return {{"MD5OfMessageBody", md5_hex(body)}, {"MessageId", id}};
}

Json Sqs::receive(const Json& input, std::unique_lock<std::mutex>& lock) {
  const auto begin = std::chrono::steady_clock::now();
  const auto limit = integer(input, "MaxNumberOfMessages", 1, 10, 1);
  const auto end = begin + seconds(integer(input, "WaitTimeSeconds", 0, 20, get_queue(input).wait.count()));
  for (;;) {
    Queue& queue = get_queue(input);  // it may have gone while nobody looked
    const seconds visibility(integer(input, "VisibilityTimeout", 0, 43'200, queue.visibility.count()));
    const auto now = std::chrono::steady_clock::now();
    Json messages = Json::array();
    auto next = end;
    for (Message& message : queue.messages) {
      if (static_cast<std::int64_t>(messages.size()) == limit) break;
      if (message.visible_at > now) {
        next = std::min(next, message.visible_at);
        continue;
      }
      message.visible_at = now + visibility;
      message.receipt_handle = "handle-" + std::to_string(next_handle_++);
      ++message.receives;
      messages.push_back({{"MessageId", message.id},
                          {"ReceiptHandle", message.receipt_handle},
                          {"MD5OfBody", md5_hex(message.body)},
                          {"Body", message.body}});
    }
    if (!messages.empty()) return {{"Messages", std::move(messages)}};
    if (now >= end || stopping_) return Json::object();
    arrived_.wait_until(lock, next);
  }
}

void Sqs::remove(Queue& queue, const std::string& receipt_handle) {
  queue.deleted += static_cast<std::int64_t>(
      std::erase_if(queue.messages, [&](const Message& message) { return message.receipt_handle == receipt_handle; }));
}

Json Sqs::remove_batch(const Json& input) {
  Queue& queue = get_queue(input);
  const Json* entries = json::find(input, "Entries");
  if (entries == nullptr || !entries->is_array() || entries->empty()) {
    throw ServiceError(400, "EmptyBatchRequest",
                       "There should be at least one DeleteMessageBatchRequestEntry in the request.");
  }
  if (entries->size() > 10) {
    throw ServiceError(400, "TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10.");
  }
  Json done = Json::array();
  for (const Json& entry : *entries) {
    remove(queue, required(entry, "ReceiptHandle"));
    done.push_back({{"Id", required(entry, "Id")}});
  }
  return {{"Successful", std::move(done)}};
}

Json Sqs::attributes(const Json& input) {
  const Queue& queue = get_queue(input);
  const auto url = required(input, "QueueUrl");
  const auto now = std::chrono::steady_clock::now();
  const auto hidden = std::count_if(queue.messages.begin(), queue.messages.end(),
                                    [&](const Message& message) { return message.visible_at > now; });
  Json all = Json::object();
  for (const auto& [name, value] : queue.attributes) all[name] = value;
  all["QueueArn"] = "arn:aws:sqs:" + queue.region + ":" + queue.account + ":" + url.substr(url.rfind('/') + 1);
  all["VisibilityTimeout"] = std::to_string(queue.visibility.count());
  all["ReceiveMessageWaitTimeSeconds"] = std::to_string(queue.wait.count());
  all["ApproximateNumberOfMessages"] = std::to_string(static_cast<std::int64_t>(queue.messages.size()) - hidden);
  all["ApproximateNumberOfMessagesNotVisible"] = std::to_string(hidden);
  Json wanted = Json::object();
  if (const Json* names = json::find(input, "AttributeNames")) {
    for (const Json& name : *names) {
      if (name == "All") return {{"Attributes", all}};
      if (all.contains(name.get<std::string>())) wanted[name.get<std::string>()] = all[name.get<std::string>()];
    }
  }
  return wanted.empty() ? Json::object() : Json{{"Attributes", wanted}};
}

void Sqs::set_event_queue(const std::string& name) {
  std::lock_guard lock(mutex_);
  event_queue_ = name;
}

std::string Sqs::event_queue() const {
  std::lock_guard lock(mutex_);
  return event_queue_;
}

void Sqs::deliver_event(const Json& event) {
  std::lock_guard lock(mutex_);
  if (const auto found = queues_.find(event_queue_); found != queues_.end())
    add(found->second, event.dump(), seconds(0));
}

void Sqs::stop() {
  std::lock_guard lock(mutex_);
  stopping_ = true;
  arrived_.notify_all();
}

Json Sqs::dump() const {
  std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  Json result = Json::object();
  for (const auto& [name, queue] : queues_) {
    const auto hidden = std::count_if(queue.messages.begin(), queue.messages.end(),
                                      [&](const Message& message) { return message.visible_at > now; });
    result[name] = {{"waiting", static_cast<std::int64_t>(queue.messages.size()) - hidden},
                    {"inFlight", hidden},
                    {"deleted", queue.deleted}};
  }
  return result;
}

}  // namespace penstock::sandbox
