#include "core/jobs/failure_policy.h"

#include <array>
#include <new>
#include <string_view>
#include <utility>

#include "core/base/text.h"

namespace penstock::jobs {
namespace {

using aws::FailureType;

struct CodeRow {
  std::string_view code;
  FailureType type;
};

// Codes that say more than their kind.
constexpr std::array kByCode = {
    CodeRow{"RevisionNotFound", FailureType::kRevisionUnavailable},
    CodeRow{"RevisionOutOfSync", FailureType::kRevisionOutOfSync},
    // Azure DevOps answers "not found" for a repository that the credential may not see.
    CodeRow{"RepositoryNotFound", FailureType::kPermissionError},
    CodeRow{"LfsObjectNotFound", FailureType::kRevisionUnavailable},
    CodeRow{"NoSuchBucket", FailureType::kConfigurationError},
    CodeRow{"KMS.NotFoundException", FailureType::kConfigurationError},
    CodeRow{"KMS.DisabledException", FailureType::kConfigurationError},
    CodeRow{"KMS.InvalidStateException", FailureType::kConfigurationError},
    CodeRow{"IllegalLocationConstraintException", FailureType::kConfigurationError},
};

}  // namespace

FailureType failure_type_of(const Error& error) {
  for (const CodeRow& row : kByCode) {
    if (error.code() == row.code) return row.type;
  }
  switch (error.kind()) {
    case ErrorKind::kConfiguration:
      return FailureType::kConfigurationError;
    case ErrorKind::kUnauthenticated:
    case ErrorKind::kPermission:
      return FailureType::kPermissionError;
    case ErrorKind::kNotFound:
      return FailureType::kConfigurationError;
    case ErrorKind::kRateLimited:
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
    case ErrorKind::kCancelled:
    case ErrorKind::kExhausted:
      return FailureType::kSystemUnavailable;
    case ErrorKind::kInvalidInput:
    case ErrorKind::kConflict:
    case ErrorKind::kCorrupt:
    case ErrorKind::kInternal:
      return FailureType::kJobFailed;
  }
  return FailureType::kJobFailed;
}

Fail failure_of(const std::exception& error) {
  Fail fail;
  if (const auto* ours = dynamic_cast<const Error*>(&error)) {
    fail.type = failure_type_of(*ours);
    fail.message = ours->what();
  } else if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    fail.type = FailureType::kSystemUnavailable;
    fail.message = "running the job: out of memory; lower the worker's concurrency or give the server more memory";
  } else {
    fail.type = FailureType::kJobFailed;
    fail.message = std::string("running the job: ") + error.what();
  }
  fail.message = truncate_utf8(fail.message, 5000, 5000);
  if (fail.message.empty()) fail.message = "running the job failed";
  return fail;
}

}  // namespace penstock::jobs
