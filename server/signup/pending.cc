#include "server/signup/pending.h"

#include <array>
#include <span>
#include <utility>

#include "core/base/digest.h"
#include "core/base/ids.h"
#include "core/base/secret.h"

namespace penstock::server::signup {
namespace {

std::string make_random(std::size_t bytes) {
  std::string random(bytes, '\0');
  fill_random(std::as_writable_bytes(std::span(random)));
  return to_base64url(random);
}

}  // namespace

std::optional<PendingRequests::Ticket> PendingRequests::add(std::string_view path, std::string sealed, TimePoint now) {
  Ticket ticket{make_random(16), make_random(32)};
  std::lock_guard lock(mutex_);
  forget_late(now);
  if (entries_.size() >= options_.most) return std::nullopt;
  entries_[ticket.id] = {.path = std::string(path),
                         .sealed = std::move(sealed),
                         .cookie_digest = hash(HashAlgorithm::kSha256, ticket.cookie),
                         .ends = now + options_.lifetime};
  return ticket;
}

std::optional<std::string> PendingRequests::find(std::string_view path, std::string_view id, std::string_view cookie,
                                                 TimePoint now) {
  const std::string digest = hash(HashAlgorithm::kSha256, cookie);
  std::lock_guard lock(mutex_);
  forget_late(now);
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.path != path) return std::nullopt;
  if (!equal_in_constant_time(found->second.cookie_digest, digest)) return std::nullopt;
  return found->second.sealed;
}

void PendingRequests::remove(std::string_view id) {
  std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(id); found != entries_.end()) entries_.erase(found);
}

std::size_t PendingRequests::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

void PendingRequests::forget_late(TimePoint now) {
  std::erase_if(entries_, [&](const auto& entry) { return entry.second.ends <= now; });
}

}  // namespace penstock::server::signup
