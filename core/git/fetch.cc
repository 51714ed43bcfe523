#include "core/git/fetch.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/git/command.h"
#include "core/git/progress.h"

namespace penstock::git {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxTags = 200'000;
constexpr std::size_t kMaxTagLineBytes = 64u << 10;

std::string_view protocol_of(const Remote& remote) noexcept {
  switch (remote.scheme) {
    case Scheme::kHttps:
      return "https";
    case Scheme::kHttp:
      return "http";
    case Scheme::kSsh:
      return "ssh";
    case Scheme::kFile:
      return "file";
  }
  return "";
}

// What must not be seen in what git prints: the header's value and the token in it.
std::vector<std::string> secrets_of(const Credential& credential) {
  std::vector<std::string> secrets;
  if (const auto* header = std::get_if<HttpHeaderCredential>(&credential)) {
    const std::string_view value = header->authorization.reveal();
    secrets.emplace_back(value);
    if (const auto space = value.find(' '); space != std::string_view::npos)
      secrets.emplace_back(trim(value.substr(space)));
  }
  return secrets;
}

void copy_environment(std::map<std::string, std::string>& environment, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const char* value = std::getenv(name); value != nullptr) environment[name] = value;
  }
}

// Empty when it is not where Debian and its children have it.
std::string certificate_file(const Mirrors::Options& options) {
  static constexpr const char* kSystemFile = "/etc/ssl/certs/ca-certificates.crt";
  if (!options.certificate_authorities.empty()) return options.certificate_authorities;
  std::error_code ignored;
  return std::filesystem::exists(kSystemFile, ignored) ? kSystemFile : "";
}

}  // namespace

void check_remote_policy(const Remote& remote, const Credential& credential, const Mirrors::Options& options) {
  const auto refuse = [&](const std::string& cause, std::string code = "") {
    throw Error(ErrorKind::kConfiguration, "fetching " + in_quotes(remote.for_git()) + ": " + cause)
        .with_code(std::move(code));
  };
  constexpr const char* kUnsuitable = "CredentialUnsuitable";  // another one may fit
  const bool has_header = std::holds_alternative<HttpHeaderCredential>(credential);
  const bool has_key = std::holds_alternative<SshKeyCredential>(credential);
  switch (remote.scheme) {
    case Scheme::kHttps:
      if (has_key) refuse("an SSH key cannot log in over https; use a token, or the ssh address", kUnsuitable);
      return;
    case Scheme::kSsh:
      if (has_header) refuse("a token cannot log in over ssh; use an SSH key, or the https address", kUnsuitable);
      if (!has_key) refuse("an ssh address needs a credential of the type SSH_KEY");
      return;
    case Scheme::kHttp:
      if (has_key) refuse("an SSH key cannot log in over http", kUnsuitable);
      if (is_loopback(remote.host)) return;
      if (has_header) refuse("credentials are sent over https only, over plain http to loopback addresses only");
      if (!options.allow_file_protocol) refuse("plain http is only allowed to loopback addresses; use https");
      return;
    case Scheme::kFile:
      if (!options.allow_file_protocol) refuse("local repositories are not allowed (`git.allowFileProtocol`)");
      return;
  }
}

Fetcher::Fetcher(const Mirrors::Options& options, const FetchRequest& request, const Remote& remote,
                 std::chrono::steady_clock::time_point deadline)
    : options_(options), request_(request), remote_(remote), deadline_(deadline) {
  check_remote_policy(remote, request.credential, options);
  if (const auto* key = std::get_if<SshKeyCredential>(&request.credential))
    ssh_.emplace(key->private_key, key->known_hosts);
  if (const auto* header = std::get_if<HttpHeaderCredential>(&request.credential)) {
    const std::string_view value = header->authorization.reveal();
    if (value.empty() || value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
      throw Error(ErrorKind::kConfiguration,
                  "fetching " + in_quotes(remote.for_git()) + ": the credential is empty or has a line break in it");
  }
}

ProcessOptions Fetcher::process_options(const std::filesystem::path& mirror) const {
  ProcessOptions process;
  process.environment = git_environment(mirror);
  process.working_directory = mirror;

  GitSettings settings;
  settings.set("protocol.allow", "never");
  settings.set("protocol." + std::string(protocol_of(remote_)) + ".allow", "always");
  settings.set("core.hooksPath", "/dev/null");
  settings.set("core.fsmonitor", "false");
  settings.set("core.askPass", "");
  settings.set("credential.helper", "");
  settings.set("gc.auto", "0");
  settings.set("maintenance.auto", "false");
  settings.set("fetch.writeCommitGraph", "false");
  settings.set("fetch.recurseSubmodules", "false");
  settings.set("submodule.recurse", "false");
  // Not fetch.fsckObjects: many an old and honest history fails it (zero-padded modes, missing author mails), pack
  // checksums and object names are verified in any case, and the names in trees are judged where they are read.
  settings.set("fetch.unpackLimit", "1");  // always a pack, see Snapshot::State::open_objects
  // A mirror is a cache: what a power failure breaks is fetched anew. Syncing would wait for all that others write.
  settings.set("core.fsync", "none");
  settings.set("core.bigFileThreshold", "32m");  // larger blobs are streamed to disk, never held
  settings.set("pack.threads", "2");
  if (remote_.scheme == Scheme::kHttps || remote_.scheme == Scheme::kHttp) {
    settings.set("http.followRedirects", "false");  // a credential goes where it was meant to go
    settings.set("http.cookieFile", "");
    settings.set("http.saveCookies", "false");
    settings.set("http.emptyAuth", "false");
    settings.set("http.sslVerify", "true");
    settings.set("http.lowSpeedLimit", "1");  // bytes a second
    settings.set("http.lowSpeedTime", "120");
    if (const std::string authorities = certificate_file(options_); !authorities.empty()) {
      settings.set("http.sslCAInfo", authorities);
      // Or else curl reads the system's folder as well: the same certificates again, one file each, 50 ms of every
      // fetch.
      settings.set("http.sslCAPath", options_.directory / kNoCertificates);
    }
    if (!options_.proxy.empty()) {
      settings.set("http.proxy", options_.proxy);
      copy_environment(process.environment, {"no_proxy", "NO_PROXY"});
    } else {
      copy_environment(process.environment,
                       {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"});
    }
    if (const auto* header = std::get_if<HttpHeaderCredential>(&request_.credential)) {
      settings.set("http." + remote_.origin() + ".extraHeader",
                   "Authorization: " + std::string(header->authorization.reveal()));
    }
  }
  settings.write_to(process.environment);
  if (ssh_) {
    process.environment["GIT_SSH_COMMAND"] = ssh_->command();
    process.environment["GIT_SSH_VARIANT"] = "ssh";
  }
  process.stop = request_.stop;
  process.max_output_bytes = 256 << 10;
  return process;
}

std::optional<FetchDiagnosis> Fetcher::run(ProcessOptions process,
                                           const std::function<void(std::string_view)>& progress) const {
  const std::string doing = "fetching " + in_quotes(remote_.for_git());
  const auto left = std::chrono::duration_cast<milliseconds>(deadline_ - std::chrono::steady_clock::now());
  const auto timed_out = [&] {
    return Error(ErrorKind::kTimeout,
                 doing + ": not done within " + std::to_string(request_.timeout.count() / 1000) + " s");
  };
  if (request_.stop.stop_requested()) throw Error(ErrorKind::kCancelled, doing + ": stopped");
  if (left <= milliseconds(0)) throw timed_out();

  const std::vector<std::string> secrets = secrets_of(request_.credential);
  ProgressFilter filter(progress, secrets);
  process.timeout = left;
  process.on_error_line = [&](std::string_view line) { filter.feed(line); };
  const ProcessResult result = run_process(process);
  if (result.cancelled) throw Error(ErrorKind::kCancelled, doing + ": stopped");
  if (result.timed_out) throw timed_out();
  if (result.succeeded()) return std::nullopt;
  FetchDiagnosis diagnosis = diagnose_fetch(mask(result.standard_error, secrets));
  diagnosis.had_credential = !std::holds_alternative<NoCredential>(request_.credential);
  if (result.signal != 0 && diagnosis.fault == FetchFault::kUnknown)
    diagnosis.detail = "git was ended by signal " + std::to_string(result.signal);
  return diagnosis;
}

std::optional<FetchDiagnosis> Fetcher::fetch(const std::filesystem::path& mirror, const std::string& depth_option,
                                             const std::string& refspec) const {
  return fetch(mirror, depth_option, std::vector<std::string>{refspec});
}

std::optional<FetchDiagnosis> Fetcher::fetch(const std::filesystem::path& mirror, const std::string& depth_option,
                                             const std::vector<std::string>& refspecs) const {
  ProcessOptions process = process_options(mirror);
  process.argv = {"git",
                  "fetch",
                  "--no-tags",
                  "--no-recurse-submodules",
                  "--no-write-fetch-head",
                  "--no-auto-maintenance",
                  "--force",
                  "--progress",
                  depth_option,
                  "--",
                  remote_.for_git()};
  process.argv.insert(process.argv.end(), refspecs.begin(), refspecs.end());
  return run(std::move(process), request_.on_progress);
}

std::vector<RemoteTag> Fetcher::list_tags(const std::filesystem::path& mirror) const {
  std::vector<RemoteTag> tags;
  bool too_many = false;
  const auto take_line = [&](std::string_view line) {
    const std::string_view id = line.substr(0, line.find('\t'));
    if (!is_object_id(id) || id.size() == line.size()) return;
    std::string_view name = line.substr(id.size() + 1);
    if (name.ends_with("^{}")) {
      name.remove_suffix(3);
      if (!tags.empty() && tags.back().name == name) tags.back().peeled_id = id;
      return;
    }
    if (!name.starts_with("refs/tags/") || !is_ref_name(name)) return;
    if (tags.size() == kMaxTags) {
      too_many = true;
      return;
    }
    tags.push_back({.name = std::string(name), .object_id = std::string(id), .peeled_id = {}});
  };
  std::string rest;  // of a line that is not whole yet
  ProcessOptions process = process_options(mirror);
  process.argv = {"git", "ls-remote", "--tags", "--", remote_.for_git()};
  process.on_output = [&](std::string_view bytes) {
    rest += bytes;
    std::string_view lines = rest;
    for (std::size_t end = lines.find('\n'); end != std::string_view::npos; end = lines.find('\n')) {
      take_line(lines.substr(0, end));
      lines.remove_prefix(end + 1);
    }
    rest.erase(0, lines.size() > kMaxTagLineBytes ? rest.size() : rest.size() - lines.size());
  };
  if (const auto diagnosis = run(std::move(process), {})) throw make_fetch_error(*diagnosis, remote_.for_git());
  if (too_many) {
    throw Error(ErrorKind::kExhausted, "listing the tags of " + in_quotes(remote_.for_git()) +
                                           ": there are more than " + std::to_string(kMaxTags));
  }
  std::sort(tags.begin(), tags.end(), [](const RemoteTag& a, const RemoteTag& b) { return a.name < b.name; });
  return tags;
}

std::string Fetcher::default_branch(const std::filesystem::path& mirror) const {
  std::string output;
  ProcessOptions process = process_options(mirror);
  process.argv = {"git", "ls-remote", "--symref", "--", remote_.for_git(), "HEAD"};
  process.on_output = [&](std::string_view bytes) {
    output += bytes.substr(0, kMaxTagLineBytes - std::min(output.size(), kMaxTagLineBytes));
  };
  if (const auto diagnosis = run(std::move(process), {})) throw make_fetch_error(*diagnosis, remote_.for_git());
  constexpr std::string_view kBegin = "ref: ", kEnd = "\tHEAD\n";
  const auto end = output.find(kEnd);
  if (!output.starts_with(kBegin) || end == std::string::npos) return "";
  std::string name = output.substr(kBegin.size(), end - kBegin.size());
  return is_ref_name(name) ? name : "";
}

void Fetcher::report(std::string_view line) const {
  if (request_.on_progress) request_.on_progress(line);
}

}  // namespace penstock::git
