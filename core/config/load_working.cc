// Workers, and the credentials with which they fetch.

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/base/time.h"
#include "core/config/loaders.h"
#include "core/config/values.h"

namespace penstock::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

void load_action_type(Section type, ActionType& target, const std::string& expected_owner) {
  type.read_choice("category", target.category, {"Source", "Build", "Deploy", "Test", "Invoke"});
  if (!type.has("category")) {
    type.problem("category", "expected one of \"Source\", \"Build\", \"Deploy\", \"Test\", \"Invoke\", found nothing");
  }
  target.owner = expected_owner;
  type.read("owner", target.owner, [&](const std::string& owner) -> std::optional<std::string> {
    if (owner == expected_owner) return std::nullopt;
    return owner == "ThirdParty" ? "Custom (actions of others are configured under thirdParty)" : expected_owner;
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

bool read_is_refused(Section& artifact, std::string_view key) {
  std::string choice = "keep";
  artifact.read_choice(key, choice, {"keep", "refuse"});
  return choice == "refuse";
}

void load_artifact(Section artifact, const Settings& settings, Artifact& target) {
  artifact.read_integer("compression", target.compression, 0, 12);
  artifact.read("subdirectory", target.subdirectory, [](const std::string& text) -> std::optional<std::string> {
    const auto parts = split(text, '/');
    const bool leaves = text.starts_with('/') || std::find(parts.begin(), parts.end(), "..") != parts.end();
    return leaves ? std::optional<std::string>("a folder inside the repository") : std::nullopt;
  });
  artifact.read_list("include", target.include, expect_some_text);
  artifact.read_list("exclude", target.exclude, expect_some_text);
  std::string submodules = "none";
  artifact.read_choice("submodules", submodules, {"none", "direct", "recursive"});
  if (submodules == "direct") target.submodules = Artifact::Submodules::kDirect;
  if (submodules == "recursive") target.submodules = Artifact::Submodules::kRecursive;
  artifact.read_map(
      "submoduleHosts", target.submodule_hosts, [](const std::string& host) -> std::optional<std::string> {
        const bool is_host = !host.empty() && host.find_first_of("/@ ") == std::string::npos && host == to_lower(host);
        return is_host ? std::nullopt : std::optional<std::string>("a host in lower case, or host:port");
      });
  for (const auto& [host, name] : target.submodule_hosts) {
    const bool known = std::any_of(settings.credentials.begin(), settings.credentials.end(),
                                   [&](const Credential& credential) { return credential.name == name; });
    if (name.empty() || known) continue;
    artifact.problem("submoduleHosts", "expected for " + in_quotes(host) +
                                           " a name under credentials or \"\" for none, found " + in_quotes(name));
  }
  artifact.read("lfs", target.lfs);
  artifact.read("gitMetadata", target.git_metadata);
  artifact.read("exportIgnore", target.export_ignore);
  target.refuse_outside_links = read_is_refused(artifact, "outsideLinks");
  target.refuse_case_clashes = read_is_refused(artifact, "caseClashes");
  const bool partial =
      !target.subdirectory.empty() || !target.include.empty() || !target.exclude.empty() || target.export_ignore;
  if (target.git_metadata && partial) {
    artifact.problem("gitMetadata",
                     "expected false together with subdirectory, include, exclude or exportIgnore, because git would "
                     "report all that is left out as deleted; found true");
  }
  artifact.finish();
}

void load_git_source(Section& worker, const Settings& settings, Worker& target) {
  load_remote(worker, settings, target.remote, target.credentials);
  worker.read_list("prime", target.prime, [](const std::string& remote) {
    const bool is_whole = !remote.empty() && remote.find('{') == std::string::npos;
    return is_whole ? std::nullopt : std::optional<std::string>("a repository's whole address, without {Key}");
  });
  for (const std::string& remote : target.prime) check_remote(worker, "prime", remote, settings, target.credentials);
  worker.read("branch", target.branch, expect_some_text);
  std::string revision = "pushed";
  worker.read_choice("revision", revision, {"pushed", "head"});
  target.revision = revision == "head" ? Worker::Revision::kHead : Worker::Revision::kPushed;
  load_artifact(worker.section("artifact"), settings, target.artifact);
}

}  // namespace

void load_work(Section& worker, const Settings& settings, const std::string& owner, Worker& target) {
  if (worker.has("actionType")) {
    load_action_type(worker.section("actionType"), target.action_type, owner);
  } else {
    worker.ignore({"actionType"});
    worker.problem("actionType", "expected a mapping with category, owner, provider and version, found nothing");
  }
  const bool is_own = owner == "Custom";
  worker.read("handler", target.handler, [&](const std::string& handler) -> std::optional<std::string> {
    const bool known = (handler == "git-source" && is_own) || handler == "command" || handler == "cloudformation";
    return known ? std::nullopt
                 : std::optional<std::string>(is_own ? "git-source, command or cloudformation"
                                                     : "command or cloudformation");
  });
  if (target.action_type.category != "Source" && !target.action_type.category.empty() &&
      target.handler == "git-source" && (!worker.has("handler") || worker.take("handler")->scalar == "git-source")) {
    worker.problem("handler", "expected category Source for the handler git-source, found " +
                                  in_quotes(target.action_type.category));
  }
  if (target.handler == "git-source") load_git_source(worker, settings, target);
  if (target.handler == "command") {
    if (!worker.has("command")) worker.problem("command", "expected a mapping with argv, found nothing");
    target.command = load_command(worker.section("command"));
  }
  if (target.handler == "cloudformation") {
    Section block = worker.section("cloudformation");
    block.read("templateBucket", target.cloudformation.template_bucket, [](const std::string& bucket) {
      const bool is_bucket = bucket.size() >= 3 && consists_of(bucket, std::string(kAlphanumeric) + ".-", 63);
      return is_bucket ? std::nullopt : std::optional<std::string>("the name of an S3 bucket");
    });
    block.finish();
  }
  worker.read_integer("concurrency", target.concurrency, 1, 256);
  worker.read_duration("timeout", target.timeout, seconds(1), hours(24));
  auto interval = worker.section("pollInterval");
  interval.read_duration("idle", target.poll_idle, milliseconds(100), hours(1));
  interval.read_duration("busy", target.poll_busy, milliseconds(100), hours(1));
  interval.finish();
}

namespace {

void load_worker(Section worker, Settings& settings) {
  Worker target;
  load_work(worker, settings, "Custom", target);
  load_query_param(worker, target);

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

std::optional<std::string> expect_tenant(const std::string& text) {
  static const std::vector<std::string> kOfEverybody = {"common", "organizations", "consumers"};
  const bool everybody = std::find(kOfEverybody.begin(), kOfEverybody.end(), to_lower(text)) != kOfEverybody.end();
  return !everybody && consists_of(text, std::string(kAlphanumeric) + ".-", 253)
             ? std::nullopt
             : std::optional<std::string>("the tenant's GUID or domain");
}

std::optional<std::string> expect_authority(const std::string& text) {
  const auto url = parse_url(text);
  const bool good = url && !url->has_user && (url->path.empty() || url->path == "/") &&
                    (url->scheme == "https" || (url->scheme == "http" && is_loopback_host(url->host)));
  return good ? std::nullopt
              : std::optional<std::string>(
                    "an https address without path such as https://login.microsoftonline.com, "
                    "https://login.microsoftonline.us or https://login.partner.microsoftonline.cn");
}

EntraCredential load_entra(Section& section) {
  EntraCredential entra;
  section.require("tenantId", entra.tenant_id, expect_tenant);
  section.require("clientId", entra.client_id);
  section.read("authority", entra.authority, expect_authority);
  while (entra.authority.ends_with('/')) entra.authority.pop_back();

  constexpr const char* kProofs[] = {"clientSecret", "certificate", "federatedTokenFile"};
  std::vector<std::string> found;
  for (const char* key : kProofs) {
    section.ignore({key});
    if (section.has(key)) found.emplace_back(key);
  }
  if (found.size() != 1) {
    std::string list;
    for (const std::string& key : found) list += (list.empty() ? "" : " and ") + key;
    section.problem(found.empty() ? "clientSecret" : found.back(),
                    "expected exactly one of clientSecret, certificate and federatedTokenFile, found " +
                        (found.empty() ? "none" : list));
    // Literal secrets must be told even then.
    for (const std::string& key : found) {
      if (key != "federatedTokenFile") section.require_secret(key);
    }
  } else if (found.front() == "clientSecret") {
    entra.proof = EntraClientSecret{section.require_secret("clientSecret")};
  } else if (found.front() == "certificate") {
    entra.proof = EntraCertificate{section.require_secret("certificate")};
  } else {
    const auto* value = section.take("federatedTokenFile");
    std::string file;
    if (value->kind == YamlNode::Kind::kScalar && value->scalar.find('/') == std::string::npos) {
      // Perhaps the token itself, which has none.
      section.problem("federatedTokenFile", "expected the path of a file, found a text without \"/\" (not shown)");
    } else {
      section.require("federatedTokenFile", file);
    }
    entra.proof = EntraFederatedToken{file};
  }
  return entra;
}

void load_expiry(Section& section, Credential& credential) {
  if (!section.has("expires")) {
    section.ignore({"expires"});
    return;
  }
  const auto* entra = std::get_if<EntraCredential>(&credential.value);
  if (entra != nullptr && !std::holds_alternative<EntraClientSecret>(entra->proof)) {
    section.take("expires");
    section.problem("expires", std::holds_alternative<EntraCertificate>(entra->proof)
                                   ? "is read from the certificate itself; remove it"
                                   : "a federated token is renewed by who writes its file; remove it");
    return;
  }
  std::string text;
  section.require("expires", text, [](const std::string& value) {
    return parse_date_or_time(value)
               ? std::nullopt
               : std::optional<std::string>("a date such as 2027-01-31 or a time such as 2027-01-31T12:00:00Z");
  });
  credential.expires = parse_date_or_time(text);
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
      credential.value = load_entra(section);
    }
    if (!type.empty()) {
      load_expiry(section, credential);
      section.finish();
    }
    settings.credentials.push_back(std::move(credential));
  });
}

void load_workers(Section& root, Settings& settings) {
  root.for_each_item("workers", [&](Section worker) { load_worker(std::move(worker), settings); });
}

}  // namespace penstock::config
