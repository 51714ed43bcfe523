#include "server/app.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/aws/cloudformation.h"
#include "core/aws/s3_address.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/http/url.h"
#include "core/intake/settings.h"
#include "core/jobs/cloudformation_handler.h"
#include "core/jobs/command_handler.h"
#include "core/jobs/git_source.h"
#include "server/calendars.h"
#include "server/call_metrics.h"
#include "server/pages/page_routes.h"
#include "server/pages/sign_in_routes.h"
#include "server/version.h"
#include "server/wiring.h"

namespace penstock::server {
namespace {

constexpr std::chrono::milliseconds kPrunePause = std::chrono::seconds(60);
constexpr auto kSecretsPause = std::chrono::minutes(5);
constexpr auto kExpiriesPause = std::chrono::hours(24);
constexpr int kPruneStep = 200;
constexpr auto kPruneRest = std::chrono::milliseconds(20);
// Of the history's index of words: how much is done in one go, and how long it rests when there is more.
constexpr int kTextsAtOnce = 200;
constexpr std::chrono::milliseconds kTextsRest{20};
constexpr std::chrono::milliseconds kErasingRest{500};
constexpr auto kTextsReport = std::chrono::seconds(30);
constexpr auto kLockPatience = std::chrono::seconds(5);
// A poller that has not been answered for so long is reported by /readyz.
constexpr auto kPollerPatience = std::chrono::minutes(3);

// Another end point than AWS's own has no console that is known.
pages::ConsoleLinks console_links(const config::Aws& aws, const std::string& region) {
  const bool is_aws = !aws.endpoint_url && !environment_variable("AWS_ENDPOINT_URL") &&
                      !environment_variable("AWS_ENDPOINT_URL_CODEPIPELINE");
  return is_aws ? pages::ConsoleLinks(region) : pages::ConsoleLinks();
}

FileLock lock_data_directory(const std::filesystem::path& directory) {
  make_data_directory(directory);
  try {
    return FileLock::acquire(directory / "penstock.lock", kLockPatience);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kTimeout) throw;
    throw Error(ErrorKind::kConflict,
                "using dataDirectory " + in_quotes(directory.native()) + ": another penstock serves from it");
  }
}

aws::EnvironmentOptions observed(aws::EnvironmentOptions options, telemetry::Metrics& metrics) {
  options.on_call = count_aws_calls(metrics);
  return options;
}

git::Mirrors::Options observed(git::Mirrors::Options options, telemetry::Metrics& metrics) {
  options.on_fetch = count_fetches(metrics);
  return options;
}

}  // namespace

App::App(config::Settings settings)
    : settings_(std::move(settings)),
      log_({.level = to_log_level(settings_.log.level),
            .format = settings_.log.format == "text" ? telemetry::LogFormat::kText : telemetry::LogFormat::kJson}),
      transport_(make_transport(settings_.aws)),
      aws_(observed(aws_options(settings_.aws), metrics_), transport_, clock_),
      secrets_(
          {.ttl = std::chrono::minutes(5), .variable = environment_variable},
          [this] { return aws_.client("secretsmanager"); }, clock_),
      codepipeline_client_(aws_.client("codepipeline")),
      codepipeline_(std::make_shared<aws::CodePipelineClient>(codepipeline_client_)),
      s3_(std::make_shared<aws::S3Client>(aws_.client("s3"), aws::S3Options{})),
      catalog_({}, codepipeline_, clock_),
      data_directory_lock_(lock_data_directory(settings_.data_directory)),
      continuation_key_(load_continuation_key(settings_.data_directory)),
      continuation_tokens_(std::make_shared<jobs::ContinuationTokens>(std::vector<Secret>{continuation_key_.key},
                                                                      continuation_key_.node)),
      store_(store_options(settings_, metrics_, log_), clock_),
      mirrors_(observed(mirror_options(settings_.data_directory / "mirrors", settings_.git), metrics_)),
      lfs_({.transport = make_git_transport(settings_.git)}),
      public_transport_(make_public_transport()),
      git_credentials_(secrets_, public_transport_, clock_),
      path_sources_([this](const std::string& pipeline) { return catalog_.load(pipeline); }),
      path_comparer_(
          mirrors_,
          [this](const std::string& name, jobs::CredentialUse use) { return git_credentials_.get(name, use); }, log_),
      receiver_(
          {}, store_,
          [this](const std::string& pipeline, const std::string& action) {
            return catalog_.find_configuration(pipeline, action);
          },
          trigger_wake_, clock_, log_, metrics_),
      client_tokens_(store_, clock_, log_),
      third_party_jobs_(std::make_shared<jobs::ThirdPartyJobs>(codepipeline_, client_tokens_, clock_, log_)),
      workers_({.store = store_,
                .codepipeline = codepipeline_,
                .clock = clock_,
                .log = log_,
                .tokens = continuation_tokens_,
                .on_ended = count_jobs(metrics_),
                .third_party = third_party_jobs_},
               {}),
      paths_({}, {.store = store_,
                  .sources = path_sources_,
                  .compare = [this](const trigger::PathsSource& source,
                                    git::PushedRef push) { return path_comparer_.compare(source, std::move(push)); },
                  .settled = trigger_wake_,
                  .clock = clock_,
                  .log = log_,
                  .decisions = decisions_mutex_}),
      starter_(starter_options(settings_), {.store = store_,
                                            .codepipeline = codepipeline_,
                                            .codepipeline_client = codepipeline_client_,
                                            .catalog = catalog_,
                                            .wake = trigger_wake_,
                                            .clock = clock_,
                                            .log = log_,
                                            .on_started =
                                                [this](const store::Trigger& trigger) {
                                                  observe_start(metrics_, trigger, clock_.now());
                                                  workers_.wake();
                                                },
                                            .on_woken = [this] { paths_.wake(); },
                                            .decisions = decisions_mutex_}),
      events_(
          {.for_jobs =
               [this](const aws::ActionTypeId& told) {
                 return workers_.wake([&](const aws::ActionTypeId& worked) { return events::may_be(told, worked); });
               },
           .at_execution = [this](const std::string& id) { return workers_.look_at(id); }},
          metrics_, clock_, log_),
      event_endpoints_(events_, metrics_, clock_, log_),
      access_(policy_, clock_, log_, &sessions_),
      sign_up_routes_({.store = store_,
                       .tokens = client_tokens_,
                       .policy = policy_,
                       .form_tokens = form_tokens_,
                       .clock = clock_,
                       .log = log_}),
      listener_(
          listener_options(settings_, [this](const std::string& address) { return policy_.get()->trusts(address); }),
          clock_, log_),
      credential_expiry_(metrics_, log_, clock_) {
  apply(settings_, make_gates(settings_, clock_.now()));
  add_hook_routes(listener_, receiver_, policy_);
  add_event_routes(listener_, event_endpoints_, policy_);
  add_history_routes(listener_, store_, receiver_, starter_, access_, policy_, log_, streams_stop_.get_token());
  add_page_routes(listener_, {.store = store_,
                              .receiver = receiver_,
                              .starter = starter_,
                              .policy = policy_,
                              .access = access_,
                              .form_tokens = form_tokens_,
                              .clock = clock_,
                              .log = log_,
                              .links = console_links(settings_.aws, aws_.region())});
  sign_up_routes_.add_to(listener_);
  add_sign_in_routes(listener_, {.policy = policy_,
                                 .access = access_,
                                 .sessions = sessions_,
                                 .form_tokens = form_tokens_,
                                 .clock = clock_,
                                 .log = log_});
  add_health_routes(listener_, readiness_checks());
  add_metrics_routes(listener_, metrics_, policy_, access_);
  watches_ = watch_listener(metrics_, listener_);
  watch_waiting_triggers();
  watch_event_queue();
  watch_third_party();
  watch_disk();
  for (telemetry::Metrics::Watch& watch : telemetry::watch_process(metrics_)) watches_.push_back(std::move(watch));
  event_queue_ = make_event_queue(settings_);
  port_ = listener_.bind();
}

App::~App() = default;

std::vector<jobs::Worker::Options> App::worker_options(const config::Settings& settings) {
  std::vector<jobs::Worker::Options> workers;
  primings_.clear();
  for (const config::Worker& worker : settings.workers) workers.push_back(work_options(worker));
  for (const config::ThirdParty& entry : settings.third_party) workers.push_back(work_options(entry.work));
  return workers;
}

jobs::Worker::Options App::work_options(const config::Worker& worker) {
  jobs::Worker::Options options;
  const config::ActionType& type = worker.action_type;
  options.action_type = {type.category, type.owner, type.provider, type.version};
  options.concurrency = worker.concurrency;
  options.poll.idle = worker.poll_idle;
  options.poll.busy = worker.poll_busy;
  options.query_param = worker.query_param;
  options.runner.revision =
      worker.revision == config::Worker::Revision::kHead ? jobs::RevisionSource::kHead : jobs::RevisionSource::kPushed;
  options.runner.timeout = worker.timeout;
  if (worker.command) {
    options.runner.handler = make_command_handler(*worker.command);
    if (worker.command->details_first)
      options.runner.details_first = jobs::JobRunner::DetailsFirst{.continue_after = worker.command->continue_after};
  } else if (worker.handler == "cloudformation") {
    options.runner.handler = make_cloudformation_handler(worker.cloudformation);
  } else {
    const auto handler = make_git_source(worker);
    options.runner.handler = handler;
    for (const std::string& remote : worker.prime) primings_.push_back({handler, remote});
  }
  return options;
}

void App::watch_third_party() {
  constexpr auto kCounter = telemetry::Metrics::Kind::kCounter;
  const auto watch = [&](const std::string& name, std::string_view help, std::function<std::uint64_t()> read) {
    watches_.push_back(
        metrics_.watch(kCounter, name, help, [read = std::move(read)] { return static_cast<double>(read()); }));
  };
  watch("penstock_third_party_unknown_clients_total", "Offers of third-party jobs whose client never signed up here.",
        [this] { return third_party_jobs_->counts().unknown_clients; });
  watch("penstock_third_party_refused_tokens_total",
        "Calls for third-party jobs for which CodePipeline took no client token.",
        [this] { return third_party_jobs_->counts().refused_tokens; });
  watch("penstock_sign_ups_begun_total", "Sign-ups for third-party actions that were begun.",
        [this] { return sign_up_routes_.counts().begun.load(); });
  watch("penstock_sign_ups_completed_total", "Sign-ups for third-party actions that led back to the console.",
        [this] { return sign_up_routes_.counts().completed.load(); });
  watch("penstock_sign_ups_refused_total", "Requests that the sign-up pages refused.",
        [this] { return sign_up_routes_.counts().refused.load(); });
}

void App::watch_waiting_triggers() {
  constexpr auto kGauge = telemetry::Metrics::Kind::kGauge;
  watches_.push_back(metrics_.watch(kGauge, "penstock_triggers_awaiting_paths",
                                    "Triggers that wait for the changed paths of their push.",
                                    [this] { return static_cast<double>(paths_.waiting().count); }));
  watches_.push_back(metrics_.watch(kGauge, "penstock_triggers_awaiting_paths_oldest_seconds",
                                    "Age of the oldest trigger that waits for the changed paths of its push.", [this] {
                                      const auto oldest = paths_.waiting().oldest;
                                      if (!oldest) return 0.0;
                                      return std::chrono::duration<double>(clock_.now() - *oldest).count();
                                    }));
}

void App::watch_event_queue() {
  watches_.push_back(metrics_.watch(
      telemetry::Metrics::Kind::kGauge, "penstock_event_queue_receive_age_seconds",
      "Time since the queue of events last answered, with messages or without; 0 without a queue.", [this] {
        const auto status = event_queue_status();
        return status ? std::chrono::duration<double>(status->age).count() : 0.0;
      }));
}

std::optional<events::QueuePoller::Status> App::event_queue_status() const {
  std::lock_guard lock(event_queue_mutex_);
  return event_queue_ ? std::optional(event_queue_->status()) : std::nullopt;
}

std::unique_ptr<events::QueuePoller> App::make_event_queue(const config::Settings& settings) {
  if (settings.events.queue_url.empty()) return nullptr;
  return std::make_unique<events::QueuePoller>(events::QueuePoller::Options{},
                                               aws::QueueClient(aws_.client("sqs"), settings.events.queue_url), events_,
                                               metrics_, clock_, log_);
}

void App::use_event_queue(std::unique_ptr<events::QueuePoller> queue) {
  if (queue) queue->start();
  {
    std::lock_guard lock(event_queue_mutex_);
    event_queue_.swap(queue);
  }
  queue.reset();  // waits for the former one's thread
}

void App::watch_disk() {
  watches_.push_back(metrics_.watch(telemetry::Metrics::Kind::kGauge, "penstock_data_free_bytes",
                                    "What is free for us on the disk of the data directory.",
                                    [directory = settings_.data_directory] {  // a reload writes settings_ meanwhile
                                      std::error_code failed;
                                      const auto space = std::filesystem::space(directory, failed);
                                      return failed ? std::nan("") : static_cast<double>(space.available);
                                    }));
}

std::shared_ptr<jobs::GitSource> App::make_git_source(const config::Worker& worker) {
  jobs::GitSource::Options source;
  source.remote = worker.remote;
  source.branch = worker.branch;
  source.credentials = worker.credentials;
  source.artifact = artifact_options(worker.artifact);
  source.submodule_hosts = worker.artifact.submodule_hosts;
  source.artifact_directory = artifact_directory();
  return std::make_shared<jobs::GitSource>(
      source, mirrors_, lfs_, s3_,
      [this](const std::string& name, jobs::CredentialUse use) { return git_credentials_.get(name, use); }, clock_);
}

const jobs::WorkFolders& App::work_folders(const std::filesystem::path& root, unsigned mode) {
  std::unique_ptr<jobs::WorkFolders>& folders = work_folders_[root];
  if (!folders) {
    auto made = std::make_unique<jobs::WorkFolders>(root, mode);
    made->prepare(log_);
    folders = std::move(made);
  }
  return *folders;
}

std::shared_ptr<jobs::Handler> App::make_command_handler(const config::Command& command) {
  const std::filesystem::path root =
      command.work_directory.empty() ? settings_.data_directory / "work" : command.work_directory;
  // Another user must be able to enter it.
  const jobs::WorkFolders& folders = work_folders(root, command.user.empty() ? 0700u : 0711u);
  jobs::CommandHandler::Options options = command_options(command, aws_.region());
  options.control_groups = control_groups();
  return std::make_shared<jobs::CommandHandler>(std::move(options), folders, s3_, clock_);
}

const jobs::ControlGroups& App::control_groups() {
  if (control_groups_) return *control_groups_;
  const std::string& setting = settings_.control_group;
  control_groups_ = jobs::find_control_groups(setting == "auto"  ? jobs::ControlGroupChoice::kAutomatic
                                              : setting == "off" ? jobs::ControlGroupChoice::kOff
                                                                 : jobs::ControlGroupChoice::kFolder,
                                              setting);
  if (control_groups_->folder.empty()) {
    log_.info("commands run without control groups; their limits are looked after all the same",
              {{"reason", control_groups_->explanation}});
  } else {
    log_.info("commands run in control groups", {{"folder", control_groups_->folder.native()},
                                                 {"memory", control_groups_->memory},
                                                 {"processes", control_groups_->processes},
                                                 {"note", control_groups_->explanation}});
  }
  return *control_groups_;
}

std::shared_ptr<jobs::Handler> App::make_cloudformation_handler(const config::CloudFormation& settings) {
  const std::shared_ptr<aws::Client> s3_client = aws_.client("s3");
  return std::make_shared<jobs::CloudFormationHandler>(
      jobs::CloudFormationHandler::Options{.template_bucket = settings.template_bucket},
      work_folders(settings_.data_directory / "work", 0700u), s3_,
      std::make_shared<aws::CloudFormationClient>(aws_.client("cloudformation")),
      [s3_client, bucket = settings.template_bucket](const std::string& key) {
        const aws::S3Address address =
            aws::address_s3_object(s3_client->options().endpoint, bucket, key, aws::S3Style::kAutomatic);
        return address.endpoint.url + address.path;
      },
      clock_);
}

std::string App::address() const {
  if (!settings_.server.listen_path.empty()) return "unix:" + settings_.server.listen_path;
  const std::string& host = settings_.server.listen_host;
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (settings_.server.tls ? "https://" : "http://") + (is_ipv6 ? "[" + host + "]" : host) + ":" +
         std::to_string(port_);
}

void App::apply(const config::Settings& settings, std::shared_ptr<const trigger::GateMap> gates) {
  const auto resolve = [this](const SecretReference& reference) { return secrets_.resolve(reference); };
  // Everything that can fail comes first, so that a bad configuration changes nothing.
  auto intake_settings = std::make_shared<const intake::IntakeSettings>(intake::make_settings(settings, resolve));
  auto webhooks = std::make_shared<trigger::WebhookList>();
  for (const intake::WebhookSettings& webhook : intake_settings->webhooks) webhooks->push_back(webhook.webhook);
  auto event_endpoints = std::make_shared<events::Endpoints::Settings>();
  event_endpoints->merge(intake::make_endpoints(settings.events.endpoints, resolve));
  RequestPolicy policy;
  policy.access = authz::Authorizer::make(access_settings(settings.access, resolve),
                                          {.transport = public_transport_, .clock = clock_, .log = log_},
                                          policy_.get()->access.get());
  policy.trusted_proxies = trusted_proxies(settings);
  policy.sign_in = make_sign_in(settings, resolve, public_transport_, clock_, log_, policy_.get()->sign_in.get());
  policy.proxy = make_proxy_policy(settings.access);
  policy.public_metrics = settings.access.public_metrics;
  signup::Subjects subjects = sign_up_subjects(settings.third_party, resolve);
  std::map<std::string, std::shared_ptr<const Sealer>> sealers;
  for (const auto& [path, subject] : subjects) sealers[subject.action_type] = subject.sealer;
  policy.cors_origins = settings.access.cors_origins;
  if (const auto url = http::parse_url(settings.server.public_url)) policy.public_origin = url->origin();
  if (const auto problems = check_path_sources(settings); !problems.empty())
    throw Error(ErrorKind::kConfiguration, problems.front().path + ": " + problems.front().message);
  std::vector<Secret> continuation_keys;
  for (const auto& reference : {settings.continuation_key, settings.accepted_continuation_key}) {
    if (reference) continuation_keys.emplace_back(resolve(*reference));
  }
  // Ours is the first when no other is configured, and accepted at any rate: nobody else has it.
  continuation_keys.insert(settings.continuation_key ? continuation_keys.end() : continuation_keys.begin(),
                           continuation_key_.key);
  continuation_tokens_->set_keys(continuation_keys);
  git_credentials_.set(settings.credentials);

  client_tokens_.set_keys(std::move(sealers));
  sign_up_routes_.set_subjects(std::move(subjects));
  if (gates) starter_.set_gates(std::move(gates));  // first, so that no webhook is without its calendar
  path_sources_.set(std::make_shared<const trigger::PathsSources::Settings>(path_sources(settings)));
  paths_.set(std::make_shared<const trigger::PathsStage::Settings>(paths_settings(settings.changed_paths, webhooks)));
  starter_.set_webhooks(std::move(webhooks));
  receiver_.set_settings(std::move(intake_settings));  // after those who know of what it stores
  event_endpoints_.set(std::move(event_endpoints));
  starter_.set_worked_action_types(action_types(settings));
  policy_.set(std::make_shared<const RequestPolicy>(std::move(policy)));
  log_.set_level(to_log_level(settings.log.level));
}

void App::run() {
  log_.info("started", {{"version", kVersion},
                        {"address", address()},
                        {"endpoints", settings_.endpoints.size()},
                        {"webhooks", settings_.webhooks.size()},
                        {"workers", settings_.workers.size() + settings_.third_party.size()}});
  jobs::remove_stale_artifacts(artifact_directory());
  workers_.replace(worker_options(settings_));  // before start(), so that the journal's jobs find their workers
  workers_.start();
  if (event_queue_) event_queue_->start();  // before there is another thread that could replace it
  paths_.start();
  starter_.start();
  maintenance_ = std::jthread([this](const std::stop_token& stop) { maintain(stop); });
  primer_ = std::jthread([this, primings = primings_](const std::stop_token& stop) { prime(primings, stop); });
  std::jthread server([this] { listener_.serve(); });
  std::chrono::milliseconds drain_timeout;
  {
    std::unique_lock lock(request_mutex_);
    requested_.wait(lock, [this] { return stop_requested_; });
    drain_timeout = settings_.server.drain_timeout;
  }

  log_.info("draining", {{"timeoutMilliseconds", drain_timeout.count()}});
  const auto deadline = std::chrono::steady_clock::now() + drain_timeout;
  streams_stop_.request_stop();
  listener_.stop();
  paths_.request_stop();
  starter_.request_stop();
  maintenance_.request_stop();
  primer_.request_stop();
  const bool finished = workers_.drain(deadline);
  paths_.join();
  starter_.join();
  server.join();
  maintenance_.join();
  use_event_queue(nullptr);  // so late, because it can end jobs that are drained
  primer_.join();
  if (finished) {
    log_.info("stopped");
  } else {
    log_.warning("stopped with jobs unfinished; the next start resumes them");
  }
}

void App::request_stop() {
  std::lock_guard lock(request_mutex_);
  stop_requested_ = true;
  requested_.notify_all();
}

void App::request_reload() {
  std::lock_guard lock(request_mutex_);
  reload_requested_ = true;
  requested_.notify_all();
}

// One after another, beside the jobs.
void App::prime(const std::vector<Priming>& primings, const std::stop_token& stop) const {
  for (const Priming& priming : primings) {
    if (stop.stop_requested()) return;
    const auto begin = std::chrono::steady_clock::now();
    const telemetry::LogField remote{"remote", priming.remote};
    try {
      priming.source->prime(priming.remote, stop, [&](std::string_view line) { log_.info(line, {remote}); });
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      log_.info("primed a repository", {remote, {"seconds", took.count()}});
    } catch (const std::exception& error) {
      if (stop.stop_requested()) return;
      log_.warning("priming a repository failed; its first job fetches it", {remote, {"error", error.what()}});
    }
  }
}

void App::maintain(std::stop_token stop) {
  telemetry::Gauge& mirror_bytes =
      metrics_.gauge("penstock_mirrors_bytes", "What mirrors and the files beside them take; every five minutes.");
  mirror_bytes.set(static_cast<double>(mirrors_.size_on_disk()));
  auto next_prune = std::chrono::steady_clock::now();
  auto next_texts = next_prune;
  auto next_secrets = std::chrono::steady_clock::now() + kSecretsPause;
  credential_expiry_.tell(CredentialExpiryWatch::Occasion::kStart, git_credentials_.expiries());
  auto next_expiries = std::chrono::steady_clock::now() + kExpiriesPause;
  while (!stop.stop_requested()) {
    bool reload_now = false;
    {
      std::unique_lock lock(request_mutex_);
      requested_.wait_until(lock, stop, std::min({next_prune, next_texts, next_secrets, next_expiries}),
                            [this] { return reload_requested_; });
      reload_now = std::exchange(reload_requested_, false);
    }
    if (stop.stop_requested()) return;
    if (reload_now) reload();
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_expiries) {
      credential_expiry_.tell(CredentialExpiryWatch::Occasion::kDaily, git_credentials_.expiries());
      next_expiries = now + kExpiriesPause;
    }
    if (now >= next_secrets) {
      // Rotated secrets take effect without a reload; while they cannot be read the former ones stay.
      try {
        apply(settings_, nullptr);
      } catch (const Error& error) {
        log_.warning("reading secrets again failed; the former ones stay in use", {{"error", error.what()}});
      }
      mirror_bytes.set(static_cast<double>(mirrors_.size_on_disk()));
      next_secrets = std::chrono::steady_clock::now() + kSecretsPause;
    }
    if (now >= next_prune) {
      prune(stop);
      next_prune = std::chrono::steady_clock::now() + kPrunePause;
    }
    if (now >= next_texts) {
      const auto rest = tend_texts();
      next_texts = std::chrono::steady_clock::now() + rest;
    }
  }
}

// What deletions and an upgrade have left to do, a bit of it. Returns when to come again.
std::chrono::milliseconds App::tend_texts() {
  try {
    const bool erasing = store_.erase_more();
    const std::int64_t older = store_.index_older_texts(kTextsAtOnce);
    const auto now = std::chrono::steady_clock::now();
    if (older > 0 && now >= next_texts_report_) {
      log_.info("adding the words of older deliveries to the search index", {{"left", older}});
      next_texts_report_ = now + kTextsReport;
    } else if (older == 0 && texts_are_behind_) {
      log_.info("the search index has the words of all deliveries");
    }
    texts_are_behind_ = older > 0;
    return older > 0 ? kTextsRest : erasing ? kErasingRest : kPrunePause;
  } catch (const Error& error) {
    log_.warning("tending the search index failed; trying again later", {{"error", error.what()}});
    return kPrunePause;
  }
}

void App::prune(const std::stop_token& stop) {
  if (settings_.history.retention.count() == 0) return;
  try {
    const Timestamp before = clock_.now() - settings_.history.retention;
    int total = 0;
    while (!stop.stop_requested()) {
      const int gone = store_.prune(before, kPruneStep);
      total += gone;
      if (gone == 0) break;
      // Deliveries that come in have their turn in between.
      std::this_thread::sleep_for(kPruneRest);
    }
    if (total > 0) log_.info("deleted old history", {{"rows", total}, {"before", format_rfc3339(before)}});
  } catch (const Error& error) {
    log_.warning("deleting old history failed; trying again later", {{"error", error.what()}});
  }
}

void App::reload() {
  try {
    config::LoadResult loaded = config::load(settings_.file, pattern_checks());
    if (!loaded.problems.empty()) {
      for (const config::Problem& problem : loaded.problems) {
        log_.error("the configuration has a problem; nothing was changed",
                   {{"problem", problem.to_string(settings_.file)}});
      }
      return;
    }
    warn_about_fixed_settings(loaded.settings);
    // Where things are and where we listen stays as it was at start.
    config::Settings& fresh = loaded.settings;
    fresh.data_directory = settings_.data_directory;
    fresh.history.database = settings_.history.database;
    fresh.server.listen_host = settings_.server.listen_host;
    fresh.server.listen_port = settings_.server.listen_port;
    fresh.server.listen_path = settings_.server.listen_path;
    if (fresh.server.tls.has_value() != settings_.server.tls.has_value()) fresh.server.tls = settings_.server.tls;
    fresh.aws = settings_.aws;
    if (fresh.server.tls) listener_.use_certificate(tls_files(*fresh.server.tls));
    const bool is_other_queue = fresh.events.queue_url != settings_.events.queue_url;
    auto event_queue = is_other_queue ? make_event_queue(fresh) : nullptr;
    apply(fresh, make_gates(fresh, clock_.now()));
    workers_.replace(worker_options(fresh));
    if (is_other_queue) use_event_queue(std::move(event_queue));
    {
      std::lock_guard lock(request_mutex_);
      settings_ = std::move(fresh);
    }
    log_.info("reloaded the configuration", {{"endpoints", settings_.endpoints.size()},
                                             {"webhooks", settings_.webhooks.size()},
                                             {"workers", settings_.workers.size()}});
    credential_expiry_.tell(CredentialExpiryWatch::Occasion::kStart, git_credentials_.expiries());
  } catch (const Error& error) {
    log_.error("reloading failed; nothing was changed", {{"error", error.what()}});
  }
}

void App::warn_about_fixed_settings(const config::Settings& fresh) const {
  const auto warn_if = [&](bool changed, std::string_view key) {
    if (changed) log_.warning("this setting changes only with a restart", {{"setting", key}});
  };
  warn_if(fresh.data_directory != settings_.data_directory, "dataDirectory");
  warn_if(fresh.history.database != settings_.history.database, "history.database");
  warn_if(fresh.server.listen_host != settings_.server.listen_host ||
              fresh.server.listen_port != settings_.server.listen_port ||
              fresh.server.listen_path != settings_.server.listen_path,
          "server.listen");
  warn_if(fresh.server.tls.has_value() != settings_.server.tls.has_value(), "server.tls");
  warn_if(fresh.server.tls && settings_.server.tls &&
              fresh.server.tls->client_authorities != settings_.server.tls->client_authorities,
          "server.tls.clientAuthorities");
  warn_if(fresh.server.max_body_bytes != settings_.server.max_body_bytes, "server.maxBodyBytes");
  warn_if(fresh.server.max_connections != settings_.server.max_connections, "server.maxConnections");
  warn_if(fresh.server.max_connections_per_address != settings_.server.max_connections_per_address,
          "server.maxConnectionsPerAddress");
  warn_if(fresh.server.proxy_protocol != settings_.server.proxy_protocol, "server.proxyProtocol");
  warn_if(fresh.aws.region != settings_.aws.region || fresh.aws.endpoint_url != settings_.aws.endpoint_url, "aws");
  warn_if(fresh.control_group != settings_.control_group, "controlGroup");
  warn_if(fresh.unclaimed_job_timeout != settings_.unclaimed_job_timeout, "unclaimedJobTimeout");
  warn_if(fresh.git.allow_file_protocol != settings_.git.allow_file_protocol, "git.allowFileProtocol");
  warn_if(fresh.git.certificate_authorities != settings_.git.certificate_authorities, "git.certificateAuthorities");
  warn_if(fresh.git.proxy != settings_.git.proxy, "git.proxy");
  warn_if(fresh.log.format != settings_.log.format, "log.format");
  warn_if(std::any_of(fresh.third_party.begin(), fresh.third_party.end(),
                      [this](const config::ThirdParty& entry) {
                        return std::none_of(
                            settings_.third_party.begin(), settings_.third_party.end(),
                            [&](const config::ThirdParty& known) { return known.signup_path == entry.signup_path; });
                      }),
          "thirdParty.signupPath");
}

std::vector<ReadinessCheck> App::readiness_checks() {
  const auto text_of_failure = [](const std::function<void()>& check) -> std::string {
    try {
      check();
      return "";
    } catch (const Error& error) {
      return std::string(to_string(error.kind()));  // the text may speak of the inside; the log has it
    }
  };
  return {
      {"store", [this, text_of_failure] { return text_of_failure([this] { store_.check_writable(); }); }},
      {"certificate",
       [this]() -> std::string {
         const auto end = listener_.certificate_expiry();
         return end && *end <= clock_.now() ? "expired " + format_rfc3339(*end) : "";
       }},
      {"credentials", [this, text_of_failure] { return text_of_failure([this] { aws_.credentials()->get(); }); }},
      {"events",
       [this]() -> std::string {
         const auto queue = event_queue_status();
         return queue && (!queue->last_receive || queue->age > kPollerPatience) ? "sqs" : "";
       }},
      {"pollers",
       [this]() -> std::string {
         std::string failing;
         for (const jobs::WorkerStatus& worker : workers_.status()) {
           const bool answered = worker.last_poll && clock_.steady_now() - *worker.last_poll < kPollerPatience;
           if (worker.polling && answered) continue;
           failing += (failing.empty() ? "" : ", ") + worker.action_type;
         }
         return failing;
       }},
  };
}

}  // namespace penstock::server
