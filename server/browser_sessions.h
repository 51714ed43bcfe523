// Who is signed in with a browser. The table is this process's memory: signing out really ends a session, and so does a
// restart. A browser holds a random token, the table its digest alone.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/time.h"

namespace penstock::server {

struct BrowserSession {
  std::string subject;  // of the identity provider
  std::string issuer;   // that provider: another's people are others
  std::string name;     // for people
  std::vector<std::string> scopes;
  Timestamp ends;
  // Tells sessions apart without being worth anything.
  std::string id;
};

// Thread-safe. Of more than `max_sessions` the one that began first makes room.
class BrowserSessions {
 public:
  explicit BrowserSessions(const Clock& clock, std::size_t max_sessions = 10'000)
      : clock_(clock), max_sessions_(max_sessions) {}

  // A token that was never used before, whatever the browser had: nobody can have planted it. `id` is made here.
  std::string open(BrowserSession session);
  // Null for a token that is none, and after the session's end.
  std::shared_ptr<const BrowserSession> find(std::string_view token);
  // False when there was none.
  bool close(std::string_view token);
  std::size_t size() const;

 private:
  struct Entry {
    std::string digest;
    std::shared_ptr<const BrowserSession> session;
  };
  const Clock& clock_;
  const std::size_t max_sessions_;
  mutable std::mutex mutex_;  // guards the rest
  std::list<Entry> entries_;  // the newest first
  std::unordered_map<std::string, std::list<Entry>::iterator> by_digest_;
};

}  // namespace penstock::server
