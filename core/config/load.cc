#include <algorithm>
#include <utility>

#include "core/base/files.h"
#include "core/base/text.h"
#include "core/config/loaders.h"
#include "core/config/section.h"
#include "core/config/settings.h"
#include "core/config/values.h"
#include "core/config/yaml.h"

namespace penstock::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::string_view kUnixPrefix = "unix:/";
constexpr std::size_t kMaxFileBytes = 8u << 20;  // parse() has the last word; this only bounds memory

std::optional<std::string> expect_http_url(const std::string& text) {
  const auto url = parse_url(text);
  if (url && (url->scheme == "https" || url->scheme == "http") && !url->has_user &&
      url->path.find_first_of("?#") == std::string::npos) {
    return std::nullopt;
  }
  return "an address such as https://penstock.example.com without user, query or fragment";
}

// A login in it would be a secret in the file; git takes one from the environment's proxy variables.
std::optional<std::string> expect_proxy(const std::string& text) {
  static const std::vector<std::string> kSchemes = {"http", "https", "socks5", "socks5h"};
  const auto url = parse_url(text);
  if (url && std::find(kSchemes.begin(), kSchemes.end(), url->scheme) != kSchemes.end() && !url->has_user &&
      (url->path.empty() || url->path == "/")) {
    return std::nullopt;
  }
  return url && url->has_user
             ? "a proxy without user information (not shown; a proxy that wants a login belongs into the environment "
               "variable HTTPS_PROXY)"
             : "a proxy such as http://proxy.example.com:3128 or socks5h://127.0.0.1:1080";
}

// Signing in comes back to an address that browsers reach; what proxies say is believed of those that are named.
void check_browser_access(Section& root, const Settings& settings) {
  if (settings.access.sign_in) {
    const std::string& url = settings.server.public_url;
    const auto parsed = parse_url(url);
    const bool is_open = parsed && parsed->scheme != "https" && !is_loopback_host(parsed->host);
    if (url.empty() || is_open) {
      root.section("access").problem("signIn", std::string("needs server.publicUrl, ") +
                                                   (url.empty() ? "which is not set" : "and that with https"));
    }
  }
  if (settings.access.proxy && settings.server.trusted_proxies.empty()) {
    root.section("access").problem("proxy", "needs server.trustedProxies: nobody else's word is taken");
  }
}

void load_server(Section server, Server& target) {
  std::string listen =
      (target.listen_host.find(':') == std::string::npos ? target.listen_host : "[" + target.listen_host + "]") + ":" +
      std::to_string(target.listen_port);
  server.read("listen", listen, [](const std::string& text) {
    const bool is_path = text.starts_with(kUnixPrefix) && text.size() > kUnixPrefix.size() + 1;
    return is_path || parse_listen(text)
               ? std::nullopt
               : std::optional<std::string>(
                     "an address such as 0.0.0.0:8443, [::1]:8443, :8443 or unix:/run/penstock.sock");
  });
  if (listen.starts_with(kUnixPrefix)) {
    target.listen_path = listen.substr(kUnixPrefix.size() - 1);
  } else if (auto address = parse_listen(listen)) {
    target.listen_host = std::move(address->host);
    target.listen_port = address->port;
  }
  if (server.has("tls")) {
    auto tls = server.section("tls");
    std::string certificate, private_key;
    tls.require("certificate", certificate);
    tls.require("privateKey", private_key);
    std::string client_authorities;
    tls.read("clientAuthorities", client_authorities, expect_some_text);
    tls.finish();
    target.tls = Tls{certificate, private_key, client_authorities};
  } else {
    server.ignore({"tls"});
  }
  server.read_list("trustedProxies", target.trusted_proxies, expect_ip_range);
  server.read("proxyProtocol", target.proxy_protocol);
  if (target.proxy_protocol && target.trusted_proxies.empty()) {
    server.problem("proxyProtocol", "expected the proxies' addresses in server.trustedProxies, found none");
  }
  server.read("publicUrl", target.public_url, expect_http_url);
  while (target.public_url.ends_with('/')) target.public_url.pop_back();
  server.read_bytes("maxBodyBytes", target.max_body_bytes, 1u << 10, 64u << 20);
  server.read_integer("maxConnections", target.max_connections, 16, 1'000'000);
  server.read_integer("maxConnectionsPerAddress", target.max_connections_per_address, 1, 1'000'000);
  server.read_duration("drainTimeout", target.drain_timeout, milliseconds(0), hours(24));
  server.finish();
}

void load_history(Section history, History& target) {
  std::string database = target.database.string();
  if (const auto* value = history.take("database");
      value != nullptr && (value->scalar.starts_with("postgres://") || value->scalar.starts_with("postgresql://"))) {
    // Not shown: such a URL may hold a password.
    history.problem("database", "PostgreSQL is not supported by this version; expected the path of a file");
  } else {
    history.read("database", database, expect_some_text);
  }
  target.database = database;
  history.read_duration("retention", target.retention, milliseconds(0), hours(24 * 3650));
  if (target.retention.count() > 0 && target.retention < minutes(1)) {
    history.problem("retention",
                    "expected 0 (for ever) or at least 1m, found " + in_quotes(format_duration(target.retention)));
  }
  history.finish();
}

void load_continuation_keys(Section& root, Settings& settings) {
  root.ignore({"continuationKey", "acceptedContinuationKey"});
  if (root.has("continuationKey")) settings.continuation_key = root.require_secret("continuationKey");
  if (root.has("acceptedContinuationKey"))
    settings.accepted_continuation_key = root.require_secret("acceptedContinuationKey");
}

void load_root(Section& root, Settings& settings, const PatternChecks& patterns) {
  std::string data_directory = settings.data_directory.string();
  root.read("dataDirectory", data_directory, expect_some_text);
  settings.data_directory = data_directory;
  load_server(root.section("server"), settings.server);
  load_history(root.section("history"), settings.history);

  auto git = root.section("git");
  git.read("allowFileProtocol", settings.git.allow_file_protocol);
  git.read_bytes("mirrorQuota", settings.git.mirror_quota, 1u << 20, std::uint64_t{1} << 50);
  std::string authorities;
  git.read("certificateAuthorities", authorities, expect_some_text);
  settings.git.certificate_authorities = authorities;
  git.read("proxy", settings.git.proxy, expect_proxy);
  git.finish();

  auto aws = root.section("aws");
  aws.read("region", settings.aws.region, [](const std::string& text) {
    return consists_of(text, "abcdefghijklmnopqrstuvwxyz0123456789-", 40)
               ? std::nullopt
               : std::optional<std::string>("a region such as eu-central-1");
  });
  aws.read("endpointUrl", settings.aws.endpoint_url, expect_http_url);
  aws.finish();

  load_endpoints(root, settings);
  load_calendars(root, settings);
  load_credentials(root, settings);
  load_webhooks(root, settings, patterns);
  load_workers(root, settings);
  load_third_party(root, settings);
  load_changed_paths(root.section("changedPaths"), settings.changed_paths);
  root.read_duration("unclaimedJobTimeout", settings.unclaimed_job_timeout, milliseconds(0), hours(24 * 7));
  root.read("controlGroup", settings.control_group, [](const std::string& text) {
    return text == "auto" || text == "off" || text.starts_with('/')
               ? std::nullopt
               : std::optional<std::string>("auto, off, or the absolute path of a cgroup v2 folder");
  });
  load_continuation_keys(root, settings);
  load_events(root.section("events"), settings.events);
  load_access(root.section("access"), settings.access);
  check_browser_access(root, settings);

  auto log = root.section("log");
  log.read_choice("level", settings.log.level, {"debug", "info", "warning", "error", "off"});
  log.read_choice("format", settings.log.format, {"json", "text"});
  log.finish();

  root.finish();
}

}  // namespace

std::optional<std::string> expect_some_text(const std::string& text) {
  return text.empty() ? std::optional<std::string>("a text that is not empty") : std::nullopt;
}

std::optional<std::string> expect_ip_range(const std::string& text) {
  return is_ip_range(text) ? std::nullopt
                           : std::optional<std::string>("an address range such as 10.0.0.0/8 or 2001:db8::/32");
}

std::optional<std::string> expect_aws_name(const std::string& text) {
  return is_aws_name(text)
             ? std::nullopt
             : std::optional<std::string>("a name of 1 to 100 letters, digits and \".\", \"@\", \"-\", \"_\"");
}

std::string Problem::to_string(const std::filesystem::path& file) const {
  std::string text = file.string();
  if (line > 0) text += ":" + std::to_string(line);
  text += ": ";
  if (!path.empty()) text += path + ": ";
  return text + message;
}

LoadResult parse(std::string_view text, const std::filesystem::path& file, const PatternChecks& patterns) {
  LoadResult result;
  result.settings.file = file;
  Report report(file);
  auto yaml = parse_yaml(text);
  for (auto& problem : yaml.problems) {
    report.add_problem(problem.line, std::move(problem.path), std::move(problem.message));
  }
  if (yaml.root != nullptr && yaml.root->kind == YamlNode::Kind::kMapping) {
    Section root(report, yaml.root.get(), yaml.root->line, "");
    load_root(root, result.settings, patterns);
  } else if (yaml.problems.empty()) {
    report.add_problem(
        yaml.root == nullptr ? 0 : yaml.root->line, "",
        yaml.root == nullptr || yaml.root->kind == YamlNode::Kind::kNull
            ? "expected a mapping with keys such as \"server\" and \"endpoints\", found an empty file"
            : "expected a mapping with keys such as \"server\" and \"endpoints\", found " + kind_of(*yaml.root));
  }
  result.problems = report.take_problems();
  result.effective = report.take_values();
  return result;
}

LoadResult load(const std::filesystem::path& file, const PatternChecks& patterns) {
  return parse(read_file(file, kMaxFileBytes), file, patterns);
}

}  // namespace penstock::config
