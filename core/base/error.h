// The one exception type. A kind says what the caller should do; the message says what happened, for a person.
//
// Messages read "gerund + object: cause", lower case, no full stop, user data quoted:
//   uploading "bucket/key.zip": HTTP 403 AccessDenied
// They never contain a secret: whoever puts foreign text into a message has redacted it first.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace penstock {

enum class ErrorKind {
  kInvalidInput,     // what the caller sent is wrong; sending it again cannot help
  kConfiguration,    // a setting is wrong; a person must change it
  kUnauthenticated,  // no credential or a wrong or expired one
  kPermission,       // the credential is good and not allowed to do this
  kNotFound,         // the named thing does not exist
  kConflict,         // the thing is in a state that forbids this now
  kRateLimited,      // slow down and try again
  kUnavailable,      // a fault that passes: network, 5xx, locked database; try again
  kTimeout,          // a deadline passed; what was asked may or may not have happened
  kCancelled,        // somebody asked us to stop
  kExhausted,        // a bound was reached: disk full, body too large, queue full
  kCorrupt,          // stored data contradicts itself
  kInternal,         // a fault of ours
};

// "invalid input", "unavailable", … for logs and tests.
std::string_view to_string(ErrorKind kind) noexcept;

// True for kinds after which the same call may succeed later without anyone changing anything.
bool is_transient(ErrorKind kind) noexcept;

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  ErrorKind kind() const noexcept { return kind_; }

  // The service's own code where there is one ("ThrottlingException", "AccessDenied", "TF401019"), else empty.
  const std::string& code() const noexcept { return code_; }
  Error& with_code(std::string code) {
    code_ = std::move(code);
    return *this;
  }

  // True when the request, or an earlier attempt of it, may have been carried out although no answer was seen: after a
  // dropped connection an InvalidNonceException can be the echo of our own success.
  bool may_have_happened() const noexcept { return may_have_happened_; }
  Error& with_may_have_happened(bool value) {
    may_have_happened_ = value;
    return *this;
  }

  // The same error with "context: " in front, for callers that know more about the object.
  Error with_context(std::string_view context) const;

 private:
  ErrorKind kind_;
  std::string code_;
  bool may_have_happened_ = false;
};

}  // namespace penstock
