// The running program: what it is made of and how the parts are wired. The members in order are the wiring diagram;
// each part gets only what stands above it, and they end in the opposite order.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/aws/environment.h"
#include "core/aws/pipeline_catalog.h"
#include "core/aws/secrets.h"
#include "core/base/files.h"
#include "core/base/time.h"
#include "core/base/wake.h"
#include "core/config/settings.h"
#include "core/events/desk.h"
#include "core/events/endpoints.h"
#include "core/events/queue_poller.h"
#include "core/git/lfs.h"
#include "core/git/mirror.h"
#include "core/http/curl_transport.h"
#include "core/intake/receiver.h"
#include "core/jobs/control_group.h"
#include "core/jobs/third_party_jobs.h"
#include "core/jobs/work_folder.h"
#include "core/jobs/worker_pool.h"
#include "core/listener/listener.h"
#include "core/store/store.h"
#include "core/telemetry/log.h"
#include "core/telemetry/metrics.h"
#include "core/trigger/paths_source.h"
#include "core/trigger/paths_stage.h"
#include "core/trigger/starter.h"
#include "server/changed_paths.h"
#include "server/continuation_key.h"
#include "server/credential_expiry.h"
#include "server/form_tokens.h"
#include "server/git_credentials.h"
#include "server/routes.h"
#include "server/sign_up_routes.h"

namespace penstock::server {

// Made from a validated configuration. Not thread-safe but for request_stop() and request_reload().
class App {
 public:
  // Opens the history, resolves all secrets, binds the address. Error{kConfiguration} for what a person must change in
  // the configuration, other kinds for what may pass.
  explicit App(config::Settings settings);
  ~App();

  // "https://127.0.0.1:8443"
  std::string address() const;

  // Serves until request_stop(), then drains: no new requests, no new jobs, running jobs finish or are handed back to
  // the next start after `server.drainTimeout`.
  void run();
  void request_stop();
  // Reads the configuration file and the certificates again, soon, on another thread. An invalid file changes nothing.
  void request_reload();

 private:
  void maintain(std::stop_token stop);
  void reload();
  // The gates stay as they are when there are no new ones.
  void apply(const config::Settings& settings, std::shared_ptr<const trigger::GateMap> gates);
  void warn_about_fixed_settings(const config::Settings& settings) const;
  void prune(const std::stop_token& stop);
  std::chrono::milliseconds tend_texts();
  std::vector<ReadinessCheck> readiness_checks();
  void watch_waiting_triggers();
  void watch_event_queue();
  std::optional<events::QueuePoller::Status> event_queue_status() const;
  // Null without a queue.
  std::unique_ptr<events::QueuePoller> make_event_queue(const config::Settings& settings);
  void use_event_queue(std::unique_ptr<events::QueuePoller> queue);
  void watch_third_party();
  void watch_disk();
  std::vector<jobs::Worker::Options> worker_options(const config::Settings& settings);
  jobs::Worker::Options work_options(const config::Worker& worker);
  std::shared_ptr<jobs::GitSource> make_git_source(const config::Worker& worker);
  std::shared_ptr<jobs::Handler> make_command_handler(const config::Command& command);
  std::shared_ptr<jobs::Handler> make_cloudformation_handler(const config::CloudFormation& settings);
  const jobs::ControlGroups& control_groups();
  const jobs::WorkFolders& work_folders(const std::filesystem::path& root, unsigned mode);
  struct Priming {
    std::shared_ptr<jobs::GitSource> source;
    std::string remote;
  };
  void prime(const std::vector<Priming>& primings, const std::stop_token& stop) const;
  std::filesystem::path artifact_directory() const { return settings_.data_directory / "artifacts"; }

  config::Settings settings_;  // after the start only the maintenance thread writes it, under request_mutex_
  const SystemClock clock_;
  telemetry::Log log_;
  telemetry::Metrics metrics_;
  std::shared_ptr<http::CurlTransport> transport_;
  aws::Environment aws_;
  aws::SecretResolver secrets_;
  std::shared_ptr<aws::Client> codepipeline_client_;
  std::shared_ptr<aws::CodePipelineClient> codepipeline_;
  std::shared_ptr<aws::S3Client> s3_;
  aws::PipelineCatalog catalog_;
  FileLock data_directory_lock_;  // two processes would work the same triggers and jobs
  const ContinuationKey continuation_key_;
  const std::shared_ptr<jobs::ContinuationTokens> continuation_tokens_;
  store::Store store_;
  git::Mirrors mirrors_;
  git::LfsObjects lfs_;
  std::shared_ptr<http::CurlTransport> public_transport_;
  GitCredentials git_credentials_;
  trigger::PathsSources path_sources_;
  PathComparer path_comparer_;
  Wake trigger_wake_;
  intake::Receiver receiver_;
  std::vector<Priming> primings_;                                                     // of the workers' configuration
  std::map<std::filesystem::path, std::unique_ptr<jobs::WorkFolders>> work_folders_;  // by their roots
  jobs::ClientTokens client_tokens_;
  const std::shared_ptr<jobs::ThirdPartyJobs> third_party_jobs_;
  std::optional<jobs::ControlGroups> control_groups_;                                 // once there are commands
  jobs::WorkerPool workers_;
  const std::shared_ptr<std::mutex> decisions_mutex_ = std::make_shared<std::mutex>();
  trigger::PathsStage paths_;
  trigger::Starter starter_;
  events::Desk events_;
  events::Endpoints event_endpoints_;
  mutable std::mutex event_queue_mutex_;
  std::unique_ptr<events::QueuePoller> event_queue_;  // guarded by event_queue_mutex_
  CurrentPolicy policy_;
  BrowserSessions sessions_{clock_};
  AccessControl access_;
  const FormTokens form_tokens_{clock_};
  signup::SignUpRoutes sign_up_routes_;
  std::stop_source streams_stop_;
  listener::Listener listener_;
  std::vector<telemetry::Metrics::Watch> watches_;
  CredentialExpiryWatch credential_expiry_;
  bool texts_are_behind_ = false;  // of the maintenance thread, like the next
  std::chrono::steady_clock::time_point next_texts_report_;
  int port_ = 0;

  std::mutex request_mutex_;
  std::condition_variable_any requested_;
  bool stop_requested_ = false;    // guarded by request_mutex_
  bool reload_requested_ = false;  // guarded by request_mutex_
  // Last: they stop before anything that they use.
  std::jthread maintenance_, primer_;
};

}  // namespace penstock::server
