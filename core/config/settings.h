// The configuration as the program uses it: typed, defaulted, validated. Each value knows where it came from.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/secret.h"
#include "core/base/time.h"

namespace penstock::config {

struct Tls {
  std::filesystem::path certificate, private_key;
  std::filesystem::path client_authorities;  // clients must show a certificate of one of these; empty = need not
};

struct Server {
  std::string listen_host = "127.0.0.1";
  int listen_port = 8443;   // 0 = any free one
  std::string listen_path;  // of a Unix socket, instead of host and port
  std::optional<Tls> tls;
  std::vector<std::string> trusted_proxies;  // CIDR
  bool proxy_protocol = false;               // trusted proxies begin each connection with a PROXY header
  std::string public_url;                    // no trailing slash; may be empty
  std::uint64_t max_body_bytes = 4u << 20;
  int max_connections = 10'000, max_connections_per_address = 2'000;
  std::chrono::milliseconds drain_timeout{60000};
};

struct History {
  std::filesystem::path database =
      "history.db";  // absolute, or relative to dataDirectory: Settings::history_database()
  std::chrono::milliseconds retention{90LL * 24 * 3600 * 1000};  // 0 = forever
};

struct Git {
  bool allow_file_protocol = false;
  std::uint64_t mirror_quota = 20ull << 30;
  std::filesystem::path certificate_authorities;  // PEM, for https; empty = the environment's or the system's
  std::string proxy;                              // empty = the environment's
};

struct Aws {
  std::optional<std::string> region, endpoint_url;
};

struct AuthenticationMethod {
  enum class Type { kBasic, kHeader, kHmac };
  Type type = Type::kBasic;
  std::string username;   // BASIC
  std::string name;       // HEADER: header name; HMAC: header name
  std::string algorithm;  // HMAC: sha1 | sha256 | sha512
  SecretReference secret;
};

struct Endpoint {
  std::string name;
  bool unauthenticated = false;
  std::vector<AuthenticationMethod> authentication;
  std::vector<std::string> allowed_ip_ranges;
};

// Where events of CodePipeline come from.
struct Events {
  std::vector<Endpoint> endpoints;
  std::string queue_url;  // of SQS; empty = none
};

struct Filter {
  std::string json_path;
  std::optional<std::string> match_equals, match_glob, match_regex, not_equals;
  std::optional<bool> exists;
};

// Globs. Includes are OR-ed, excludes win; at least one list is not empty.
struct PatternLists {
  std::vector<std::string> includes, excludes;
};

// What CodePipeline V2 calls a pull request filter: branches are those that it goes to.
struct PullRequestFilter {
  std::vector<std::string> events;  // OPEN, UPDATED, CLOSED; none = all
  std::optional<PatternLists> branches, file_paths;
};

// What CodePipeline V2 calls a push filter: tags alone, or branches and filePaths, of which there may be one. Or the
// other kind alone.
struct TriggerFilter {
  std::optional<PatternLists> branches, tags, file_paths;
  std::optional<PullRequestFilter> pull_request;
};

// Which pipeline a changed path belongs to: {name} in a path captures what {name} in the pipeline's name stands for.
struct Route {
  std::vector<std::string> paths;
  std::string target_pipeline;
};

// Where changed paths are read.
struct WebhookSource {
  std::string remote;
  std::vector<std::string> credentials;  // names, tried in this order; none = no login
};

// PutWebhook's `authentication` is mapped: GITHUB_HMAC to HMAC with X-Hub-Signature and sha1, IP to `unauthenticated`
// with `allowed_ip_ranges`, as AWS has it.
struct Webhook {
  std::string name, endpoint, target_pipeline, target_action;
  std::vector<Filter> filters;
  bool ignore_deletes = true;
  std::map<std::string, std::string> action_configuration, variables;
  std::vector<TriggerFilter> triggers;    // any of them; none = every ref, pull request and file
  std::vector<std::string> ignore_paths;  // globs
  std::vector<Route> routes;              // instead of target_pipeline
  std::optional<WebhookSource> source;    // absent = as the worker of the target action has it
  // Replaces the endpoint's for deliveries to this webhook; absent = the endpoint's. Present and empty only when
  // `unauthenticated`.
  std::optional<std::vector<AuthenticationMethod>> authentication;
  bool unauthenticated = false;
  std::vector<std::string> allowed_ip_ranges;  // besides the endpoint's
  std::string calendar;                        // a name in `calendars`; empty = at any time
};

// From `from` to `to`, in minutes since the day's beginning; `to` is the later and may lie in the next day.
struct CalendarHours {
  int from = 0, to = 0;
};
struct Calendar {
  std::string name;
  std::string time_zone;                           // of the system's zone data; whether it exists is not checked here
  std::array<std::vector<CalendarHours>, 7> open;  // Monday first; in order and disjoint within a day
  std::filesystem::path holiday_file;              // absolute, or relative to the working directory; empty = none
  std::vector<std::chrono::year_month_day> holidays;
  enum class WhenClosed { kPostpone, kSkip };
  WhenClosed when_closed = WhenClosed::kPostpone;
};

struct ActionType {
  std::string category, owner, provider, version;
};

// What an artifact holds, see docs/configuration.md.
struct Artifact {
  int compression = 6;
  std::string subdirectory;
  std::vector<std::string> include, exclude;  // globs
  enum class Submodules { kNone, kDirect, kRecursive };
  Submodules submodules = Submodules::kNone;
  std::map<std::string, std::string> submodule_hosts;  // "host[:port]" -> a name in `credentials`, empty = none
  bool lfs = false;
  bool git_metadata = false;
  bool export_ignore = false;
  bool refuse_outside_links = false, refuse_case_clashes = false;
};

// What the handler `command` runs.
struct Command {
  std::vector<std::string> argv;         // the first is an absolute path
  std::vector<std::string> environment;  // NAME (as the server has it) or NAME=value
  std::string user;                      // empty = the server's
  std::filesystem::path work_directory;  // empty = work/ in dataDirectory
  // 0 = no limit for the first two.
  std::uint64_t memory = 0;
  int processes = 1000;
  int files = 100'000;
  std::uint64_t output = 10ull << 30, input = 10ull << 30, log = 4u << 20;
  enum class WhenInterrupted { kRepeat, kFail };
  WhenInterrupted when_interrupted = WhenInterrupted::kRepeat;
  // The first job is answered at once, the jobs after it each after this time at the latest.
  bool details_first = false;
  std::chrono::milliseconds continue_after{5 * 60 * 1000};
};

// What the handler `cloudformation` needs.
struct CloudFormation {
  std::string template_bucket;  // for templates that do not fit into a request; empty = they are refused
};

struct Worker {
  ActionType action_type;
  std::string handler = "git-source";
  std::string remote;               // with {Key}
  std::string branch = "{Branch}";  // with {Key}
  // Names in `credentials`, tried in this order; none = no login.
  std::vector<std::string> credentials;
  enum class Revision { kPushed, kHead };
  Revision revision = Revision::kPushed;
  int concurrency = 4;
  std::chrono::milliseconds timeout{20 * 60 * 1000};
  std::chrono::milliseconds poll_idle{10000}, poll_busy{1000};
  std::map<std::string, std::vector<std::string>> query_param;
  Artifact artifact;
  std::vector<std::string> prime;  // remotes that are fetched when the program starts
  std::optional<Command> command;  // of the handler command
  CloudFormation cloudformation;   // of the handler cloudformation
};

// What a person fills in when an action of the type is added to a pipeline.
struct ThirdPartyProperty {
  std::string name, description;
  bool required = false;
  bool secret = false;  // never shown again
};

// An action type of our own that others put into their pipelines.
struct ThirdParty {
  Worker work;  // without what only Source actions have
  std::string signup_path;
  std::string confirmation_url;       // with {response}, perhaps {region}
  std::vector<SecretReference> keys;  // that client tokens are sealed with; the first seals, all open
  std::vector<ThirdPartyProperty> properties;
};

struct PatCredential {
  SecretReference token;
  bool operator==(const PatCredential&) const = default;
};
struct SshKeyCredential {
  SecretReference private_key;
  std::string known_hosts = "azure-devops";  // that word, or known_hosts lines, or file:PATH
  bool operator==(const SshKeyCredential&) const = default;
};
// How a service principal proves who it is.
struct EntraClientSecret {
  SecretReference secret;
  bool operator==(const EntraClientSecret&) const = default;
};
struct EntraCertificate {
  SecretReference pem;  // certificate and private key
  bool operator==(const EntraCertificate&) const = default;
};
struct EntraFederatedToken {
  std::filesystem::path file;  // read anew each time
  bool operator==(const EntraFederatedToken&) const = default;
};
struct EntraCredential {
  std::string tenant_id, client_id;
  std::string authority = "https://login.microsoftonline.com";  // no trailing slash
  std::variant<EntraClientSecret, EntraCertificate, EntraFederatedToken> proof;
  bool operator==(const EntraCredential&) const = default;
};
struct Credential {
  std::string name;
  std::variant<PatCredential, SshKeyCredential, EntraCredential> value;
  // As the person who made it was told; a certificate says it itself.
  std::optional<Timestamp> expires = std::nullopt;
  bool operator==(const Credential&) const = default;
};

// How the changed paths of a push are found out.
struct ChangedPaths {
  std::chrono::milliseconds timeout{30 * 60 * 1000};  // how long a trigger waits for them
  // What becomes of it then.
  enum class WhenUnknown { kStart, kFail };
  WhenUnknown when_unknown = WhenUnknown::kStart;
  // What a new branch is compared with: the commit that it shares with the default branch, or nothing.
  enum class NewBranch { kMergeBase, kAllFiles };
  NewBranch new_branch = NewBranch::kMergeBase;
};

struct AccessToken {
  std::string name;
  SecretReference token;  // or
  std::string sha256;     // its digest, as 64 hexadecimal digits
  std::vector<std::string> scopes;
};

// Whoever has `scope` may, or must not, send `http_verb` to what `resource` matches.
struct Permission {
  std::string scope, http_verb, resource;
  bool deny = false;
};

// An identity provider whose tokens are accepted.
struct JwtAccess {
  std::string issuer;
  std::vector<std::string> audiences;
  std::string jwks;  // URL, or file:PATH of a JWK set or PEM keys; empty = OpenID Connect discovery
  std::chrono::milliseconds keys_refresh{3'600'000}, keys_expire{86'400'000}, keys_timeout{5'000};
  std::vector<std::string> algorithms;                 // empty = all that are known
  std::string scope_claim;                             // empty = scp, scope and roles
  std::string token_pattern;                           // empty = what a signed token looks like
  std::optional<std::chrono::milliseconds> leeway;     // absent = 30 s for nbf and iat, none for exp
  std::chrono::milliseconds cache_ttl{300'000};        // 0 = none
  std::optional<std::vector<Permission>> permissions;  // absent = access.permissions, and the routes' own scopes
  std::vector<std::string> revoked_ids, revoked_subjects;
  int line = 0;      // where it stands, for what others check
  std::string path;  // "access.jwt" or "access.jwt[0]"
};

// Somebody with a password.
struct PersonAccess {
  std::string username, password_digest;
  std::vector<std::string> scopes;
  int line = 0;
  std::string path;
};

// Signing in with a browser, at an OpenID provider.
struct SignInAccess {
  std::string issuer, client_id;
  std::optional<SecretReference> client_secret;                   // absent = a public client
  std::vector<std::string> scopes{"openid", "profile", "email"};  // that the provider is asked for
  std::string scope_claim;                                        // of the ID token; empty = scp, scope and roles
  std::vector<std::string> everybody_has;                         // scopes of whoever signs in
  std::optional<std::vector<Permission>> permissions;             // as of JwtAccess
  std::chrono::milliseconds session_lifetime{8LL * 3600 * 1000};
  std::vector<std::string> revoked_subjects;
};

// What trusted proxies say of people whom they have authenticated.
struct ProxyAccess {
  std::string user_header, scopes_header;  // the second may be empty
  std::vector<std::string> everybody_has;
  std::optional<std::vector<Permission>> permissions;
};

struct Access {
  std::optional<SignInAccess> sign_in;
  std::optional<ProxyAccess> proxy;
  std::vector<AccessToken> tokens;
  std::vector<JwtAccess> jwt;
  std::vector<PersonAccess> basic;
  std::vector<Permission> permissions;
  std::vector<std::string> cors_origins;  // whose pages may call the API with a token
  bool public_metrics = false;            // GET /metrics needs no credential
};

struct LogSettings {
  std::string level = "info";   // debug | info | warning | error | off
  std::string format = "json";  // json | text
};

struct Settings {
  std::filesystem::path file;  // as given
  std::filesystem::path data_directory = "/var/lib/penstock";
  Server server;
  History history;
  Git git;
  Aws aws;
  std::vector<Endpoint> endpoints;
  std::vector<Calendar> calendars;
  std::vector<Webhook> webhooks;
  std::vector<Worker> workers;
  std::vector<ThirdParty> third_party;
  std::vector<Credential> credentials;
  ChangedPaths changed_paths;
  Events events;
  std::chrono::milliseconds unclaimed_job_timeout{300000};  // 0 = never
  // A cgroup v2 folder in which each command gets a group of its own: a path, "auto" (ours, when it is delegated),
  // "off".
  std::string control_group = "auto";
  // Of continuation tokens: what makes them instead of the data directory's own key, and what is accepted besides.
  std::optional<SecretReference> continuation_key, accepted_continuation_key;
  Access access;
  LogSettings log;

  std::filesystem::path history_database() const { return data_directory / history.database; }
};

// "FILE:LINE: key.path: what was expected, what was found".
struct Problem {
  int line = 0;  // 0 = the file as a whole
  std::string path, message;
  std::string to_string(const std::filesystem::path& file) const;
};

// One line of `penstock config`.
struct EffectiveValue {
  std::string path, value, source;  // source: "default", "FILE:LINE"
};

// What a pattern should have been, for "expected …, found …"; nothing when it is good.
using PatternCheck = std::function<std::optional<std::string>(const std::string&)>;

// Of `triggers`, `ignorePaths` and `routes`. Null: every text of a sane length is a pattern.
struct PatternChecks {
  PatternCheck ref = {}, path = {}, route = {};
};

struct LoadResult {
  Settings settings;  // meaningful only without problems
  std::vector<Problem> problems;
  std::vector<EffectiveValue> effective;  // secrets as their references
};

// Reads and validates everything; all problems are found in one go, in the order of their lines. Only an unreadable
// file throws. What belongs to other modules (globs, secrets that exist, files that can be read) is theirs to check.
LoadResult load(const std::filesystem::path& file, const PatternChecks& patterns = {});
// The same from text, for tests and fuzzing; never throws on any bytes.
LoadResult parse(std::string_view text, const std::filesystem::path& file, const PatternChecks& patterns = {});

}  // namespace penstock::config
