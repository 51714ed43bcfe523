#include "core/base/error.h"

namespace penstock {

std::string_view to_string(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::kInvalidInput:
      return "invalid input";
    case ErrorKind::kConfiguration:
      return "configuration";
    case ErrorKind::kUnauthenticated:
      return "unauthenticated";
    case ErrorKind::kPermission:
      return "permission";
    case ErrorKind::kNotFound:
      return "not found";
    case ErrorKind::kConflict:
      return "conflict";
    case ErrorKind::kRateLimited:
      return "rate limited";
    case ErrorKind::kUnavailable:
      return "unavailable";
    case ErrorKind::kTimeout:
      return "timeout";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kExhausted:
      return "exhausted";
    case ErrorKind::kCorrupt:
      return "corrupt";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "unknown";
}

bool is_transient(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::kRateLimited:
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
      return true;
    case ErrorKind::kInvalidInput:
    case ErrorKind::kConfiguration:
    case ErrorKind::kUnauthenticated:
    case ErrorKind::kPermission:
    case ErrorKind::kNotFound:
    case ErrorKind::kConflict:
    case ErrorKind::kCancelled:
    case ErrorKind::kExhausted:
    case ErrorKind::kCorrupt:
    case ErrorKind::kInternal:
      return false;
  }
  return false;
}

Error Error::with_context(std::string_view context) const {
  Error result(kind_, std::string(context) + ": " + what());
  result.code_ = code_;
  result.may_have_happened_ = may_have_happened_;
  return result;
}

}  // namespace penstock
