// What the requests of one LfsObjects::fetch have in common: server, login, deadline, stop, repetition, and the wording
// of what went wrong. Private to this module.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/git/lfs.h"
#include "core/git/lfs_protocol.h"
#include "core/git/remote.h"
#include "core/http/transport.h"
#include "core/http/url.h"

namespace penstock::git {

// Thread-safe. What it is made of must outlive it.
class LfsSession {
 public:
  // What is thrown for faults that may pass, and caught by try_repeatedly().
  struct Passing {
    Error error;
    std::optional<std::chrono::milliseconds> hint = {};
  };

  LfsSession(const LfsObjects::Options& options, const LfsRequest& request, const Remote& remote,
             std::chrono::steady_clock::time_point deadline);
  LfsSession(const LfsSession&) = delete;
  LfsSession& operator=(const LfsSession&) = delete;
  ~LfsSession();

  const LfsObjects::Options& options() const noexcept { return options_; }
  const LfsRequest& request() const noexcept { return request_; }
  const Remote& remote() const noexcept { return remote_; }
  // The Authorization header's value; empty = none.
  std::string_view authorization() const;

  void stop() { stop_.request_stop(); }
  // `position` says how far the last try got.
  void try_repeatedly(const std::function<void()>& once, const std::function<std::uint64_t()>& position = {});
  // With deadline and stop.
  http::Request new_request() const;
  // Throws Passing for what may pass.
  http::Response send(const http::Request& request, const std::string& doing) const;
  // An address that the server sends us to, unless it is one that nobody should follow.
  const http::Url& checked(const std::optional<http::Url>& url, const std::string& doing) const;

  std::string doing() const;
  std::string doing(const LfsObject& object) const;
  Error make_error(const std::string& doing, const LfsVerdict& verdict, std::string_view server_message) const;
  // To the job's log.
  void report(const std::string& line);
  // The caller's functions are called one at a time.
  void in_turn(const std::function<void()>& tell);

 private:
  struct Stop {
    std::stop_source& source;
    void operator()() const noexcept { source.request_stop(); }
  };

  const LfsObjects::Options& options_;
  const LfsRequest& request_;
  const Remote& remote_;
  const std::chrono::steady_clock::time_point deadline_;
  std::vector<std::string> secrets_;  // what foreign texts must not show
  std::stop_source stop_;
  const std::stop_callback<Stop> stop_with_caller_;
  std::mutex mutex_;  // held while the caller's functions run
};

}  // namespace penstock::git
