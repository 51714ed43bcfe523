// The contract between the worker, which knows CodePipeline, and what a job actually does: a job goes in, success,
// continuation or failure comes out.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>

#include "core/aws/codepipeline.h"
#include "core/aws/credentials.h"
#include "core/base/time.h"

namespace penstock::jobs {

// What was uploaded, for the history.
struct ArtifactFacts {
  std::string bucket, key, sha256;
  std::uint64_t bytes = 0, entries = 0;
};

struct Success {
  std::optional<aws::CurrentRevision> current_revision;
  std::map<std::string, std::string> output_variables;
  std::string external_execution_id, summary;
};
// This job is done, the action is not: CodePipeline makes a new job that carries the token.
struct Continue {
  // All that the next job needs, at most kMaxContinuationState bytes; it finds it as its job's token. On its way it is
  // wrapped into a token that nobody else can make (continuation_tokens.h).
  std::string continuation_token;
  std::string external_execution_id, summary;
  std::optional<int> percent_complete;
};
struct Fail {
  aws::FailureType type = aws::FailureType::kJobFailed;
  std::string message;  // a person can act on it; cut to 5,000 characters
  std::string external_execution_id;
};
using Result = std::variant<Success, Continue, Fail>;

// What the job is to build, when the history knows.
struct PushedRevision {
  std::string commit_id, ref;
};

// How far the handler is.
struct Progress {
  std::optional<int> percent;  // 0 to 100
  std::string summary;
};

// Whether the job was begun before, by a process that ended meanwhile.
enum class Attempt { kFirst, kResumed };

// What a handler may use while it runs. Thread-safe but for what is said.
class Context {
 public:
  virtual ~Context() = default;

  // Valid while run() runs. Holds credentials and secret configuration values: never log it.
  virtual const aws::PipelineJob& job() const = 0;
  // Names this job in files and logs; unique, safe in a path.
  virtual const std::string& id() const = 0;
  // The push that started this execution, for the action that it was meant for; nothing for a manual start.
  virtual const std::optional<PushedRevision>& pushed() const = 0;

  virtual Attempt attempt() const = 0;

  // A line for the job's own log, which people read: no secrets. Cut when long; never blocks on the disk.
  virtual void log(std::string_view line) = 0;
  // Adds to the seconds of a phase ("fetch", "zip", "upload").
  virtual void add_phase(const std::string& name, std::chrono::duration<double> duration) = 0;
  // What is known so far of what is built; shown while the job runs. Not from several threads at once.
  virtual void set_revision(const std::string& commit_id, const std::string& ref) = 0;
  virtual void set_artifact(const ArtifactFacts& artifact) = 0;
  // Shown while the job runs; with several jobs also by CodePipeline.
  virtual void set_progress(const Progress& progress) = 0;

  // Requested when the job's time is up, its execution was stopped, or the program ends. A handler must return, or
  // throw Error{kCancelled}, soon after.
  virtual std::stop_token stop() const = 0;
  virtual std::chrono::steady_clock::time_point deadline() const = 0;
  // The job's credentials for its artifacts, read anew with GetJobDetails before they are 15 minutes old.
  virtual aws::CredentialsProvider& credentials() = 0;
};

// Measures a phase until it goes out of scope.
class PhaseTimer {
 public:
  PhaseTimer(Context& context, std::string name)
      : context_(context), name_(std::move(name)), begin_(std::chrono::steady_clock::now()) {}
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;
  ~PhaseTimer() { context_.add_phase(name_, std::chrono::steady_clock::now() - begin_); }

 private:
  Context& context_;
  const std::string name_;
  const std::chrono::steady_clock::time_point begin_;
};

// Called for several jobs at once, from the threads of a worker's pool. The same job may be run again after a crash,
// or beside another worker that was given it too: running it twice must end in the same artifact.
class Handler {
 public:
  // Whether a job's result may reach CodePipeline by other ways than run()'s answer, which then comes too late.
  enum class SelfReport { kNever, kPossible };

  virtual ~Handler() = default;
  virtual std::string_view name() const noexcept = 0;  // "git-source"
  virtual SelfReport self_report() const noexcept { return SelfReport::kNever; }
  // An exception is a failure; failure_policy.h says of which type.
  virtual Result run(Context& context) = 0;
};

}  // namespace penstock::jobs
