// What recording one delivery costs the writer's thread, and what a disk costs it.
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/files.h"
#include "core/base/handle.h"
#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/store/deliveries.h"
#include "core/store/schema.h"
#include "core/store/sqlite.h"

namespace penstock::store {
namespace {

// A git.push of 4 KB that 20 webhooks judged and one matched.
NewDelivery make_push(const Clock& clock, const std::shared_ptr<const WebhookSet>& webhooks, std::int64_t number) {
  NewDelivery delivery;
  delivery.id = make_uuid_v7(clock);
  delivery.received_at = clock.now();
  delivery.endpoint = "azure-devops";
  delivery.remote_address = "192.0.2.7";
  delivery.outcome = Outcome::kTriggered;
  delivery.reason = "1 webhook matched";
  delivery.event_type = "git.push";
  delivery.event_id = make_uuid_v4();
  delivery.subscription_id = "7d1b3f6e-0a53-4b43-9c55-3a1f0c1b7a11";
  delivery.publisher_id = "tfs";
  delivery.notification_id = number;
  delivery.duplicate_key = delivery.subscription_id + "/" + std::to_string(number);
  // Forty repositories in turn.
  delivery.repository_id = "1b6c2f0d-98a5-4c0e-8a57-6d3a86a4a8" + std::to_string(10 + number % 40);
  delivery.repository_name = "repository-" + std::to_string(number % 40);
  delivery.project = "Fabrikam";
  delivery.ref_updates = {{"refs/heads/feature/" + std::to_string(number % 200), std::string(40, '0'),
                           sha256_hex(std::to_string(number)).substr(0, 40)}};
  delivery.search_text = delivery.repository_name + "\nFix the crane of berth " + std::to_string(number) +
                         "\n\nIt turned too far when the wind was strong.";
  delivery.webhook_set = webhooks;
  delivery.evidence = std::string(2048, 'e');
  delivery.request_headers_json =
      R"({"Content-Type":"application/json; charset=utf-8","User-Agent":"VSServices/19.225","Content-Length":"4096"})";
  delivery.body = std::string(4096, 'b');
  delivery.body_bytes = delivery.body.size();
  delivery.body_sha256 = sha256_hex(std::to_string(number));
  NewTrigger trigger;
  trigger.push_key = delivery.repository_id + "|" + std::to_string(number) + "|" + delivery.ref_updates[0].name + "|" +
                     delivery.ref_updates[0].new_object_id;
  trigger.webhook = "webhook-" + std::to_string(number % 20);
  trigger.pipeline = "pipeline-" + std::to_string(number % 20);
  trigger.action = "Source";
  trigger.ref = delivery.ref_updates[0].name;
  trigger.commit_id = delivery.ref_updates[0].new_object_id;
  trigger.variables = {{"BRANCH", "main"}};
  delivery.triggers = {trigger};
  return delivery;
}

RecordOptions record_options(const Clock& clock, RecordCache* cache) {
  return {.clock = &clock,
          .make_request_token =
              [](const std::string& push_key, const std::string& webhook, const std::string& pipeline, int generation) {
                return sha256_hex(push_key + webhook + pipeline + std::to_string(generation));
              },
          .max_rejected = 1000,
          .cache = cache};
}

// Groups of range(0) deliveries, without syncs, in a history that has range(1) of them already. Only the writer's part
// is timed, in CPU time of its thread.
void record_group(benchmark::State& state) {
  TemporaryDirectory folder;
  const std::filesystem::path path = folder.path() / "history.db";
  create_database_file(path);
  Connection connection(path, Connection::Mode::kReadWrite, std::chrono::milliseconds(100));
  prepare_database(connection, 0);
  connection.execute("PRAGMA synchronous = OFF");
  int log_pages = 0;
  connection.set_commit_hook([&](int pages) { log_pages = pages; });
  SystemClock clock;
  RecordCache cache;
  const RecordOptions options = record_options(clock, &cache);
  auto set = std::make_shared<WebhookSet>();
  set->id = sha256_hex("set");
  set->content = std::string(4000, 'w');
  for (int i = 0; i < 20; ++i) set->names.push_back("webhook-" + std::to_string(i));

  std::int64_t number = 0;
  auto prepare_group = [&](std::int64_t size) {
    std::vector<std::unique_ptr<PreparedDelivery>> group;
    for (std::int64_t i = 0; i < size; ++i)
      group.push_back(std::make_unique<PreparedDelivery>(make_push(clock, set, ++number), options));
    return group;
  };
  auto record = [&](const std::vector<std::unique_ptr<PreparedDelivery>>& group) {
    Transaction transaction(connection, Transaction::Kind::kWrite);
    for (const auto& prepared : group) benchmark::DoNotOptimize(record_delivery(connection, *prepared, options));
    if (group.size() < 4 || count_unindexed(connection, cache) >= 256) index_deliveries(connection, cache);
    transaction.commit();
  };
  while (number < state.range(1)) {
    record(prepare_group(256));
    connection.checkpoint(Connection::Checkpoint::kRestart);
  }
  std::int64_t pages = 0;
  for (auto step : state) {
    state.PauseTiming();
    auto group = prepare_group(state.range(0));
    const int before = log_pages;
    state.ResumeTiming();
    record(group);
    state.PauseTiming();
    pages += log_pages - before;
    if (log_pages > 4000) {
      connection.checkpoint(Connection::Checkpoint::kRestart);
      log_pages = 0;
    }
    group.clear();
    state.ResumeTiming();
  }
  const auto deliveries = static_cast<double>(state.iterations() * state.range(0));
  state.counters["per_delivery"] =
      benchmark::Counter(deliveries, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["pages"] = static_cast<double>(pages) / deliveries;
}
BENCHMARK(record_group)->Args({1, 1000})->Args({16, 1000})->Args({64, 1000})->Args({64, 20000});

// What can be made ready on the caller's thread.
void prepare_delivery(benchmark::State& state) {
  SystemClock clock;
  const RecordOptions options = record_options(clock, nullptr);
  const NewDelivery push = make_push(clock, nullptr, 1);
  for (auto step : state) {
    NewDelivery mine = push;
    PreparedDelivery prepared(std::move(mine), options);
    benchmark::DoNotOptimize(prepared);
  }
}
BENCHMARK(prepare_delivery);

// fdatasync after writing range(0) bytes at the same place: PENSTOCK_BENCH_FOLDER, or the temporary folder.
void sync_file(benchmark::State& state) {
  const char* wanted = std::getenv("PENSTOCK_BENCH_FOLDER");
  TemporaryDirectory folder(wanted ? std::filesystem::path(wanted) : std::filesystem::temp_directory_path());
  UniqueFd file(::open((folder.path() / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const std::string bytes(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto step : state) {
    if (::pwrite(file.get(), bytes.data(), bytes.size(), 0) < 0 || ::fdatasync(file.get()) != 0)
      state.SkipWithError("the file cannot be written");
  }
}
BENCHMARK(sync_file)->Arg(4096)->Arg(65536)->Arg(1 << 20)->UseRealTime();

}  // namespace
}  // namespace penstock::store

BENCHMARK_MAIN();
