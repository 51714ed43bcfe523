#include "core/store/store.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <utility>

#include "core/base/ids.h"
#include "core/base/text.h"
#include "core/store/checkpointer.h"
#include "core/store/deliveries.h"
#include "core/store/delivery_query.h"
#include "core/store/delivery_texts.h"
#include "core/store/erasure.h"
#include "core/store/jobs.h"
#include "core/store/json_columns.h"
#include "core/store/reader_pool.h"
#include "core/store/retention.h"
#include "core/store/schema.h"
#include "core/store/settle_paths.h"
#include "core/store/sign_ups.h"
#include "core/store/sqlite.h"
#include "core/store/store_metrics.h"
#include "core/store/triggers.h"
#include "core/store/troubles.h"
#include "core/store/writer.h"
#include "core/telemetry/metrics.h"

namespace penstock::store {
namespace {

constexpr std::chrono::milliseconds kMaxBusyTimeout{5000};
// Passive checkpoints wait for nobody.
constexpr std::chrono::milliseconds kCheckpointBusyTimeout{0};
constexpr std::size_t kSmallWriteBytes = 1024;
constexpr int kPruneStep = 50;
constexpr std::size_t kManyWrites = 4;
constexpr std::size_t kMaxUnindexed = 256;

// While it is reopened, only another process can be in the way of copying the whole log.
enum class LeftInLog { kMayBe, kMustNotBe };

std::unique_ptr<Connection> open_for_writing(const Store::Options& options, std::uintmax_t quick_check_bytes,
                                             LeftInLog left) {
  create_database_file(options.path);
  auto connection = std::make_unique<Connection>(options.path, Connection::Mode::kReadWrite,
                                                 std::min(options.write_timeout / 2, kMaxBusyTimeout));
  prepare_database(*connection, quick_check_bytes, options.on_progress);
  // A log that was found may end in a commit whose sync failed: readable, but not on disk, and what came after it would
  // be lost with it. So nothing is ever appended to it.
  bool complete = connection->checkpoint(Connection::Checkpoint::kRestart).complete;
  if (!complete && left == LeftInLog::kMustNotBe)
    throw Error(ErrorKind::kUnavailable, "history " + in_quotes(options.path.string()) +
                                             ": after a failed sync its log must be copied again, and another process "
                                             "is reading it; end that process");
  return connection;
}

// A delivery on its way to the disk.
class RecordTicket final : public Writer::Ticket {
 public:
  RecordTicket(PreparedDelivery prepared, const RecordOptions& options, StoreMetrics* metrics, RecordDone done)
      : Ticket(prepared.bytes()),
        prepared_(std::move(prepared)),
        options_(options),
        metrics_(metrics),
        done_(std::move(done)) {}

 private:
  std::string doing() const override { return "recording delivery " + in_quotes(prepared_.delivery.id); }
  void run(Connection& connection) override { recorded_ = store::record_delivery(connection, prepared_, options_); }
  void finish(const Error* error) override {
    if (!error && metrics_) metrics_->note_recorded(recorded_->outcome);
    done_(error ? nullptr : &*recorded_, error);
  }

  const PreparedDelivery prepared_;
  const RecordOptions& options_;  // the store's, like the next
  StoreMetrics* const metrics_;
  const RecordDone done_;
  std::optional<RecordedDelivery> recorded_;
};

}  // namespace

class Store::Impl {
 public:
  Impl(Options opened, const Clock& time) : options(std::move(opened)), clock(time), troubles(options.on_trouble) {
    if (options.metrics) counted.emplace(*options.metrics);
    auto connection = open_for_writing(options, options.quick_check_bytes, LeftInLog::kMayBe);
    checkpointer = std::make_unique<Checkpointer>(
        open_for_checkpoints(), Checkpointer::Options{.passive_pages = options.checkpoint_pages,
                                                      .restart_pages = options.log_restart_pages,
                                                      .retry_delay = options.retry_interval,
                                                      .after_checkpoint = [this](const Error* failure) {
                                                        troubles.note(Trouble::Part::kCheckpoints, failure);
                                                      }});
    watch_log(*connection);
    readers = std::make_unique<ReaderPool>(options.path, options.readers, options.read_timeout);
    Writer::Options writing{.timeout = options.write_timeout,
                            .max_waiting = options.max_waiting,
                            .max_waiting_bytes = options.max_waiting_bytes,
                            .before_group = [this](std::unique_ptr<Connection>& own) { reopen_if_needed(own); },
                            .before_commit = [this](Connection& own, std::size_t writes) { index_if_due(own, writes); },
                            .after_undo = [this] { record_cache.clear(); },
                            .after_group = [this](const Writer::GroupReport& report) { note_group(report); },
                            .between_groups = [this](Connection& own) { checkpointer->restart_if_wanted(own); },
                            .probe = touch,
                            .probe_interval = options.retry_interval};
    writer = std::make_unique<Writer>(std::move(connection), writing);
    if (options.metrics) watch_stats(*options.metrics);
  }

  ~Impl() {
    watches.clear();
    writer.reset();  // which still uses the others
    // A checkpoint of the last connection to be closed would give up the log without the lost pages.
    if (checkpointer->lost_pages()) {
      try {
        readers->close();
      } catch (const Error&) {  // nobody may be reading any more
      }
      checkpointer->close();
    }
  }

  void write(std::string_view doing, std::function<void(Connection&)> work) {
    writer->run<void>(doing, kSmallWriteBytes, std::move(work));
  }

  Stats stats() const;
  StoreMetrics* metrics() noexcept { return counted ? &*counted : nullptr; }

  // An empty write.
  static void touch(Connection& connection) {
    connection.prepare("UPDATE meta SET value = value + 1 WHERE name = 'writable_checks'").run();
  }

  const Options options;
  const Clock& clock;
  RecordCache record_cache;  // of the writer's thread
  const RecordOptions record_options{.clock = &clock,
                                     .make_request_token = options.make_request_token,
                                     .max_rejected = options.max_rejected,
                                     .cache = &record_cache};
  Troubles troubles;
  std::optional<StoreMetrics> counted;
  std::vector<telemetry::Metrics::Watch> watches;
  std::atomic<std::uint64_t> reopenings{0};
  // In the order in which they need each other. The last connection to be closed, the checkpointer's, empties the log.
  std::unique_ptr<Checkpointer> checkpointer;
  std::unique_ptr<ReaderPool> readers;
  std::unique_ptr<Writer> writer;

 private:
  std::unique_ptr<Connection> open_for_checkpoints() const {
    return std::make_unique<Connection>(options.path, Connection::Mode::kReadWrite, kCheckpointBusyTimeout);
  }

  void watch_log(Connection& connection) {
    connection.set_commit_hook([this](int pages) { checkpointer->note_log_pages(pages); });
  }

  void watch_stats(telemetry::Metrics& metrics) {
    auto watch = [&](telemetry::Metrics::Kind kind, const char* name, const char* help, auto read) {
      watches.push_back(metrics.watch(kind, name, help, [this, read] { return static_cast<double>(read(stats())); }));
    };
    constexpr auto kCounter = telemetry::Metrics::Kind::kCounter;
    constexpr auto kGauge = telemetry::Metrics::Kind::kGauge;
    watch(kGauge, "penstock_store_waiting_writes", "Writes that wait for their turn.",
          [](const Stats& now) { return now.waiting_writes; });
    watch(kCounter, "penstock_store_writes_total", "Writes that are on disk.",
          [](const Stats& now) { return now.committed_writes; });
    watch(kCounter, "penstock_store_failed_writes_total", "Writes that were taken up and failed, for any cause.",
          [](const Stats& now) { return now.failed_writes; });
    watch(kCounter, "penstock_store_refused_writes_total", "Writes that were refused as too many were waiting.",
          [](const Stats& now) { return now.refused_writes; });
    watch(kCounter, "penstock_store_late_writes_total", "Writes whose turn came after their deadline.",
          [](const Stats& now) { return now.late_writes; });
    watch(kGauge, "penstock_store_writable", "0 while nothing can be written.",
          [](const Stats& now) { return now.writing_trouble.empty() ? 1 : 0; });
    watch(kCounter, "penstock_store_checkpoints_total", "Times that the write-ahead log was copied into the database.",
          [](const Stats& now) { return now.checkpoints; });
    watch(kCounter, "penstock_store_checkpoint_failures_total", "Checkpoints that failed.",
          [](const Stats& now) { return now.checkpoint_failures; });
    watch(kGauge, "penstock_store_log_pages", "Pages of 4 KiB in the write-ahead log.",
          [](const Stats& now) { return now.log_pages; });
    watch(kCounter, "penstock_store_reopenings_total", "Times that the database was reopened after a failed sync.",
          [](const Stats& now) { return now.reopenings; });
    const auto backlog = std::make_shared<BacklogReading>(
        [this] { return readers->run([](Connection& connection) { return load_trigger_backlog(connection); }); },
        clock);
    for (telemetry::Metrics::Watch& one : watch_backlog(metrics, backlog)) watches.push_back(std::move(one));
  }

  void note_group(const Writer::GroupReport& report) {
    if (counted) counted->note_group(report.writes, report.took, report.failure);
    if (report.failure || report.committed) troubles.note(Trouble::Part::kWriting, report.failure);
  }

  // On the writer's thread. Under load many deliveries are indexed at once, which costs a fraction; else each at once.
  void index_if_due(Connection& connection, std::size_t writes) {
    if (writes < kManyWrites || count_unindexed(connection, record_cache) >= kMaxUnindexed)
      index_deliveries(connection, record_cache);
  }

  // On the writer's thread. A connection that could not even roll back is of no more use than one that lost pages.
  void reopen_if_needed(std::unique_ptr<Connection>& writing) {
    if (writing && !writing->in_transaction() && !checkpointer->lost_pages()) return;
    const auto now = std::chrono::steady_clock::now();
    if (reopening_failure_ && now - last_reopening_ < options.retry_interval) throw *reopening_failure_;
    last_reopening_ = now;
    try {
      // All of them, or SQLite goes on from how far it believes to have copied the log.
      checkpointer->close();
      readers->close();
      if (writing) writing->keep_log_on_close();
      writing.reset();
      auto connection = open_for_writing(options, 0, LeftInLog::kMustNotBe);
      checkpointer->open(open_for_checkpoints());
      watch_log(*connection);
      readers->open();
      writing = std::move(connection);
    } catch (const Error& error) {
      reopening_failure_ = error;
      throw;
    }
    reopening_failure_.reset();
    reopenings.fetch_add(1, std::memory_order_relaxed);
    troubles.note(Trouble::Part::kCheckpoints, nullptr);
  }

  std::chrono::steady_clock::time_point last_reopening_;  // of the writer's thread, like the next
  std::optional<Error> reopening_failure_;
};

Store::Store(Options options, const Clock& clock) : impl_(std::make_unique<Impl>(std::move(options), clock)) {}
Store::~Store() = default;

// --- deliveries ---

RecordedDelivery Store::record_delivery(const NewDelivery& delivery) {
  auto prepared = std::make_shared<const PreparedDelivery>(delivery, impl_->record_options);
  auto recorded =
      impl_->writer->run<RecordedDelivery>("recording delivery " + in_quotes(delivery.id), prepared->bytes(),
                                           [prepared, options = &impl_->record_options](Connection& connection) {
                                             return store::record_delivery(connection, *prepared, *options);
                                           });
  if (StoreMetrics* metrics = impl_->metrics()) metrics->note_recorded(recorded.outcome);
  return recorded;
}

void Store::record_delivery(NewDelivery delivery, RecordDone done) noexcept {
  std::unique_ptr<Writer::Ticket> ticket;
  try {
    PreparedDelivery prepared(std::move(delivery), impl_->record_options);
    ticket = std::make_unique<RecordTicket>(std::move(prepared), impl_->record_options, impl_->metrics(), done);
  } catch (const Error& error) {
    done(nullptr, &error);
    return;
  } catch (const std::bad_alloc&) {
    const Error error(ErrorKind::kExhausted, "recording a delivery: out of memory");
    done(nullptr, &error);
    return;
  }
  impl_->writer->submit(std::move(ticket));
}

std::optional<Delivery> Store::find_delivery(const std::string& id) const {
  std::optional<StoredEvidence> evidence;
  std::optional<Delivery> delivery =
      impl_->readers->run([&](Connection& connection) { return load_delivery(connection, id, evidence); });
  if (delivery) complete_delivery(*delivery, evidence, impl_->options.expand_decisions);
  return delivery;
}

DeliveryPage Store::list_deliveries(const DeliveryQuery& query) const {
  return impl_->readers->run([&](Connection& connection) { return store::list_deliveries(connection, query); });
}

Store::DeletedDelivery Store::delete_delivery(const std::string& id) {
  const auto deleted = impl_->writer->run<DeletedDelivery>(
      "deleting delivery " + in_quotes(id), kSmallWriteBytes,
      [id, now = impl_->clock.now(), cache = &impl_->record_cache](Connection& connection) {
        index_deliveries(connection, *cache);
        cache->clear();
        return DeletedDelivery{.jobs = erase_delivery(connection, id, now)};
      });
  impl_->checkpointer->want_truncation();
  return deleted;
}

bool Store::erase_more() {
  const bool merged = impl_->writer->run<bool>("erasing deleted words", kSmallWriteBytes,
                                               [](Connection& connection) { return erase_words(connection); });
  if (!merged) impl_->checkpointer->want_truncation();
  return !merged || impl_->checkpointer->wants_truncation();
}

std::int64_t Store::index_older_texts(int limit) {
  const auto count = [this] {
    return impl_->readers->run([](Connection& connection) { return count_older_texts(connection); });
  };
  if (!impl_->options.search_text || count() == 0) return 0;
  impl_->write("indexing words of older deliveries",
               [limit, text_of = impl_->options.search_text](Connection& connection) {
                 store::index_older_texts(connection, text_of, limit);
               });
  return count();
}

// --- triggers ---

std::vector<PendingTrigger> Store::pending_triggers(int limit) const {
  return impl_->readers->run([&](Connection& connection) { return load_pending_triggers(connection, limit); });
}

std::optional<Trigger> Store::find_trigger(const std::string& id) const {
  return impl_->readers->run([&](Connection& connection) { return load_trigger(connection, id); });
}

std::vector<TriggerBacklog> Store::trigger_backlog() const {
  return impl_->readers->run([](Connection& connection) { return load_trigger_backlog(connection); });
}

void Store::mark_trigger_started(const std::string& id, const std::string& pipeline_execution_id, Timestamp started_at,
                                 std::optional<Timestamp> unclaimed_deadline) {
  impl_->write("marking trigger " + in_quotes(id) + " as started",
               [id, pipeline_execution_id, started_at, unclaimed_deadline](Connection& connection) {
                 store::mark_trigger_started(connection, id, pipeline_execution_id, started_at, unclaimed_deadline);
               });
}

void Store::mark_trigger_ended(const std::string& id, TriggerState state, const std::string& reason) {
  impl_->write("ending trigger " + in_quotes(id), [id, state, reason](Connection& connection) {
    store::mark_trigger_ended(connection, id, state, reason);
  });
}

void Store::reschedule_trigger(const std::string& id, Timestamp next_attempt_at, const std::string& error) {
  impl_->write("rescheduling trigger " + in_quotes(id), [id, next_attempt_at, error](Connection& connection) {
    store::reschedule_trigger(connection, id, next_attempt_at, error);
  });
}

DeferredTriggers Store::deferred_triggers(Timestamp now, int limit) const {
  return impl_->readers->run([&](Connection& connection) { return load_deferred_triggers(connection, now, limit); });
}

void Store::defer_trigger(const std::string& id, Timestamp until, const std::string& reason) {
  impl_->write("deferring trigger " + in_quotes(id),
               [id, until, reason](Connection& connection) { store::defer_trigger(connection, id, until, reason); });
}

void Store::clear_trigger(const std::string& id, Timestamp time) {
  impl_->write("letting trigger " + in_quotes(id) + " go",
               [id, time](Connection& connection) { store::clear_trigger(connection, id, time); });
}

void Store::release_trigger(const std::string& id) {
  impl_->write("releasing trigger " + in_quotes(id),
               [id, now = impl_->clock.now()](Connection& connection) { store::release_trigger(connection, id, now); });
}

void Store::decide_trigger(const std::string& id, const std::string& decisions_json,
                           const std::map<std::string, std::string>& variables, AwaitsPaths awaits_paths) {
  impl_->write("deciding trigger " + in_quotes(id),
               [id, decisions_json, variables = encode_map(variables), awaits_paths](Connection& connection) {
                 store::decide_trigger(connection, id, decisions_json, variables, awaits_paths);
               });
}

std::vector<AwaitingTrigger> Store::triggers_awaiting_paths(int limit) const {
  return impl_->readers->run([&](Connection& connection) { return load_triggers_awaiting_paths(connection, limit); });
}

std::vector<std::string> Store::settle_paths(const PathsSettlement& settlement) {
  std::size_t bytes = kSmallWriteBytes + settlement.decisions_json.size();
  for (const PathsOutcome& outcome : settlement.outcomes) {
    bytes += sizeof outcome + outcome.reason.size() + outcome.note.size();
    for (const std::string& pipeline : outcome.pipelines) bytes += sizeof pipeline + pipeline.size();
  }
  return impl_->writer->run<std::vector<std::string>>(
      "settling triggers of delivery " + in_quotes(settlement.delivery_id), bytes,
      [settlement = std::make_shared<const PathsSettlement>(settlement), options = &impl_->record_options](
          Connection& connection) { return store::settle_paths(connection, *settlement, *options); });
}

std::optional<Trigger> Store::find_trigger_of_execution(const std::string& pipeline,
                                                        const std::string& pipeline_execution_id) const {
  return impl_->readers->run(
      [&](Connection& connection) { return load_trigger_of_execution(connection, pipeline, pipeline_execution_id); });
}

std::vector<Trigger> Store::unclaimed_triggers(Timestamp now, int limit) const {
  return impl_->readers->run([&](Connection& connection) { return load_unclaimed_triggers(connection, now, limit); });
}

std::optional<Timestamp> Store::next_unclaimed_deadline() const {
  return impl_->readers->run([](Connection& connection) { return load_next_unclaimed_deadline(connection); });
}

void Store::clear_unclaimed_deadline(const std::string& trigger_id, const std::string& note) {
  impl_->write("ending the watch over trigger " + in_quotes(trigger_id), [trigger_id, note](Connection& connection) {
    store::clear_unclaimed_deadline(connection, trigger_id, note);
  });
}

// --- jobs ---

std::string Store::journal_job(const Job& job) {
  std::string fallback_id = job.id.empty() ? make_uuid_v7(impl_->clock) : std::string();
  return impl_->writer->run<std::string>(
      "journalling job " + in_quotes(job.job_id), kSmallWriteBytes + job.result_json.size(),
      [job, fallback_id](Connection& connection) { return store::journal_job(connection, job, fallback_id); });
}

void Store::update_job(const Job& job) {
  impl_->writer->run<void>("updating job " + in_quotes(job.id), kSmallWriteBytes + job.result_json.size() + job.work_result_json.size(),
                           [job](Connection& connection) { store::update_job(connection, job); });
}

void Store::interrupt_works() {
  impl_->writer->run<void>("ending works", kSmallWriteBytes,
                           [](Connection& connection) { store::interrupt_works(connection); });
}

std::optional<Job> Store::find_job(const std::string& id) const {
  return impl_->readers->run([&](Connection& connection) { return load_job(connection, id); });
}

HistoryCounts Store::count_history(Timestamp from, Timestamp until) const {
  return impl_->readers->run([&](Connection& connection) { return store::count_history(connection, from, until); });
}

JobPage Store::list_jobs(const JobQuery& query) const {
  return impl_->readers->run([&](Connection& connection) { return store::list_jobs(connection, query); });
}

std::vector<Job> Store::unfinished_jobs() const {
  return impl_->readers->run([](Connection& connection) { return load_unfinished_jobs(connection); });
}

void Store::append_job_log(const std::string& id, const std::vector<LogLine>& lines) {
  if (lines.empty()) return;
  std::size_t bytes = kSmallWriteBytes;
  for (const LogLine& line : lines) bytes += line.text.size() + sizeof line;
  impl_->writer->run<void>("writing the log of job " + in_quotes(id), bytes,
                           [id, lines](Connection& connection) { store::append_job_log(connection, id, lines); });
}

std::vector<LogLine> Store::job_log(const std::string& id, std::int64_t after_sequence, int limit) const {
  return impl_->readers->run(
      [&](Connection& connection) { return load_job_log(connection, id, after_sequence, limit); });
}

// --- sign-ups ---

void Store::record_sign_up(const NewSignUp& sign_up) {
  impl_->write("recording a sign-up of client " + in_quotes(sign_up.client_id),
               [sign_up](Connection& connection) { store::record_sign_up(connection, sign_up); });
}

bool Store::is_sign_up_request_used(const std::string& digest) const {
  return impl_->readers->run(
      [&](Connection& connection) { return store::is_sign_up_request_used(connection, digest); });
}

std::vector<SignUp> Store::sign_ups_of(const std::string& action_type, const std::string& client_id) const {
  return impl_->readers->run([&](Connection& connection) { return load_sign_ups(connection, action_type, client_id); });
}

std::vector<SignUp> Store::sign_ups_after(std::int64_t number, int limit) const {
  return impl_->readers->run([&](Connection& connection) { return load_sign_ups_after(connection, number, limit); });
}

void Store::confirm_sign_up(std::int64_t number, Timestamp time) {
  impl_->write("confirming sign-up " + std::to_string(number),
               [number, time](Connection& connection) { store::confirm_sign_up(connection, number, time); });
}

void Store::replace_sealed_token(std::int64_t number, const std::string& before, const std::string& after) {
  impl_->write("sealing sign-up " + std::to_string(number) + " anew", [number, before, after](Connection& connection) {
    store::replace_sealed_token(connection, number, before, after);
  });
}

// --- upkeep ---

int Store::prune(Timestamp before, int limit) {
  int deleted = 0;
  bool more = true;
  while (more && deleted < limit) {
    int share = std::min(kPruneStep, limit - deleted);
    // Each step waits its turn in the queue, so that deliveries come in between.
    PruneStep step = impl_->writer->run<PruneStep>(
        "pruning the history", kSmallWriteBytes,
        [before, share, now = impl_->clock.now(), cache = &impl_->record_cache](Connection& connection) {
          index_deliveries(connection, *cache);
          cache->clear();
          return prune_step(connection, before, now, share);
        });
    deleted += step.deleted;
    more = step.more;
  }
  return deleted;
}

void Store::check_writable() {
  impl_->write("checking that the history can be written", Impl::touch);
}

Store::Stats Store::Impl::stats() const {
  Writer::Counts writes = writer->counts();
  Checkpointer::Counts checkpoints = checkpointer->counts();
  return {.committed_writes = writes.committed_writes,
          .failed_writes = writes.failed_writes,
          .commits = writes.commits,
          .refused_writes = writes.refused_writes,
          .late_writes = writes.late_writes,
          .waiting_writes = writes.waiting,
          .checkpoints = checkpoints.checkpoints,
          .log_restarts = checkpoints.restarts,
          .checkpoint_failures = checkpoints.failures,
          .log_pages = static_cast<std::uint64_t>(checkpoints.log_pages),
          .reopenings = reopenings.load(std::memory_order_relaxed),
          .writing_trouble = troubles.current(Trouble::Part::kWriting),
          .checkpoint_trouble = troubles.current(Trouble::Part::kCheckpoints)};
}

Store::Stats Store::stats() const {
  return impl_->stats();
}

}  // namespace penstock::store
