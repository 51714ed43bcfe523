// Credentials that expire, kept fresh by whoever asks first.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/aws/credentials.h"
#include "core/base/error.h"

namespace penstock::aws {

// Thread-safe. One caller refreshes, from 15 minutes before they expire; meanwhile the others go on with what there is,
// or wait for it when there is nothing usable. After a failed refresh the old ones serve on (for ever with
// `kKeepExpired`: the service decides, and metadata services have been seen to hand out expired ones for a while), and
// nobody tries again for a minute; when there is nothing to serve, for two seconds.
class RefreshingCredentials final : public CredentialsProvider {
 public:
  enum class Expired { kRefuse, kKeepExpired };
  // `load` blocks with its own deadlines and throws Error.
  RefreshingCredentials(std::function<Credentials()> load, Expired expired, const Clock& clock)
      : load_(std::move(load)), expired_(expired), clock_(clock) {}

  Credentials get() override;
  void invalidate() override;

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  bool is_usable(Timestamp now) const;
  Credentials refresh(std::unique_lock<std::mutex>& lock);

  const std::function<Credentials()> load_;
  const Expired expired_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable refreshed_;
  bool refreshing_ = false;
  bool invalidated_ = false;
  std::optional<Credentials> current_;
  std::optional<SteadyTime> loaded_at_, not_before_;
  std::optional<Error> last_error_;
};

}  // namespace penstock::aws
