#include "core/aws/refreshing_credentials.h"

#include <utility>

#include "core/base/ids.h"

namespace penstock::aws {

namespace {

constexpr std::chrono::minutes kRefreshBefore{15};
constexpr std::chrono::seconds kPauseWithCredentials{60};
constexpr std::chrono::seconds kPauseWithout{2};
// Several calls that failed with the same expired credentials are one reason to read new ones, not several.
constexpr std::chrono::seconds kMinAge{1};

}  // namespace

bool RefreshingCredentials::is_usable(Timestamp now) const {
  return current_ && !invalidated_ &&
         (!current_->expires_at || *current_->expires_at > now || expired_ == Expired::kKeepExpired);
}

Credentials RefreshingCredentials::get() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const Timestamp now = clock_.now();
    const bool usable = is_usable(now);
    if (usable && (!current_->expires_at || *current_->expires_at - now > kRefreshBefore)) return *current_;
    const bool pausing = not_before_ && clock_.steady_now() < *not_before_;
    if (usable && (refreshing_ || pausing)) return *current_;
    if (!refreshing_) {
      if (pausing && last_error_) throw Error(*last_error_);
      return refresh(lock);
    }
    refreshed_.wait(lock, [this] { return !refreshing_; });
    if (last_error_ && !is_usable(clock_.now())) throw Error(*last_error_);
  }
}

Credentials RefreshingCredentials::refresh(std::unique_lock<std::mutex>& lock) {
  refreshing_ = true;
  lock.unlock();
  std::optional<Credentials> fresh;
  std::optional<Error> error;
  try {
    fresh = load_();
  } catch (const Error& thrown) {
    error = thrown;
  } catch (const std::exception& thrown) {
    error = Error(ErrorKind::kInternal, std::string("reading AWS credentials: ") + thrown.what());
  }
  lock.lock();
  refreshing_ = false;
  const auto steady = clock_.steady_now();
  if (fresh) {
    const bool stale = fresh->expires_at && *fresh->expires_at - clock_.now() <= kRefreshBefore;
    current_ = std::move(fresh);
    invalidated_ = false;
    loaded_at_ = steady;
    last_error_.reset();
    // The source has nothing better yet; asking it at every call would not change that.
    not_before_ = stale ? std::optional(steady + kPauseWithCredentials) : std::nullopt;
    if (!is_usable(clock_.now())) {
      last_error_ = Error(ErrorKind::kUnauthenticated, "reading AWS credentials: they had expired already");
    }
  } else {
    last_error_ = std::move(error);
    // Old ones that were called expired may have been called so by mistake, but are not given out again.
    const auto pause = is_usable(clock_.now()) ? kPauseWithCredentials : kPauseWithout;
    not_before_ = steady + std::chrono::milliseconds(static_cast<std::int64_t>(
                               (0.5 + 0.5 * random_unit()) * static_cast<double>(pause.count()) * 1000));
  }
  refreshed_.notify_all();
  if (is_usable(clock_.now())) return *current_;
  throw Error(*last_error_);
}

void RefreshingCredentials::invalidate() {
  std::lock_guard guard(mutex_);
  if (loaded_at_ && clock_.steady_now() - *loaded_at_ < kMinAge) return;
  invalidated_ = true;
  not_before_.reset();
}

}  // namespace penstock::aws
