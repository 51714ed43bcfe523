#include "server/browser_sessions.h"

#include <span>

#include "core/base/digest.h"
#include "core/base/ids.h"

namespace penstock::server {
namespace {

constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kTokenCharacters = 43;

}  // namespace

std::string BrowserSessions::open(BrowserSession session) {
  std::string bytes(kTokenBytes, '\0');
  fill_random(std::as_writable_bytes(std::span(bytes)));
  std::string token = to_base64url(bytes);
  std::string digest = sha256_hex(token);
  session.id = digest.substr(0, 16);
  std::lock_guard lock(mutex_);
  entries_.push_front({std::move(digest), std::make_shared<const BrowserSession>(std::move(session))});
  by_digest_[entries_.front().digest] = entries_.begin();
  if (entries_.size() > max_sessions_) {
    by_digest_.erase(entries_.back().digest);
    entries_.pop_back();
  }
  return token;
}

std::shared_ptr<const BrowserSession> BrowserSessions::find(std::string_view token) {
  if (token.size() != kTokenCharacters) return nullptr;
  const std::string digest = sha256_hex(token);
  std::lock_guard lock(mutex_);
  const auto found = by_digest_.find(digest);
  if (found == by_digest_.end()) return nullptr;
  if (found->second->session->ends > clock_.now()) return found->second->session;
  entries_.erase(found->second);
  by_digest_.erase(found);
  return nullptr;
}

bool BrowserSessions::close(std::string_view token) {
  const std::string digest = sha256_hex(token);
  std::lock_guard lock(mutex_);
  const auto found = by_digest_.find(digest);
  if (found == by_digest_.end()) return false;
  entries_.erase(found->second);
  by_digest_.erase(found);
  return true;
}

std::size_t BrowserSessions::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace penstock::server
