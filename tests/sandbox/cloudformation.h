// CloudFormation over the query protocol, as far as an action needs it: stacks whose operations take a while, and fail
// and roll back when their template asks for it. Stacks live as long as the process.
//
// A resource with the property "SandboxFailure" fails with that reason.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/json/json.h"
#include "tests/sandbox/http_server.h"
#include "tests/sandbox/settings.h"
#include "tests/sandbox/sts.h"

namespace penstock::sandbox {

// Thread-safe.
class CloudFormation {
 public:
  // Gives the content of the object that a template's address names.
  using ReadObject = std::function<std::optional<std::string>(const std::string& bucket, const std::string& key)>;
  CloudFormation(const Settings& settings, const Clock& clock, ReadObject read_object)
      : settings_(settings), clock_(clock), read_object_(std::move(read_object)) {}

  // Throws ServiceError.
  Response call(const Form& form, const std::string& account, const std::string& region);

 private:
  struct Event {
    std::string id, resource, type, status, reason, token;
    std::int64_t at = 0;
  };
  struct Stack {
    std::string id, name, status, template_text, token;
    std::map<std::string, std::string> parameters, tags, outputs;
    std::vector<Event> events;  // oldest first
    // Of the operation under way:
    std::int64_t begun = 0;
    std::string failing_resource, failing_type, failure;
    std::map<std::string, std::string> next_outputs;
    std::vector<std::pair<std::string, std::string>> resources;  // name, type
  };
  struct Order;  // a checked CreateStack or UpdateStack

  Order read_order(const Form& form) const;
  std::string create(const Form& form, const std::string& account, const std::string& region);
  std::string update(const Form& form);
  std::string describe(const Form& form);
  std::string describe_events(const Form& form);
  std::string remove(const Form& form);
  Stack* find(const std::string& name);
  Stack& get(const Form& form);
  void begin(Stack& stack, Order order, const std::string& status);
  void advance(Stack& stack);
  void add_event(Stack& stack, const std::string& resource, const std::string& type, const std::string& status,
                 const std::string& reason = "");
  std::int64_t now() const { return to_milliseconds(clock_.now()); }

  const Settings& settings_;
  const Clock& clock_;
  const ReadObject read_object_;
  std::mutex mutex_;  // guards all below
  std::vector<Stack> stacks_;
};

}  // namespace penstock::sandbox
