// What a failed `git fetch` meant, read from what it printed. Pure: the texts are git's, libcurl's, OpenSSH's and Azure
// DevOps's, and each has a line in the table of the tests.
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.h"

namespace penstock::git {

enum class FetchFault {
  // What the next attempt may cure.
  kIdRefused,      // the server does not give out this commit by its id
  kRefMissing,     // the server has no such ref
  kMirrorDamaged,  // our own objects cannot be read
  kStaleLock,      // a lock file of a git that was killed
  // What goes to the caller.
  kHostKeyChanged,
  kHostKeyUnknown,
  kSshKeyUnusable,
  kSshNegotiation,
  kUnauthenticated,
  kSignInPage,
  kForbidden,          // without a reason
  kPermissionMissing,  // the server knows who asks
  kRepositoryMissing,
  kMoved,
  kCertificate,
  kProxy,
  kRateLimited,
  kNameUnresolved,
  kUnreachable,
  kServerFault,
  kDiskFull,
  kLocalPermission,
  kMalformedObjects,
  kObjectFormat,
  kProtocol,
  kUnknown,
};

struct FetchDiagnosis {
  FetchFault fault = FetchFault::kUnknown;
  std::string detail;       // the line that tells most, printable, bounded, without user info
  std::string azure_code;   // "TF401019"; empty = none
  std::string fingerprint;  // "SHA256:…" of the host key that was offered; ssh only
  bool had_credential = true;
};

FetchDiagnosis diagnose_fetch(std::string_view standard_error);

// The error for a person: `remote` is what was fetched from, without secrets.
Error make_fetch_error(const FetchDiagnosis& diagnosis, std::string_view remote);

// One line of foreign text made fit for logs and messages: no control characters, no user info, at most 300 characters.
std::string printable_line(std::string_view line);

}  // namespace penstock::git
