#include "core/authz/key_ring.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace penstock::authz {
namespace {

// The thread wakes this often to see whether a refresh is due; what is asked for wakes it at once.
constexpr auto kLookAround = std::chrono::seconds(30);

}  // namespace

KeyRing::KeyRing(Options options, Load load, const Clock& clock, const telemetry::Log& log)
    : options_(std::move(options)),
      load_(std::move(load)),
      clock_(clock),
      log_(log),
      current_pause_(options_.pause),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

KeyRing::~KeyRing() = default;

std::shared_ptr<const JwkSet> KeyRing::trusted() const {
  return loaded_at_ && clock_.steady_now() - *loaded_at_ < options_.expire ? keys_ : nullptr;
}

bool KeyRing::may_load(TimePoint now) const {
  return !tried_at_ || now - *tried_at_ >= current_pause_;
}

void KeyRing::want() {
  wanted_ = true;
  wanted_changed_.notify_all();
}

std::shared_ptr<const JwkSet> KeyRing::keys() {
  std::lock_guard lock(mutex_);
  const TimePoint now = clock_.steady_now();
  const bool is_due = !loaded_at_ || now - *loaded_at_ >= options_.refresh;
  if (is_due && !loading_ && !wanted_ && may_load(now)) want();
  return trusted();
}

void KeyRing::refresh() {
  std::lock_guard lock(mutex_);
  want();
}

KeyRing::Newer KeyRing::newer_than(const std::shared_ptr<const JwkSet>& seen) {
  std::unique_lock lock(mutex_);
  const auto newer = [&]() -> std::shared_ptr<const JwkSet> {
    auto current = trusted();
    return current == seen ? nullptr : current;
  };
  if (auto found = newer()) return {std::move(found), false};
  const bool knows_none = trusted() == nullptr;
  if (!loading_ && !wanted_) {
    if (!may_load(clock_.steady_now())) return {nullptr, knows_none};
    want();
  }
  if (waiting_ >= options_.max_waiting) return {nullptr, true};
  ++waiting_;
  const std::uint64_t round = rounds_;
  const bool answered = loaded_.wait_for(lock, options_.patience, [&] { return rounds_ != round; });
  --waiting_;
  auto found = newer();
  const bool come_again = !found && (!answered || trusted() == nullptr);
  return {std::move(found), come_again};
}

std::optional<std::chrono::milliseconds> KeyRing::age() const {
  std::lock_guard lock(mutex_);
  if (!loaded_at_) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady_now() - *loaded_at_);
}

void KeyRing::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      wanted_changed_.wait_for(lock, stop, kLookAround, [&] { return wanted_; });
      if (stop.stop_requested()) return;
      const TimePoint now = clock_.steady_now();
      const bool is_due = !loaded_at_ || now - *loaded_at_ >= options_.refresh;
      if (!wanted_ && !(is_due && may_load(now))) continue;
      wanted_ = false;
      loading_ = true;
      tried_at_ = now;
    }
    load_once(stop);
  }
}

void KeyRing::load_once(const std::stop_token& stop) {
  std::shared_ptr<const JwkSet> fresh;
  std::string cause;
  try {
    fresh = std::make_shared<const JwkSet>(load_(stop));
    if (fresh->size() == 0) {
      cause = "no key of the set can be used" + (fresh->left_out().empty() ? "" : ": " + fresh->left_out().front());
      fresh = nullptr;
    }
  } catch (const std::exception& error) {
    cause = error.what();
  }
  std::lock_guard lock(mutex_);
  loading_ = false;
  ++rounds_;
  loaded_.notify_all();
  if (stop.stop_requested()) return;
  if (fresh) {
    log_.debug("signing keys loaded",
               {{"provider", options_.name}, {"keys", fresh->size()}, {"leftOut", fresh->left_out().size()}});
    keys_ = std::move(fresh);
    loaded_at_ = clock_.steady_now();
    current_pause_ = options_.pause;
    return;
  }
  current_pause_ = std::min(current_pause_ * 2, std::max(options_.longest_pause, options_.pause));
  log_.warning(trusted() ? "loading signing keys failed; the known ones stay in use"
                         : "loading signing keys failed, and none are known: its tokens are refused",
               {{"provider", options_.name}, {"error", cause}});
}

}  // namespace penstock::authz
