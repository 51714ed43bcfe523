// Stops executions whose source job nobody claims, so that a pipeline does not hang for CodePipeline's 24 hours.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "core/aws/client.h"
#include "core/aws/codepipeline.h"
#include "core/base/time.h"
#include "core/base/wake.h"
#include "core/store/store.h"
#include "core/telemetry/log.h"
#include "core/trigger/unclaimed_policy.h"

namespace penstock::trigger {

// One thread. Thread-safe.
class UnclaimedWatch {
 public:
  struct Options {
    std::chrono::milliseconds timeout{std::chrono::minutes(5)};  // 0 = nothing is watched, no thread
    std::chrono::milliseconds shortest_look{std::chrono::seconds(5)};
    std::chrono::milliseconds longest_look{std::chrono::seconds(30)};
    // One that waits its turn is looked at again so much later.
    std::chrono::milliseconds waiting_look{std::chrono::seconds(60)};
  };
  struct Parts {
    store::Store& store;
    std::shared_ptr<aws::CodePipelineClient> codepipeline;
    // For GetPipelineState. May be null: then every unclaimed execution counts as one whose stage has begun.
    std::shared_ptr<aws::Client> codepipeline_client;
    const Clock& clock;
    const telemetry::Log& log;
  };
  UnclaimedWatch(Options options, Parts parts);
  ~UnclaimedWatch();  // stops and joins; blocks at most for the AWS call that is under way

  void start();
  void request_stop();
  // A deadline was set: the thread looks when to wake next.
  void notify() { wake_.notify(); }

  // One round over all that are overdue; the thread's body, public for tests.
  void look();

 private:
  void run(std::stop_token stop);
  // GetPipelineState's answers of one round, by pipeline; empty = it could not be read.
  using States = std::map<std::string, std::string>;
  void judge(const store::Trigger& trigger, States& states);
  Place find_place_of(const store::Trigger& trigger, States& states);

  const Options options_;
  const Parts parts_;
  Wake wake_;
  // Only the thread (or the test that calls look()) touches these.
  struct Watched {
    std::optional<std::chrono::steady_clock::time_point> last_waiting;
    std::chrono::steady_clock::time_point look_again{};
  };
  std::map<std::string, Watched> watched_;  // by trigger id
  std::jthread thread_;                     // last: joins before the rest goes
};

}  // namespace penstock::trigger
