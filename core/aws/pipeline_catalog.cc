#include "core/aws/pipeline_catalog.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "core/base/error.h"

namespace penstock::aws {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::chrono::seconds kFirstPause{5};
constexpr std::chrono::seconds kLongestPause{300};
constexpr std::size_t kMaxQueue = 1000;

}  // namespace

struct PipelineCatalog::State {
  struct Entry {
    std::optional<PipelineDescription> description;
    std::optional<SteadyTime> read_at, not_before;
    std::optional<Error> error;  // of the last attempt
    int failures = 0;
    bool reading = false;  // by some thread
    bool queued = false;
    SteadyTime asked_at{};
  };

  Options options;
  std::shared_ptr<CodePipelineClient> client;
  const Clock& clock;
  mutable std::mutex mutex;
  std::condition_variable_any changed;
  std::map<std::string, Entry> entries;
  std::deque<std::string> queue;
  std::jthread thread;

  bool is_fresh(const Entry& entry) const {
    return entry.read_at && clock.steady_now() - *entry.read_at < options.refresh_after;
  }
  bool may_try(const Entry& entry) const { return !entry.not_before || clock.steady_now() >= *entry.not_before; }

  Entry& touch(const std::string& pipeline) {
    if (!entries.contains(pipeline) && entries.size() >= options.max_pipelines) {
      auto oldest = entries.end();
      for (auto it = entries.begin(); it != entries.end(); ++it) {
        if (it->second.reading || it->second.queued) continue;
        if (oldest == entries.end() || it->second.asked_at < oldest->second.asked_at) oldest = it;
      }
      if (oldest != entries.end()) entries.erase(oldest);
    }
    Entry& entry = entries[pipeline];
    entry.asked_at = clock.steady_now();
    return entry;
  }

  void want(const std::string& pipeline, Entry& entry) {
    if (is_fresh(entry) || entry.reading || entry.queued || !may_try(entry) || queue.size() >= kMaxQueue) return;
    entry.queued = true;
    queue.push_back(pipeline);
    changed.notify_all();
  }

  // Calls GetPipeline without the lock. The entry stays: what is being read is not forgotten.
  void read(std::unique_lock<std::mutex>& lock, const std::string& pipeline, const std::stop_token& stop) {
    entries[pipeline].reading = true;
    lock.unlock();
    std::optional<PipelineDescription> description;
    std::optional<Error> error;
    try {
      description = client->get_pipeline(pipeline, stop);
    } catch (const Error& thrown) {
      error = thrown;
    } catch (const std::exception& thrown) {
      error = Error(ErrorKind::kInternal, "reading the pipeline: " + std::string(thrown.what()));
    }
    lock.lock();
    Entry& entry = entries[pipeline];
    entry.reading = false;
    if (description) {
      entry.description = std::move(description);
      entry.read_at = clock.steady_now();
      entry.not_before.reset();
      entry.error.reset();
      entry.failures = 0;
    } else {
      const auto pause =
          std::min<std::chrono::seconds>(kFirstPause * (1 << std::min(entry.failures, 10)), kLongestPause);
      ++entry.failures;
      entry.not_before = clock.steady_now() + pause;
      entry.error = std::move(error);
    }
    changed.notify_all();
  }

  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (!stop.stop_requested() && changed.wait(lock, stop, [this] { return !queue.empty(); })) {
      const std::string pipeline = std::move(queue.front());
      queue.pop_front();
      Entry& entry = entries[pipeline];
      entry.queued = false;
      if (!entry.reading && !is_fresh(entry)) read(lock, pipeline, stop);
    }
  }
};

PipelineCatalog::PipelineCatalog(Options options, std::shared_ptr<CodePipelineClient> client, const Clock& clock)
    : state_(new State{.options = options,
                       .client = std::move(client),
                       .clock = clock,
                       .mutex = {},
                       .changed = {},
                       .entries = {},
                       .queue = {},
                       .thread = {}}) {
  state_->thread = std::jthread([state = state_.get()](std::stop_token stop) { state->run(stop); });
}

PipelineCatalog::~PipelineCatalog() = default;

std::optional<PipelineDescription> PipelineCatalog::find(const std::string& pipeline) {
  std::lock_guard guard(state_->mutex);
  State::Entry& entry = state_->touch(pipeline);
  state_->want(pipeline, entry);
  return entry.description;
}

PipelineDescription PipelineCatalog::load(const std::string& pipeline) {
  std::unique_lock lock(state_->mutex);
  for (bool tried = false;; tried = true) {
    const State::Entry& entry = state_->touch(pipeline);
    if (state_->is_fresh(entry)) return *entry.description;
    if (entry.reading) {
      state_->changed.wait(lock, [&] { return !state_->entries[pipeline].reading; });
      const State::Entry& read = state_->entries[pipeline];
      if (read.error) throw Error(*read.error);
      if (read.description) return *read.description;
      continue;
    }
    // Callers that retry in a hurry get the last answer until the pause is over.
    if (entry.error && (tried || !state_->may_try(entry))) throw Error(*entry.error);
    state_->read(lock, pipeline, state_->thread.get_stop_token());
  }
}

std::optional<std::map<std::string, std::string>> PipelineCatalog::find_configuration(const std::string& pipeline,
                                                                                      const std::string& action) {
  const auto description = find(pipeline);
  if (!description) return std::nullopt;
  const auto found = std::ranges::find(description->actions, action, &PipelineAction::name);
  return found == description->actions.end() ? std::nullopt : std::optional(found->configuration);
}

std::optional<std::string> PipelineCatalog::last_error(const std::string& pipeline) const {
  std::lock_guard guard(state_->mutex);
  const auto found = state_->entries.find(pipeline);
  if (found == state_->entries.end() || !found->second.error) return std::nullopt;
  return found->second.error->what();
}

}  // namespace penstock::aws
