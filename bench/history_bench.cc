// A history of two million deliveries: what a page costs, whatever it is filtered by; an export; and recording new
// deliveries while others read.
//
//   history_bench [--deliveries N] [--each-nth N] [--folder PATH] [--keep] [--json FILE]
//
// Without --deliveries a small history and each 61st of the ten thousand combinations of filters, which checks that the
// bench works. PENSTOCK_BENCH_FOLDER says where the file
// is made; it has about 2 KB for each delivery.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/base/digest.h"
#include "core/base/files.h"
#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/json/json.h"
#include "core/store/deliveries.h"
#include "core/store/jobs.h"
#include "core/store/schema.h"
#include "core/store/sqlite.h"
#include "core/store/store.h"
#include "server/history_json.h"

namespace penstock {
namespace {

using std::chrono::steady_clock;

constexpr std::int64_t kRepositories = 200, kBranches = 5000, kPipelines = 150;

// Wall clock and the thread's own CPU: on a busy machine the first says little.
class Stopwatch {
 public:
  double wall_ms() const { return std::chrono::duration<double, std::milli>(steady_clock::now() - begin_).count(); }
  double cpu_ms() const { return cpu() - cpu_begin_; }

 private:
  static double cpu() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
  }
  const steady_clock::time_point begin_ = steady_clock::now();
  const double cpu_begin_ = cpu();
};

double milliseconds_since(steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(steady_clock::now() - begin).count();
}

long resident_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::atol(line.c_str() + 6);
  return 0;
}

// Ninety days that end now.
class PastClock final : public Clock {
 public:
  explicit PastClock(std::int64_t deliveries)
      : begin_(SystemClock().now() - std::chrono::hours(90 * 24)),
        step_(std::max<std::int64_t>(1, 90LL * 86'400'000 / std::max<std::int64_t>(deliveries, 1))) {}
  Timestamp now() const override { return begin_ + std::chrono::milliseconds(step_ * number_); }
  std::chrono::steady_clock::time_point steady_now() const override { return steady_clock::now(); }
  void go_to(std::int64_t number) { number_ = number; }

 private:
  const Timestamp begin_;
  const std::int64_t step_;
  std::int64_t number_ = 0;
};

// Ten words of a vocabulary in which some are in every second message and most are rare.
std::string make_message(std::int64_t number) {
  std::string text = number % 2 ? "fix the crane" : "merge branch of somebody";
  std::uint64_t state = static_cast<std::uint64_t>(number) * 0x9e3779b97f4a7c15u + 1;
  for (int i = 0; i < 6; ++i) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    const std::uint64_t range = std::uint64_t{1} << (4 + state % 12);
    text += " word" + std::to_string((state >> 20) % range);
  }
  return text + " #" + std::to_string(number);
}

// Everything follows from the number, so that filters of all densities meet, seldom or never.
store::NewDelivery make_delivery(const Clock& clock, const std::vector<std::shared_ptr<const store::WebhookSet>>& sets,
                                 std::int64_t number) {
  store::NewDelivery delivery;
  delivery.id = make_uuid_v7(clock);
  delivery.received_at = clock.now();
  delivery.endpoint = "azure-devops";
  delivery.remote_address = "192.0.2.7";
  const std::int64_t repository = number % 3 == 0 ? 0 : number % kRepositories;  // one has a third of all
  const bool triggers = number % 7 == 0;
  delivery.outcome = triggers                ? store::Outcome::kTriggered
                     : number % 100'003 == 1 ? store::Outcome::kTest
                     : number % 50 == 1      ? store::Outcome::kDuplicate
                                             : store::Outcome::kFiltered;
  delivery.reason = triggers ? "1 webhook matched" : "no webhook matched";
  delivery.event_type = number % 10 == 3 ? "git.pullrequest.updated" : "git.push";
  delivery.event_id = make_uuid_v4();
  delivery.subscription_id = "7d1b3f6e-0a53-4b43-9c55-3a1f0c1b7a11";
  delivery.publisher_id = "tfs";
  delivery.notification_id = number;
  delivery.duplicate_key = delivery.subscription_id + "/" + std::to_string(number);
  delivery.repository_id = "1b6c2f0d-98a5-4c0e-8a57-6d3a86a4a" + std::to_string(100 + repository);
  delivery.repository_name = number == 777 ? "rare" : "repository-" + std::to_string(repository);
  delivery.project = "Fabrikam";
  delivery.ref_updates = {{number % 2 ? "refs/heads/main" : "refs/heads/feature/" + std::to_string(number % kBranches),
                           std::string(40, '0'), sha256_hex(std::to_string(number)).substr(0, 40)}};
  delivery.search_text = delivery.repository_name + "\n" + make_message(number);
  delivery.webhook_set = sets[static_cast<std::size_t>(number / 50'000) % sets.size()];
  delivery.evidence = std::string(200, 'e');
  delivery.request_headers_json = R"({"Content-Type":"application/json; charset=utf-8"})";
  delivery.body = std::string(500, 'b');
  delivery.body_bytes = delivery.body.size();
  if (triggers) {
    store::NewTrigger trigger;
    trigger.push_key = delivery.repository_id + "|" + std::to_string(number);
    trigger.webhook = "webhook-" + std::to_string(number % 20);
    // Half of a pipeline's deliveries are of the great repository.
    trigger.pipeline = "pipeline-" + std::to_string(number % kPipelines);
    trigger.action = "Source";
    trigger.ref = delivery.ref_updates[0].name;
    trigger.commit_id = delivery.ref_updates[0].new_object_id;
    delivery.triggers = {trigger};
  }
  return delivery;
}

store::Job make_job(const Clock& clock, std::int64_t number) {
  store::Job job;
  job.id = make_uuid_v7(clock);
  job.job_id = make_uuid_v4();
  job.action_type = number % 4 ? "Source/Custom/AzureDevOpsRepo/1" : "Build/Custom/MyBuild/1";
  job.handler = number % 4 ? "git-source" : "command";
  job.pipeline = "pipeline-" + std::to_string(number % kPipelines);
  job.pipeline_execution_id = make_uuid_v4();
  job.state = number % 300 == 7 ? store::JobState::kFailed : store::JobState::kSucceeded;
  job.claimed_at = clock.now();
  job.finished_at = clock.now();
  return job;
}

store::Store::Options store_options(const std::filesystem::path& path) {
  store::Store::Options options;
  options.path = path;
  options.make_request_token = [](const std::string& push_key, const std::string& webhook, const std::string& pipeline,
                                  int generation) {
    return sha256_hex(push_key + webhook + pipeline + std::to_string(generation));
  };
  options.expand_decisions = [](std::string_view, std::string_view) { return "[]"; };
  return options;
}

std::vector<std::shared_ptr<const store::WebhookSet>> make_sets() {
  std::vector<std::shared_ptr<const store::WebhookSet>> sets;
  for (int i = 0; i < 12; ++i) {
    auto set = std::make_shared<store::WebhookSet>();
    for (int name = 0; name < 20; ++name) set->names.push_back("webhook-" + std::to_string(name));
    set->names.push_back("only-in-" + std::to_string(i));
    set->content = std::string(4000, 'w') + std::to_string(i);
    set->id = sha256_hex(set->content);
    sets.push_back(std::move(set));
  }
  return sets;
}

// As the store itself records them, in transactions of 2000.
void fill(const std::filesystem::path& path, std::int64_t deliveries) {
  store::create_database_file(path);
  store::Connection connection(path, store::Connection::Mode::kReadWrite, std::chrono::milliseconds(1000));
  store::prepare_database(connection, 0);
  connection.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000");
  PastClock clock(deliveries);
  store::RecordCache cache;
  const store::Store::Options made = store_options(path);
  const store::RecordOptions options{
      .clock = &clock, .make_request_token = made.make_request_token, .max_rejected = 1000, .cache = &cache};
  const auto sets = make_sets();
  for (std::int64_t number = 0; number < deliveries;) {
    {
      store::Transaction transaction(connection, store::Transaction::Kind::kWrite);
      for (int i = 0; i < 2000 && number < deliveries; ++i, ++number) {
        clock.go_to(number);
        store::record_delivery(connection, store::PreparedDelivery(make_delivery(clock, sets, number), options),
                               options);
        if (number % 7 == 0) store::journal_job(connection, make_job(clock, number), "");
      }
      store::index_deliveries(connection, cache);
      connection.execute("UPDATE triggers SET state = 'started' WHERE state = 'pending'");
      transaction.commit();
    }
    if (number % 20'000 == 0) connection.checkpoint(store::Connection::Checkpoint::kRestart);
  }
}

struct Case {
  std::string name;
  store::DeliveryQuery query;
};

std::vector<Case> make_cases() {
  struct Part {
    const char* name;
    std::function<void(store::DeliveryQuery&)> set;
  };
  const Timestamp now = SystemClock().now();
  const std::vector<std::vector<Part>> parts = {
      {{"greatRepository", [](auto& q) { q.repository = "repository-0"; }},
       {"repository", [](auto& q) { q.repository = "repository-17"; }},
       {"rareRepository", [](auto& q) { q.repository = "rare"; }}},
      {{"filtered", [](auto& q) { q.outcome = store::Outcome::kFiltered; }},
       {"triggered", [](auto& q) { q.outcome = store::Outcome::kTriggered; }},
       {"test", [](auto& q) { q.outcome = store::Outcome::kTest; }}},
      {{"main", [](auto& q) { q.ref = "refs/heads/main"; }},
       {"feature", [](auto& q) { q.ref = "refs/heads/feature/42"; }}},
      {{"pipeline", [](auto& q) { q.pipeline = "pipeline-5"; }}},
      {{"push", [](auto& q) { q.event_type = "git.push"; }},
       {"pullRequest", [](auto& q) { q.event_type = "git.pullrequest.updated"; }}},
      {{"webhook", [](auto& q) { q.webhook = "webhook-3"; }}, {"oldWebhook", [](auto& q) { q.webhook = "only-in-0"; }}},
      {{"range",
        [now](auto& q) {
          q.since = now - std::chrono::hours(40 * 24);
          q.until = now - std::chrono::hours(30 * 24);
        }}},
      {{"commonWord", [](auto& q) { q.words = "crane"; }},
       {"twoWords", [](auto& q) { q.words = "fix word3"; }},
       {"neverTogether", [](auto& q) { q.words = "fix merge"; }},
       {"rareWord", [](auto& q) { q.words = "word30011"; }},
       {"prefix", [](auto& q) { q.words = "wo*"; }}},
  };
  std::vector<Case> cases;
  std::function<void(std::size_t, Case)> go = [&](std::size_t at, Case made) {
    if (at == parts.size()) {
      cases.push_back(std::move(made));
      return;
    }
    go(at + 1, made);
    for (const Part& part : parts[at]) {
      Case narrower = made;
      narrower.name += (narrower.name.empty() ? "" : "+") + std::string(part.name);
      part.set(narrower.query);
      go(at + 1, std::move(narrower));
    }
  };
  go(0, {});
  return cases;
}

struct Timing {
  Timing(std::string of, const Stopwatch& watch) : name(std::move(of)), ms(watch.wall_ms()), cpu_ms(watch.cpu_ms()) {}
  std::string name;
  double ms, cpu_ms;
};

void report(json::Json& out, const std::string& title, std::vector<Timing> timings, std::size_t cut_off) {
  json::Json result = {{"pages", timings.size()}, {"cutOff", cut_off}};
  std::printf("%-10s %6zu pages, %zu cut off\n", title.c_str(), timings.size(), cut_off);
  for (const bool cpu : {false, true}) {
    const auto time = [&](const Timing& timing) { return cpu ? timing.cpu_ms : timing.ms; };
    std::sort(timings.begin(), timings.end(), [&](const Timing& a, const Timing& b) { return time(a) > time(b); });
    const auto at = [&](double share) {
      return time(timings[static_cast<std::size_t>(static_cast<double>(timings.size() - 1) * (1 - share))]);
    };
    const auto over =
        std::count_if(timings.begin(), timings.end(), [&](const Timing& each) { return time(each) > 50; });
    std::printf("  %-5s median %.2f ms, 99 %% %.2f ms, slowest %.2f ms (%s), over 50 ms: %td\n", cpu ? "CPU" : "wall",
                at(0.5), at(0.99), time(timings[0]), timings[0].name.c_str(), over);
    result[cpu ? "cpu" : "wall"] = {{"medianMs", at(0.5)},
                                    {"p99Ms", at(0.99)},
                                    {"slowestMs", time(timings[0])},
                                    {"slowest", timings[0].name},
                                    {"over50Ms", over}};
  }
  std::fflush(stdout);
  out[title] = std::move(result);
}

void measure_pages(store::Store& store, std::size_t each_nth, json::Json& out) {
  std::vector<Timing> first, next, deep;
  std::size_t cut_off = 0, cut_off_next = 0;
  std::vector<Case> cases = make_cases();
  for (std::size_t i = 0; i < cases.size(); i += each_nth) {
    Case& each = cases[i];
    const Stopwatch watch;
    store::DeliveryPage page = store.list_deliveries(each.query);
    first.emplace_back(each.name, watch);
    if (!page.next_cursor.empty() && page.deliveries.size() < 50) ++cut_off;
    for (int further = 0; further < 3 && !page.next_cursor.empty(); ++further) {
      each.query.cursor = page.next_cursor;
      const Stopwatch again;
      page = store.list_deliveries(each.query);
      next.emplace_back(each.name, again);
      if (!page.next_cursor.empty() && page.deliveries.size() < 50) ++cut_off_next;
    }
  }
  report(out, "first", std::move(first), cut_off);
  report(out, "next", std::move(next), cut_off_next);
  // Far down in a list: a thousand pages of 500, of which only the last ones are timed.
  for (const bool filtered : {false, true}) {
    store::DeliveryQuery query;
    query.limit = 500;
    if (filtered) query.event_type = "git.push";
    for (int i = 0; i < 1000; ++i) {
      const Stopwatch watch;
      const store::DeliveryPage page = store.list_deliveries(query);
      if (i >= 900 || page.next_cursor.empty()) deep.emplace_back(filtered ? "push" : "all", watch);
      if (page.next_cursor.empty()) break;
      query.cursor = page.next_cursor;
    }
  }
  report(out, "deep (500)", std::move(deep), 0);

  std::vector<Timing> jobs;
  for (const char* pipeline : {"", "pipeline-5", "pipeline-6", "none"}) {
    for (const char* type : {"", "Source/Custom/AzureDevOpsRepo/1", "Build/Custom/MyBuild/1"}) {
      for (const auto state : {std::optional<store::JobState>(), std::optional(store::JobState::kSucceeded),
                               std::optional(store::JobState::kFailed), std::optional(store::JobState::kRunning)}) {
        store::JobQuery query;
        if (*pipeline) query.pipeline = pipeline;
        if (*type) query.action_type = type;
        query.state = state;
        const Stopwatch watch;
        store.list_jobs(query);
        jobs.emplace_back(std::string(pipeline) + "+" + type + (state ? "+" + std::string(to_string(*state)) : ""),
                          watch);
      }
    }
  }
  report(out, "jobs", std::move(jobs), 0);
}

// What the server's export does for each page, until `enough` says so.
std::int64_t export_lines(store::Store& store, const std::function<bool(std::int64_t)>& enough) {
  store::DeliveryQuery query;
  query.limit = 500;
  std::int64_t rows = 0;
  for (;;) {
    const store::DeliveryPage page = store.list_deliveries(query);
    std::string lines;
    for (const store::Delivery& delivery : page.deliveries) (lines += server::delivery_line(delivery)) += '\n';
    rows += static_cast<std::int64_t>(page.deliveries.size());
    if (page.next_cursor.empty() || enough(rows)) return rows;
    query.cursor = page.next_cursor;
  }
}

void measure_export(store::Store& store, json::Json& out) {
  long before = 0, most = 0;
  const Stopwatch watch;
  const std::int64_t rows = export_lines(store, [&](std::int64_t so_far) {
    const long now = resident_kilobytes();
    if (before == 0 && so_far >= 50'000) before = now;
    most = std::max(most, now);
    return false;
  });
  const double seconds = watch.wall_ms() / 1000;
  std::printf(
      "export     %lld rows in %.1f s: %.0f rows/s, %.1f us CPU a row; memory grew by %.1f MB after the first 50,000\n",
      static_cast<long long>(rows), seconds, static_cast<double>(rows) / seconds,
      1000 * watch.cpu_ms() / static_cast<double>(rows), before == 0 ? 0.0 : static_cast<double>(most - before) / 1024);
  out["export"] = {{"rows", rows},
                   {"rowsPerSecond", static_cast<double>(rows) / seconds},
                   {"grewKb", before == 0 ? 0 : most - before}};
}

// Eight callers that record one delivery after the other.
double record_for(store::Store& store, std::int64_t& number, std::chrono::milliseconds duration) {
  const auto sets = make_sets();
  std::atomic<std::int64_t> next{number};
  std::atomic<std::int64_t> done{0};
  const auto end = steady_clock::now() + duration;
  const auto begin = steady_clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      SystemClock clock;
      while (steady_clock::now() < end) {
        store.record_delivery(make_delivery(clock, sets, next.fetch_add(1)));
        done.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  number = next.load();
  return static_cast<double>(done.load()) / (milliseconds_since(begin) / 1000);
}

// Recording alone and beside an export, in turns, as a disk and a machine are not the same from one second to the next.
void measure_recording(store::Store& store, std::int64_t number, std::chrono::milliseconds slice, int turns,
                       json::Json& out) {
  double alone = 0, beside = 0;
  for (int turn = 0; turn < turns; ++turn) {
    alone += record_for(store, number, slice) / turns;
    std::atomic<bool> stop{false};
    std::thread reading([&] {
      while (!stop)
        export_lines(store, [&](std::int64_t) {
          // A client on a line that takes about 20,000 rows a second.
          std::this_thread::sleep_for(std::chrono::milliseconds(10));
          return stop.load();
        });
    });
    beside += record_for(store, number, slice) / turns;
    stop = true;
    reading.join();
  }
  std::printf("recording    %.0f deliveries/s alone, %.0f beside an export: %.1f %% fewer\n", alone, beside,
              100 * (1 - beside / alone));
  out["recording"] = {{"alone", alone}, {"besideExport", beside}};
}

int run(std::int64_t deliveries, const std::filesystem::path& folder, std::size_t each_nth, bool keep,
        const std::string& json_path) {
  const std::filesystem::path path = folder / "history_bench.db";
  json::Json out;
  if (!std::filesystem::exists(path)) {
    const auto begin = steady_clock::now();
    fill(path, deliveries);
    const double seconds = milliseconds_since(begin) / 1000;
    std::printf("made         %lld deliveries in %.1f s\n", static_cast<long long>(deliveries), seconds);
    out["fillSeconds"] = seconds;
  }
  std::printf("size         %.0f bytes for each delivery\n",
              static_cast<double>(std::filesystem::file_size(path)) / static_cast<double>(deliveries));
  {
    SystemClock clock;
    store::Store store(store_options(path), clock);
    const bool small = deliveries < 100'000;
    measure_pages(store, each_nth, out);
    measure_export(store, out);
    measure_recording(store, deliveries, std::chrono::milliseconds(small ? 20 : 5000), small ? 1 : 4, out);
  }
  if (!json_path.empty()) std::ofstream(json_path) << out.dump(1) << "\n";
  if (!keep) {
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path.string() + suffix);
  }
  return 0;
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) {
  std::int64_t deliveries = 2'000;
  std::size_t each_nth = 61;
  bool keep = false;
  std::string folder, json_path;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
    if (argument == "--deliveries") {
      deliveries = std::atoll(value());
    } else if (argument == "--folder") {
      folder = value();
    } else if (argument == "--json") {
      json_path = value();
    } else if (argument == "--each-nth") {
      each_nth = static_cast<std::size_t>(std::max(1LL, std::atoll(value())));
    } else if (argument == "--keep") {
      keep = true;
    } else if (argument.starts_with("--benchmark_out=")) {  // as bench/run.sh calls every bench: the whole
      json_path = argument.substr(std::strlen("--benchmark_out="));
      deliveries = 2'000'000;
      each_nth = 1;
    }
  }
  if (folder.empty()) {
    if (const char* wanted = std::getenv("PENSTOCK_BENCH_FOLDER")) folder = wanted;
  }
  if (!folder.empty()) return penstock::run(deliveries, folder, each_nth, keep, json_path);
  penstock::TemporaryDirectory temporary;
  return penstock::run(deliveries, temporary.path(), each_nth, false, json_path);
}
