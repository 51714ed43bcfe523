// Continuation tokens: what one job of an action leaves for the next, through CodePipeline and back.
//
// CodePipeline hands a token to whoever polls, and takes one from whoever may call PutJobSuccessResult. So a token is
// authenticated: HMAC-SHA-256 over the version, the handler, the run of the action, and what it holds. It is not
// encrypted. Within one run of an action an earlier token of that same run would be accepted again.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/aws/codepipeline.h"
#include "core/base/secret.h"

namespace penstock::jobs {

// What a handler's own state may have; sealed it has at most the 2,048 characters that CodePipeline takes.
inline constexpr std::size_t kMaxContinuationState = 1470;
inline constexpr std::size_t kMaxContinuationToken = 2048;
inline constexpr std::size_t kMinContinuationKey = 32;

struct Continuation {
  enum class Kind {
    kState,  // the handler's own, as it gave it
    kWork,   // the action's work was begun, and may still run
  };
  Kind kind = Kind::kState;
  std::string first_id;  // our id of the first job of the action's run, a UUID
  std::string node;      // of the server that made the token: kNodeBytes bytes
  std::string state;     // kState alone
};

// Thread-safe.
class ContinuationTokens {
 public:
  static constexpr std::size_t kNodeBytes = 8;

  // A key of this object alone.
  ContinuationTokens();
  // The first key makes tokens, all are accepted; `node` names this server among those with the same keys.
  // Error{kConfiguration} for a key that is too short.
  ContinuationTokens(const std::vector<Secret>& keys, std::string node);
  void set_keys(const std::vector<Secret>& keys);

  const std::string& node() const noexcept { return node_; }

  // Error{kInvalidInput} when the state is too long.
  std::string seal(std::string_view handler, const aws::PipelineJob& job, const Continuation& continuation) const;
  // Error{kConfiguration} for what was not made by seal() for this handler and this run of the action.
  Continuation open(std::string_view handler, const aws::PipelineJob& job) const;

 private:
  std::shared_ptr<const std::vector<Secret>> keys() const;

  const std::string node_;
  mutable std::mutex mutex_;
  std::shared_ptr<const std::vector<Secret>> keys_;  // guarded by mutex_
};

}  // namespace penstock::jobs
