// Addresses of repositories, and the credentials that log in there.

#include <algorithm>

#include "core/base/text.h"
#include "core/config/loaders.h"
#include "core/config/values.h"

namespace penstock::config {
namespace {

bool is_scp_like(std::string_view text) {
  const auto at = text.find('@');
  const auto colon = text.find(':');
  return at != std::string_view::npos && at > 0 && colon != std::string_view::npos && colon > at + 1 &&
         text.find('/') > at && colon + 1 < text.size() && text.find_first_of(" \t\n\\") == std::string_view::npos &&
         text.front() != '-';
}

std::string type_of(const Credential& credential) {
  struct Visitor {
    std::string operator()(const PatCredential&) const { return "PAT"; }
    std::string operator()(const SshKeyCredential&) const { return "SSH_KEY"; }
    std::string operator()(const EntraCredential&) const { return "ENTRA"; }
  };
  return std::visit(Visitor{}, credential.value);
}

// One name or a list of them.
void load_names(Section& section, const Settings& settings, std::vector<std::string>& target) {
  const auto* value = section.take("credentials");
  std::vector<std::string> names;
  if (value != nullptr && value->kind == YamlNode::Kind::kSequence) {
    section.read_list("credentials", names);
    if (value->items.empty()) section.problem("credentials", "expected at least one name, found an empty list");
  } else if (value == nullptr || value->kind == YamlNode::Kind::kScalar) {
    std::string name;
    section.read("credentials", name);
    if (!name.empty()) names.push_back(name);
  } else {
    section.problem("credentials", "expected a name or a list of names, found " + kind_of(*value));
  }
  std::vector<std::string> known;
  for (const auto& credential : settings.credentials) known.push_back(credential.name);
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const auto nearest = nearest_name(name, known);
      section.problem("credentials", "expected a name under credentials, found " + in_quotes(name) +
                                         (nearest ? "; did you mean " + in_quotes(*nearest) + "?" : ""));
    } else if (std::find(target.begin(), target.end(), name) != target.end()) {
      section.problem("credentials", "expected each name once, found " + in_quotes(name) + " again");
    } else {
      target.push_back(name);
    }
  }
}

// Reports credentials that cannot log in where the remote is; what {Key} begins is known only when a job runs.
void check_types(Section& section, const Settings& settings, const std::string& remote,
                 const std::vector<std::string>& names) {
  const auto url = parse_url(remote);
  const bool is_ssh = is_scp_like(remote) || (url && url->scheme == "ssh");
  const bool is_http = url && (url->scheme == "https" || url->scheme == "http");
  if (remote.starts_with('{') || (!is_ssh && !is_http)) return;
  for (const Credential& credential : settings.credentials) {
    if (std::find(names.begin(), names.end(), credential.name) == names.end()) continue;
    if (std::holds_alternative<SshKeyCredential>(credential.value) == is_ssh) continue;
    section.problem("credentials", std::string("expected ") +
                                       (is_ssh ? "credentials of type SSH_KEY for an ssh address"
                                               : "credentials of type PAT or ENTRA for an https address") +
                                       ", found " + in_quotes(credential.name) + " of type " + type_of(credential));
  }
}

}  // namespace

void check_remote(Section& section, std::string_view key, const std::string& remote, const Settings& settings,
                  const std::vector<std::string>& credentials) {
  if (remote.empty() || remote.starts_with('{') || is_scp_like(remote)) return;
  const auto url = parse_url(remote);
  if (url && url->has_user && (url->has_password || url->scheme != "ssh")) {
    section.problem(key,
                    "expected a URL without user information, found some (not shown); what logs in belongs under "
                    "credentials, as a reference");
    return;
  }
  if (remote.starts_with('/') || (url && url->scheme == "file")) {
    if (!settings.git.allow_file_protocol) {
      section.problem(key, "expected https:// or ssh://, found " + in_quotes(remote) +
                               "; local repositories need git.allowFileProtocol: true");
    }
    return;
  }
  if (!url || (url->scheme != "https" && url->scheme != "ssh" && url->scheme != "http")) {
    section.problem(key,
                    "expected a URL such as https://dev.azure.com/{Organization}/{Project}/_git/{Repo}, "
                    "ssh://host/path or git@host:path, found " +
                        in_quotes(remote));
    return;
  }
  if (url->scheme == "http" && !credentials.empty() && !is_loopback_host(url->host)) {
    section.problem(key, "expected https:// or ssh:// because credentials are sent, found " + in_quotes(remote));
  }
}

void load_remote(Section& section, const Settings& settings, std::string& remote,
                 std::vector<std::string>& credentials) {
  load_names(section, settings, credentials);
  section.require("remote", remote);
  check_remote(section, "remote", remote, settings, credentials);
  check_types(section, settings, remote, credentials);
}

}  // namespace penstock::config
