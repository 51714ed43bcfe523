#include "core/jobs/failure_policy.h"

#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace penstock::jobs {
namespace {

using aws::FailureType;

TEST(FailureTypeOf, CodesCountBeforeKinds) {
  struct Case {
    std::string name;
    ErrorKind kind;
    std::string code;
    FailureType type;
  };
  const std::vector<Case> cases = {
      {"bad setting", ErrorKind::kConfiguration, "", FailureType::kConfigurationError},
      {"wrong password", ErrorKind::kUnauthenticated, "", FailureType::kPermissionError},
      {"wrong host key", ErrorKind::kPermission, "HostKeyMismatch", FailureType::kPermissionError},
      {"hidden repository", ErrorKind::kNotFound, "RepositoryNotFound", FailureType::kPermissionError},
      {"missing commit", ErrorKind::kNotFound, "RevisionNotFound", FailureType::kRevisionUnavailable},
      {"commit not on its branch", ErrorKind::kConflict, "RevisionOutOfSync", FailureType::kRevisionOutOfSync},
      {"no bucket", ErrorKind::kNotFound, "NoSuchBucket", FailureType::kConfigurationError},
      {"denied by S3", ErrorKind::kPermission, "AccessDenied", FailureType::kPermissionError},
      {"disabled key", ErrorKind::kInvalidInput, "KMS.DisabledException", FailureType::kConfigurationError},
      {"network", ErrorKind::kUnavailable, "", FailureType::kSystemUnavailable},
      {"slow network", ErrorKind::kTimeout, "", FailureType::kSystemUnavailable},
      {"throttled", ErrorKind::kRateLimited, "SlowDown", FailureType::kSystemUnavailable},
      {"disk full", ErrorKind::kExhausted, "", FailureType::kSystemUnavailable},
      {"stopped", ErrorKind::kCancelled, "", FailureType::kSystemUnavailable},
      {"unsafe tree", ErrorKind::kInvalidInput, "UnsafeTreeEntry", FailureType::kJobFailed},
      {"our fault", ErrorKind::kInternal, "", FailureType::kJobFailed},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(failure_type_of(Error(c.kind, "x").with_code(c.code)), c.type);
  }
}

TEST(FailureOf, MessagesKeepToTheLimitAndAreNeverEmpty) {
  EXPECT_LE(failure_of(Error(ErrorKind::kInternal, std::string(20'000, 'x'))).message.size(), 5000u);
  EXPECT_EQ(failure_of(Error(ErrorKind::kInternal, "")).message, "running the job failed");
  EXPECT_EQ(failure_of(std::bad_alloc()).type, FailureType::kSystemUnavailable);
  EXPECT_EQ(failure_of(std::runtime_error("odd")).message, "running the job: odd");
}

}  // namespace
}  // namespace penstock::jobs
