// Triggers that wait for the changed paths of their push: fetch, compare, judge.
//
// What is here only in memory is which pushes are being compared. What dies before its settlement is on disk is done
// again and comes to the same; see docs/adr/0010.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/base/time.h"
#include "core/base/wake.h"
#include "core/git/changed_paths.h"
#include "core/hooks/webhook.h"
#include "core/store/store.h"
#include "core/telemetry/log.h"
#include "core/trigger/paths_judgement.h"
#include "core/trigger/paths_policy.h"
#include "core/trigger/paths_source.h"
#include "core/trigger/webhook_list.h"

namespace penstock::trigger {

// Threads: one that looks what waits (blocks on the store and on a wake), and `concurrency` that compare (block on
// fetches, on AWS while a source is found, and on the store). Thread-safe.
class PathsStage {
 public:
  // Replaced on reload.
  struct Settings {
    PathsPolicy policy;
    git::PushedRef::NewRef new_ref = git::PushedRef::NewRef::kMergeBase;
    std::shared_ptr<const WebhookList> webhooks = std::make_shared<const WebhookList>();
  };
  struct Options {
    int concurrency = 4;             // comparisons at a time; each holds one list of paths, see git::PathLimits
    std::size_t per_repository = 2;  // of these, so that one server that does not answer leaves room for others
    std::chrono::milliseconds fetch_timeout{std::chrono::minutes(10)};   // less when a trigger's time-out comes first,
    std::chrono::milliseconds shortest_fetch{std::chrono::seconds(30)};  // but not less than this
    std::chrono::milliseconds longest_pause{std::chrono::seconds(15)};
  };
  struct Parts {
    store::Store& store;
    const PathsSources& sources;
    // git::load_changed_paths() with the source's credentials, whose remote and login it fills in.
    std::function<git::PushedPaths(const PathsSource& source, git::PushedRef push)> compare;
    Wake& settled;  // notified when triggers wait no longer
    const Clock& clock;
    const telemetry::Log& log;
    // Held by whoever reads, changes and writes a delivery's decisions.
    std::shared_ptr<std::mutex> decisions = std::make_shared<std::mutex>();
  };
  PathsStage(Options options, Parts parts);
  ~PathsStage();  // stop and join

  // What waits for its next attempt is tried at once: that may be what was repaired. Comparisons under way are judged
  // by the new settings.
  void set(std::shared_ptr<const Settings> settings);

  void start();
  void wake() { wake_.notify(); }
  // Begins nothing new; fetches under way are given up, and their triggers wait on. Does not block.
  void request_stop();
  void join();

  struct Waiting {
    std::size_t count = 0;
    std::optional<Timestamp> oldest;  // when the first of them came
  };
  Waiting waiting() const;  // as last seen in the store

 private:
  // The triggers of one push.
  struct Group {
    std::string push_key, repository;
    std::vector<std::string> trigger_ids;
    bool is_due = false;
    std::optional<Timestamp> next_due;
  };
  struct Item;
  struct Comparison;

  void look(std::stop_token stop);
  std::chrono::milliseconds look_once();
  std::vector<Group> read_groups(Timestamp now);
  void work(std::stop_token stop);
  void handle(const Group& group, const std::stop_token& stop);
  std::vector<Item> load_items(const Group& group) const;
  std::vector<Comparison> plan(std::vector<Item>& items) const;
  // False when it was stopped.
  bool compare(Comparison& comparison, const std::stop_token& stop) const;
  void judge(Item& item, const git::PushedPaths& paths) const;
  void fail(Item& item, const Error& error) const;
  void settle(const std::vector<Item>& items);
  void log_outcome(const Item& item) const;
  std::shared_ptr<const Settings> settings() const;
  std::chrono::milliseconds age(const store::Trigger& trigger) const;

  const Options options_;
  const Parts parts_;
  Wake wake_;

  mutable std::mutex mutex_;
  std::condition_variable_any queued_;
  // Guarded by mutex_:
  std::shared_ptr<const Settings> settings_;
  bool try_all_ = false;  // as the settings are new
  Waiting waiting_;
  std::deque<Group> queue_;
  std::map<std::string, std::string> in_flight_;  // pushes, with their repositories; also those in the queue
  // Only the thread that looks touches it: pushes that are tried before their time, each once.
  std::set<std::string> tried_early_;

  std::vector<std::jthread> threads_;  // last: they end before the rest goes
};

}  // namespace penstock::trigger
