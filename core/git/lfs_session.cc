#include "core/git/lfs_session.h"

#include <algorithm>
#include <utility>

#include "core/base/secret.h"
#include "core/base/text.h"
#include "core/git/fetch_errors.h"
#include "core/git/progress.h"

namespace penstock::git {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A download that got so much farther before it was cut counts as a fresh one: the larger, the more often it is cut.
constexpr std::uint64_t kProgress = 1u << 20;

std::vector<std::string> secrets_of(const Credential& credential) {
  const auto* header = std::get_if<HttpHeaderCredential>(&credential);
  if (header == nullptr) return {};
  const std::string_view value = header->authorization.reveal();
  std::vector<std::string> secrets;
  secrets.reserve(2);  // no copies that nobody wipes
  secrets.emplace_back(value);
  secrets.emplace_back(trim(value.substr(std::min(value.find(' '), value.size()))));
  return secrets;
}

}  // namespace

LfsSession::LfsSession(const LfsObjects::Options& options, const LfsRequest& request, const Remote& remote,
                       steady_clock::time_point deadline)
    : options_(options),
      request_(request),
      remote_(remote),
      deadline_(deadline),
      secrets_(secrets_of(request.credential)),
      stop_with_caller_(request.stop, Stop{stop_}) {}

LfsSession::~LfsSession() {
  for (std::string& secret : secrets_) wipe(secret);
}

void LfsSession::try_repeatedly(const std::function<void()>& once, const std::function<std::uint64_t()>& position) {
  std::uint64_t farthest = 0;
  for (int attempt = 1;; ++attempt) {
    if (stop_.stop_requested()) throw Error(ErrorKind::kCancelled, doing() + ": stopped");
    std::optional<Passing> fault;
    try {
      return once();
    } catch (const Passing& passing) {
      fault = passing;
    }
    if (position && position() >= farthest + kProgress) {
      farthest = position();
      attempt = 1;
    }
    const milliseconds delay = retry_delay(options_.backoff, attempt, options_.random_unit(), fault->hint);
    if (attempt >= options_.max_attempts || steady_clock::now() + delay >= deadline_) throw fault->error;
    report(fault->error.what() + ("; trying again in " + std::to_string(delay.count()) + " ms"));
    options_.sleep(delay, stop_.get_token());
  }
}

http::Request LfsSession::new_request() const {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline_ - steady_clock::now());
  if (left <= milliseconds(0)) throw Error(ErrorKind::kTimeout, doing() + ": not done in time");
  http::Request request;
  request.total_timeout = left;
  request.stop = stop_.get_token();
  return request;
}

http::Response LfsSession::send(const http::Request& request, const std::string& doing) const {
  try {
    return options_.transport->send(request);
  } catch (const Error& error) {
    if (!error.code().empty()) throw;  // one of ours, from a callback
    const Error told = error.with_context(doing);
    if (error.kind() == ErrorKind::kUnavailable || error.kind() == ErrorKind::kTimeout) throw Passing{told};
    throw told;
  }
}

std::string_view LfsSession::authorization() const {
  const auto* header = std::get_if<HttpHeaderCredential>(&request_.credential);
  return header != nullptr ? header->authorization.reveal() : std::string_view();
}

const http::Url& LfsSession::checked(const std::optional<http::Url>& url, const std::string& doing) const {
  const auto refuse = [&](const std::string& cause) {
    throw Error(ErrorKind::kConfiguration, doing + ": the server sends us to an address that " + cause)
        .with_code("LfsProtocol");
  };
  if (!url) refuse("is no http(s) URL");
  if (!url->user_info.empty()) refuse("has a login in it");
  const bool loopback = is_loopback(remote_.host) && is_loopback(url->host);
  if (url->scheme != "https" && !loopback) refuse("is not https: " + in_quotes(url->origin() + url->path));
  return *url;
}

std::string LfsSession::doing() const {
  return "fetching LFS objects from " + in_quotes(remote_.normalized());
}

std::string LfsSession::doing(const LfsObject& object) const {
  return "fetching the LFS object of " + in_quotes(object.path) + " (" + object.pointer.oid + ") from " +
         in_quotes(remote_.normalized());
}

Error LfsSession::make_error(const std::string& doing, const LfsVerdict& verdict,
                             std::string_view server_message) const {
  std::string text = doing + ": " + verdict.cause;
  const std::string message = printable_line(mask(server_message, secrets_));
  if (!message.empty()) text += " [" + message + "]";
  return Error(verdict.kind, text).with_code(std::string(verdict.code));
}

void LfsSession::report(const std::string& line) {
  in_turn([&] {
    if (request_.on_progress) request_.on_progress(line);
  });
}

void LfsSession::in_turn(const std::function<void()>& tell) {
  const std::lock_guard lock(mutex_);
  tell();
}

}  // namespace penstock::git
