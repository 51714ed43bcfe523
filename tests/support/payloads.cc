#include "tests/support/payloads.h"

#include <cstdio>

#include "core/base/text.h"

namespace penstock::test {
namespace {

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      out += escape;
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + '"';
}

std::string member(std::string_view name, const std::string& json) {
  return json_string(name) + ":" + json;
}
std::string text_member(std::string_view name, std::string_view text) {
  return member(name, json_string(text));
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) {
    if (part.empty()) continue;
    if (!out.empty()) out += ',';
    out += part;
  }
  return out;
}
std::string object(const std::vector<std::string>& members) {
  return "{" + joined(members) + "}";
}
std::string array(const std::vector<std::string>& elements) {
  return "[" + joined(elements) + "]";
}

std::string message(std::string_view text) {
  return object({text_member("text", text), text_member("html", "<p>" + std::string(text) + "</p>"),
                 text_member("markdown", text)});
}

std::string person(std::string_view name, std::string_view login) {
  return object({text_member("displayName", name), text_member("id", "c4a1f0d2-6f0b-4d4b-9f59-3f8d6f3f6b21"),
                 text_member("uniqueName", login)});
}

std::string project(std::string_view name) {
  return object({text_member("id", "9f2e7c64-12f5-4a6d-bb5c-7b0d8f0e3d15"), text_member("name", name),
                 text_member("state", "wellFormed"), text_member("visibility", "private"),
                 text_member("lastUpdateTime", "0001-01-01T00:00:00")});
}

std::string containers(std::string_view organization) {
  const auto base = "https://dev.azure.com/" + std::string(organization) + "/";
  const auto container = [&](std::string_view id) {
    return object({text_member("id", id), text_member("baseUrl", base)});
  };
  return object({member("collection", container("a7f3d2c9-0c1e-4a57-8a58-6f9d5c1e2b30")),
                 member("account", container("2e8c5b71-4f7a-4f0f-9a4e-0d7b6c3f1a58")),
                 member("project", container("9f2e7c64-12f5-4a6d-bb5c-7b0d8f0e3d15"))});
}

std::string push_resource(const PushOptions& options, const std::string& api) {
  const auto push = options.push_id ? std::to_string(*options.push_id) : std::string();
  std::vector<std::string> members;
  if (options.details == ResourceDetails::kMinimal) {
    return object({options.push_id ? member("pushId", push) : "", text_member("url", api + "/pushes/" + push)});
  }
  if (!options.message.empty()) {
    const auto id = options.refs.empty() ? std::string(kZeroId) : options.refs.front().new_id;
    const auto signature = object({text_member("name", "Dana Example"), text_member("email", "dana@fabrikam.example"),
                                   text_member("date", "2026-03-02T10:15:28Z")});
    members.push_back(
        member("commits",
               array({object({text_member("commitId", id), member("author", signature), member("committer", signature),
                              text_member("comment", options.message + std::string(options.padding, '.')),
                              text_member("url", api + "/commits/" + id)})})));
  }
  std::vector<std::string> updates;
  for (const auto& ref : options.refs) {
    updates.push_back(object({text_member("name", ref.name), text_member("oldObjectId", ref.old_id),
                              text_member("newObjectId", ref.new_id), ref.forced ? member("forced", "true") : ""}));
  }
  members.push_back(member("refUpdates", array(updates)));
  const auto remote = !options.remote_url.empty()
                          ? options.remote_url
                          : "https://dev.azure.com/" + percent_encode(options.organization) + "/" +
                                percent_encode(options.project) + "/_git/" + percent_encode(options.repository);
  members.push_back(member(
      "repository", object({options.repository_id.empty() ? "" : text_member("id", options.repository_id),
                            text_member("name", options.repository), text_member("url", api),
                            member("project", project(options.project)),
                            text_member("defaultBranch", "refs/heads/main"), text_member("remoteUrl", remote)})));
  members.push_back(member("pushedBy", person("Dana Example", "dana@fabrikam.example")));
  if (options.push_id) members.push_back(member("pushId", push));
  members.push_back(text_member("date", "2026-03-02T10:15:29.1234567Z"));
  members.push_back(text_member("url", api + "/pushes/" + push));
  return object(members);
}

}  // namespace

std::string make_object_id(std::uint64_t seed) {
  char digits[41];
  std::snprintf(digits, sizeof digits, "%08x%016llx%016llx", static_cast<unsigned>(seed * 2654435761u),
                static_cast<unsigned long long>(seed * 0x9e3779b97f4a7c15ull + 1),
                static_cast<unsigned long long>(~seed * 0xbf58476d1ce4e5b9ull));
  return digits;
}

std::string make_push_payload(const PushOptions& options) {
  const auto api = "https://dev.azure.com/" + options.organization + "/_apis/git/repositories/" + options.repository_id;
  return object(
      {options.subscription_id.empty() ? "" : text_member("subscriptionId", options.subscription_id),
       options.notification_id ? member("notificationId", std::to_string(*options.notification_id)) : "",
       text_member("id", options.event_id), text_member("eventType", "git.push"), text_member("publisherId", "tfs"),
       member("message", message("Dana Example pushed to " + options.repository)), member("detailedMessage", "null"),
       member("resource", options.details == ResourceDetails::kNone ? "null" : push_resource(options, api)),
       text_member("resourceVersion", "1.0"), member("resourceContainers", containers(options.organization)),
       text_member("createdDate", "2026-03-02T10:15:31.7654321Z")});
}

std::string make_pull_request_payload(const PullRequestOptions& options) {
  const auto api = "https://dev.azure.com/fabrikam/_apis/git/repositories/" + options.repository_id;
  const auto repository = object({text_member("id", options.repository_id), text_member("name", options.repository),
                                  text_member("url", api), member("project", project("Fabrikam Web")),
                                  text_member("remoteUrl", "https://dana@dev.azure.com/fabrikam/Fabrikam%20Web/_git/" +
                                                               percent_encode(options.repository))});
  const auto commit = [](std::string_view name, const std::string& id) {
    return id.empty() ? "" : member(name, object({text_member("commitId", id), text_member("url", "https://x/" + id)}));
  };
  const std::string number = std::to_string(options.pull_request_id);
  const auto fork =
      object({text_member("name", options.source),
              member("repository", object({text_member("id", options.fork_id), text_member("name", "shop-fork"),
                                           member("project", project("Contributors"))}))});
  const auto whole = object(
      {member("repository", repository), member("pullRequestId", number), member("codeReviewId", number),
       options.status.empty() ? "" : text_member("status", options.status),
       member("isDraft", options.is_draft ? "true" : "false"),
       member("createdBy", person("Dana Example", "dana@fabrikam.example")),
       text_member("creationDate", "2026-03-01T08:00:00.0000001Z"), text_member("title", "The basket"),
       text_member("sourceRefName", options.source), text_member("targetRefName", options.target),
       options.merge_status.empty() ? "" : text_member("mergeStatus", options.merge_status),
       commit("lastMergeSourceCommit", options.source_commit), commit("lastMergeTargetCommit", options.target_commit),
       commit("lastMergeCommit", options.merge_commit), member("reviewers", array({})),
       options.fork_id.empty() ? "" : member("forkSource", fork), text_member("url", api + "/pullRequests/" + number)});
  const auto minimal = object({member("pullRequestId", number), text_member("url", api + "/pullRequests/" + number)});
  const auto resource = options.details == ResourceDetails::kNone      ? std::string("null")
                        : options.details == ResourceDetails::kMinimal ? minimal
                                                                       : whole;
  return object(
      {text_member("subscriptionId", options.subscription_id),
       member("notificationId", std::to_string(options.notification_id)), text_member("id", options.event_id),
       text_member("eventType", options.event_type), text_member("publisherId", "tfs"),
       member("message", message("Dana Example updated pull request " + std::to_string(options.pull_request_id))),
       member("resource", resource), text_member("resourceVersion", "1.0"),
       member("resourceContainers", containers("fabrikam")), text_member("createdDate", "2026-03-02T10:15:31Z")});
}

std::string make_test_push_payload() {
  return make_test_push_payload("00000000-0000-0000-0000-000000000000");
}

std::string make_test_push_payload(std::string_view subscription_id) {
  PushOptions options;
  options.subscription_id = subscription_id;
  options.event_id = "03c164c2-8912-4d5e-8009-3707d5f83734";
  options.notification_id = 1;
  return make_push_payload(options);
}

}  // namespace penstock::test
