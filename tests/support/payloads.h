// Azure DevOps service-hook bodies in the shapes that real servers send, for tests of everything that receives them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::test {

inline constexpr std::string_view kZeroId = "0000000000000000000000000000000000000000";

// A commit id that is the same each time and another one for another seed: 40 hexadecimal digits.
std::string make_object_id(std::uint64_t seed);

struct PushedRef {
  std::string name = "refs/heads/main";
  std::string old_id = make_object_id(1);
  std::string new_id = make_object_id(2);
  bool forced = false;
};

// "Resource details to send" of the subscription.
enum class ResourceDetails { kAll, kMinimal, kNone };

struct PushOptions {
  std::string subscription_id = "7f1c2a50-96d3-4be4-8d0e-5b0f6f2b9c11";
  std::optional<std::int64_t> notification_id = 3;
  std::string event_id = "d1b5c7a8-3f0e-4d52-9a3b-0f5f3f7d2e64";
  std::string organization = "fabrikam";
  std::string project = "Fabrikam Web";
  std::string repository = "shop";
  std::string repository_id = "5b3e2b0c-7d54-4f0e-8c55-1d2b9d0f4a77";  // empty = the member is missing
  std::optional<std::int64_t> push_id = 41;
  std::vector<PushedRef> refs = {{}};
  std::string message = "Add the basket";  // of the one commit; empty = `commits` is missing, as after a deletion
  std::string remote_url;                  // empty = the dev.azure.com form with percent-encoded names
  ResourceDetails details = ResourceDetails::kAll;
  std::size_t padding = 0;  // extra bytes of commit message, to reach a size
};
std::string make_push_payload(const PushOptions& options = {});

struct PullRequestOptions {
  std::string event_type = "git.pullrequest.updated";
  std::string subscription_id = "7f1c2a50-96d3-4be4-8d0e-5b0f6f2b9c12";
  std::int64_t notification_id = 8;
  std::string event_id = "b0a1b1d3-52f7-43a8-9d3b-1b9a2f4c8e01";
  std::string repository = "shop";
  std::string repository_id = "5b3e2b0c-7d54-4f0e-8c55-1d2b9d0f4a77";
  std::string status = "active";
  std::string source = "refs/heads/feature/basket";
  std::string target = "refs/heads/main";
  std::int64_t pull_request_id = 17;
  std::string merge_status = "succeeded";
  bool is_draft = false;
  // Empty = the member is missing.
  std::string source_commit = make_object_id(11), target_commit = make_object_id(12), merge_commit = make_object_id(13);
  std::string fork_id;  // of the other repository that the source is in; empty = it is in this one
  ResourceDetails details = ResourceDetails::kAll;
};
// The remote URL carries user information, as in real pull-request events.
std::string make_pull_request_payload(const PullRequestOptions& options = {});

// What the portal's Test button sends while a subscription is being made: zero subscription id, canned event id.
std::string make_test_push_payload();

// The same delivery with a real subscription id: the Test button of an existing subscription.
std::string make_test_push_payload(std::string_view subscription_id);

}  // namespace penstock::test
