#include <csignal>
#include <iostream>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

#include "core/aws/environment.h"
#include "core/aws/secrets.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/config/settings.h"
#include "core/git/lfs.h"
#include "core/jobs/source_engine.h"
#include "core/jobs/submodule_policy.h"
#include "core/json/json.h"
#include "server/command_line.h"
#include "server/git_credentials.h"
#include "server/wiring.h"

namespace penstock::server {
namespace {

// The named credentials of the configuration; AWS is asked only for a secret that is kept there.
class NamedCredentials {
 public:
  NamedCredentials(const config::Settings& settings, const Clock& clock)
      : settings_(settings), clock_(clock), credentials_(secrets_, make_public_transport(), clock) {
    credentials_.set(settings.credentials);
  }
  git::Credential get(const std::string& name) {
    return name.empty() ? git::Credential() : credentials_.get(name, jobs::CredentialUse::kCached);
  }

 private:
  std::shared_ptr<aws::Client> secrets_manager() {
    if (!environment_) {
      environment_ =
          std::make_unique<aws::Environment>(aws_options(settings_.aws), make_transport(settings_.aws), clock_);
    }
    return environment_->client("secretsmanager");
  }

  const config::Settings& settings_;
  const Clock& clock_;
  std::unique_ptr<aws::Environment> environment_;
  aws::SecretResolver secrets_{{.variable = environment_variable}, [this] { return secrets_manager(); }, clock_};
  GitCredentials credentials_;
};

// Ctrl-C must end the fetch's processes and remove the half file, not just us.
class Interrupt {
 public:
  Interrupt() {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    watcher_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        if (sigwaitinfo(&signals_, nullptr) > 0 && !stop.stop_requested()) source_.request_stop();
      }
    });
  }
  ~Interrupt() {
    watcher_.request_stop();
    pthread_kill(watcher_.native_handle(), SIGHUP);  // which it waits for
  }
  std::stop_token token() const { return source_.get_token(); }

 private:
  sigset_t signals_;
  std::stop_source source_;
  std::jthread watcher_;
};

}  // namespace

int run_artifact(const ArtifactArguments& arguments) {
  const SystemClock clock;
  config::Settings settings;
  if (!arguments.config.empty()) {
    std::optional<config::Settings> loaded = load_settings(arguments.config);
    if (!loaded) return kExitBadConfig;
    settings = std::move(*loaded);
  }
  const Interrupt interrupt;
  std::optional<TemporaryDirectory> throw_away;
  if (arguments.cache.empty()) throw_away.emplace();
  // A path or file:// URL on one's own command line is one's own business; a credential over plain http is not.
  settings.git.allow_file_protocol = arguments.credentials.empty();
  git::Mirrors mirrors(mirror_options(throw_away ? throw_away->path() : arguments.cache, settings.git));

  git::LfsObjects lfs({.transport = make_git_transport(settings.git)});

  jobs::SourceRequest request;
  request.fetch.remote = arguments.repository;
  NamedCredentials credentials(settings, clock);
  request.fetch.credential = credentials.get(arguments.credentials);
  jobs::set_revision(request.fetch, arguments.revision);
  request.options = artifact_options(arguments.artifact);
  request.submodule_credential = [&](const std::string& remote, jobs::CredentialUse use) {
    const auto get = [&](const std::string& name, jobs::CredentialUse) { return credentials.get(name); };
    return jobs::submodule_credential(request.fetch, remote, arguments.artifact.submodule_hosts, get, use);
  };
  request.output = arguments.output;
  request.previous = arguments.previous;
  request.stop = interrupt.token();
  request.log = [](std::string_view line) { std::cerr << line << "\n"; };
  const jobs::SourceResult result = [&] {
    try {
      return jobs::SourceEngine(mirrors, &lfs).make(request);
    } catch (const Error& error) {
      const bool is_branch = request.fetch.commit_id.empty() && !arguments.revision.starts_with("refs/");
      if (!is_branch || error.code() != "RevisionNotFound") throw;
      throw Error(error.kind(), error.what() + ("; a tag is called \"refs/tags/" + arguments.revision +
                                                "\", a commit by all 40 digits of its id"));
    }
  }();
  std::cout << json::dump({{"commitId", result.commit.id},
                           {"entries", result.archive.entries},
                           {"bytes", result.archive.bytes},
                           {"fetchSeconds", result.fetch.count()},
                           {"zipSeconds", result.zip.count()},
                           {"reusedEntries", result.archive.reused_entries}})
            << "\n";
  return kExitSuccess;
}

}  // namespace penstock::server
