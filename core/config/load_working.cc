// Workers, and the credentials with which they fetch.

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/config/loaders.h"
#include "core/config/values.h"

namespace penstock::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

void load_action_type(Section type, ActionType& target) {
  type.read_choice("category", target.category, {"Source", "Build", "Deploy", "Test", "Invoke"});
  if (!type.has("category")) {
    type.problem("category", "expected one of \"Source\", \"Build\", \"Deploy\", \"Test\", \"Invoke\", found nothing");
  }
  target.owner = "Custom";
  type.read("owner", target.owner, [](const std::string& owner) -> std::optional<std::string> {
    if (owner == "Custom") return std::nullopt;
    return owner == "ThirdParty" ? "Custom (ThirdParty is not supported by this version)" : "Custom";
  });
  const auto name = std::string(kAlphanumeric) + "_-";
  type.require("provider", target.provider, [&](const std::string& text) {
    return consists_of(text, name, 35) ? std::nullopt
                                       : std::optional<std::string>("1 to 35 letters, digits, \"_\" and \"-\"");
  });
  type.require("version", target.version, [&](const std::string& text) {
    return consists_of(text, name, 9) ? std::nullopt
                                      : std::optional<std::string>("1 to 9 letters, digits, \"_\" and \"-\"");
  });
  type.finish();
}

bool is_scp_like(std::string_view text) {
  const auto at = text.find('@');
  const auto colon = text.find(':');
  return at != std::string_view::npos && at > 0 && colon != std::string_view::npos && colon > at + 1 &&
         text.find('/') > at && colon + 1 < text.size() && text.find_first_of(" \t\n\\") == std::string_view::npos &&
         text.front() != '-';
}

// Reports what git must not be given.
void check_remote(Section& worker, const Settings& settings, const Worker& target) {
  const auto& remote = target.remote;
  if (remote.empty() || remote.starts_with('{') || is_scp_like(remote)) return;
  const auto url = parse_url(remote);
  if (url && url->has_user && (url->has_password || url->scheme != "ssh")) {
    worker.problem("remote",
                   "expected a URL without user information, found some (not shown); what logs in belongs under "
                   "credentials, as a reference");
    return;
  }
  if (remote.starts_with('/') || (url && url->scheme == "file")) {
    if (!settings.git.allow_file_protocol) {
      worker.problem("remote", "expected https:// or ssh://, found " + in_quotes(remote) +
                                   "; local repositories need git.allowFileProtocol: true");
    }
    return;
  }
  if (!url || (url->scheme != "https" && url->scheme != "ssh" && url->scheme != "http")) {
    worker.problem("remote",
                   "expected a URL such as https://dev.azure.com/{Organization}/{Project}/_git/{Repo}, "
                   "ssh://host/path or git@host:path, found " +
                       in_quotes(remote));
    return;
  }
  if (url->scheme == "http" && !target.credentials.empty() && !is_loopback_host(url->host)) {
    worker.problem("remote", "expected https:// or ssh:// because credentials are sent, found " + in_quotes(remote));
  }
}

void load_worker_credentials(Section& worker, const Settings& settings, Worker& target) {
  worker.read("credentials", target.credentials);
  if (target.credentials.empty()) return;
  std::vector<std::string> names;
  for (const auto& credential : settings.credentials) names.push_back(credential.name);
  if (std::find(names.begin(), names.end(), target.credentials) != names.end()) return;
  const auto nearest = nearest_name(target.credentials, names);
  worker.problem("credentials", "expected a name under credentials, found " + in_quotes(target.credentials) +
                                    (nearest ? "; did you mean " + in_quotes(*nearest) + "?" : ""));
}

void load_query_param(Section& worker, Worker& target) {
  const auto* value = worker.take("queryParam");
  if (value == nullptr) return;
  if (value->kind != YamlNode::Kind::kMapping || value->entries.size() != 1) {
    worker.problem("queryParam",
                   "expected a mapping with one key, found " + (value->kind == YamlNode::Kind::kMapping
                                                                    ? std::to_string(value->entries.size()) + " keys"
                                                                    : kind_of(*value)));
    return;
  }
  auto section = worker.section("queryParam");
  const auto& entry = value->entries.front();
  auto& values = target.query_param[entry.key];
  const auto check = [](const std::string& text) {
    return consists_of(text, std::string(kAlphanumeric) + "_-", 50)
               ? std::nullopt
               : std::optional<std::string>("1 to 50 letters, digits, \"_\" and \"-\"");
  };
  if (entry.value->kind == YamlNode::Kind::kScalar) {
    section.read(entry.key, values.emplace_back(), check);
  } else {
    section.read_list(entry.key, values, check);
    if (values.empty()) section.problem(entry.key, "expected at least one value, found none");
  }
  section.finish();
}

void load_worker(Section worker, Settings& settings) {
  Worker target;
  if (worker.has("actionType")) {
    load_action_type(worker.section("actionType"), target.action_type);
  } else {
    worker.ignore({"actionType"});
    worker.problem("actionType", "expected a mapping with category, owner, provider and version, found nothing");
  }
  worker.read("handler", target.handler, [](const std::string& handler) -> std::optional<std::string> {
    if (handler == "git-source") return std::nullopt;
    const bool later = handler == "command" || handler == "cloudformation";
    return std::string("git-source") + (later ? " (other handlers are not supported by this version)" : "");
  });
  worker.not_supported("command");
  if (target.action_type.category != "Source" && !target.action_type.category.empty() &&
      target.handler == "git-source" && (!worker.has("handler") || worker.take("handler")->scalar == "git-source")) {
    worker.problem("handler", "expected category Source for the handler git-source, found " +
                                  in_quotes(target.action_type.category));
  }
  load_worker_credentials(worker, settings, target);
  worker.require("remote", target.remote);
  check_remote(worker, settings, target);
  worker.read("branch", target.branch, expect_some_text);
  std::string revision = "pushed";
  worker.read_choice("revision", revision, {"pushed", "head"});
  target.revision = revision == "head" ? Worker::Revision::kHead : Worker::Revision::kPushed;
  worker.read_integer("concurrency", target.concurrency, 1, 256);
  worker.read_duration("timeout", target.timeout, seconds(1), hours(24));
  auto interval = worker.section("pollInterval");
  interval.read_duration("idle", target.poll_idle, milliseconds(100), hours(1));
  interval.read_duration("busy", target.poll_busy, milliseconds(100), hours(1));
  interval.finish();
  load_query_param(worker, target);

  auto artifact = worker.section("artifact");
  artifact.read_integer("compression", target.compression, 0, 12);
  artifact.read("subdirectory", target.subdirectory, [](const std::string& text) -> std::optional<std::string> {
    const auto parts = split(text, '/');
    const bool leaves = text.starts_with('/') || std::find(parts.begin(), parts.end(), "..") != parts.end();
    return leaves ? std::optional<std::string>("a folder inside the repository") : std::nullopt;
  });
  artifact.not_supported("submodules", "none");
  artifact.not_supported("lfs", "false");
  artifact.not_supported("gitMetadata", "false");
  artifact.finish();

  const auto& type = target.action_type;
  const bool repeated = std::any_of(settings.workers.begin(), settings.workers.end(), [&](const Worker& other) {
    return other.action_type.category == type.category && other.action_type.provider == type.provider &&
           other.action_type.version == type.version && other.query_param == target.query_param;
  });
  if (repeated && !type.provider.empty()) {
    worker.problem("actionType", "expected one worker for each action type, found " +
                                     in_quotes(type.category + "/" + type.provider + "/" + type.version) + " again");
  }
  worker.finish();
  settings.workers.push_back(std::move(target));
}

}  // namespace

void load_credentials(Section& root, Settings& settings) {
  root.for_each_entry("credentials", [&](const std::string& name, Section section) {
    Credential credential{name, PatCredential{}};
    std::string type;
    section.read_choice("type", type, {"PAT", "SSH_KEY", "ENTRA"});
    if (!section.has("type")) {
      section.problem("type", "expected one of \"PAT\", \"SSH_KEY\", \"ENTRA\", found nothing");
    }
    if (type == "PAT") {
      credential.value = PatCredential{section.require_secret("token")};
    } else if (type == "SSH_KEY") {
      SshKeyCredential key;
      key.private_key = section.require_secret("privateKey");
      section.read("knownHosts", key.known_hosts, expect_some_text);
      credential.value = std::move(key);
    } else if (type == "ENTRA") {
      EntraCredential entra;
      section.require("tenantId", entra.tenant_id);
      section.require("clientId", entra.client_id);
      entra.client_secret = section.require_secret("clientSecret");
      credential.value = std::move(entra);
    }
    if (!type.empty()) section.finish();
    settings.credentials.push_back(std::move(credential));
  });
}

void load_workers(Section& root, Settings& settings) {
  root.for_each_item("workers", [&](Section worker) { load_worker(std::move(worker), settings); });
}

}  // namespace penstock::config
