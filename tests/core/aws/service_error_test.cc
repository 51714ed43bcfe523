#include "core/aws/service_error.h"

#include <gtest/gtest.h>

#include "tests/core/aws/fixtures.h"

namespace penstock::aws {
namespace {

struct Case {
  const char* name;
  http::Response response;
  const char* code;
  const char* message;
};

TEST(ParseServiceError, ReadsEveryProtocol) {
  for (const auto& [name, response, code, message] : std::vector<Case>{
           {"plain", answer(400, R"({"__type":"InvalidNonceException","message":"no"})"), "InvalidNonceException",
            "no"},
           {"namespace", answer(400, R"({"__type":"com.amazonaws.codepipeline#Foo","Message":"m"})"), "Foo", "m"},
           {"url", answer(400, R"({"__type":"aws.x#Foo:http://internal.amazon.com/","message":null})"), "Foo", ""},
           {"code member", answer(400, R"({"code":"Foo,http://x","Message":"m"})"), "Foo", "m"},
           {"body before header", answer(400, R"({"__type":"Foo"})", {{"x-amzn-ErrorType", "Bar"}}), "Foo", ""},
           {"header", answer(400, "{}", {{"x-amzn-ErrorType", "Foo:http://internal.amazon.com/"}}), "Foo", ""},
           {"query",
            answer(403,
                   "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender"
                   "</Type><Code>ExpiredTokenException</Code><Message>a &amp; b</Message></Error>"
                   "<RequestId>r</RequestId></ErrorResponse>"),
            "ExpiredTokenException", "a & b"},
           {"s3",
            answer(403,
                   "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message>"
                   "<RequestId>r</RequestId></Error>"),
            "AccessDenied", "Access Denied"},
           {"html", answer(502, "<html>\n<h1>Bad\tGateway</h1></html>"), "", "\"<html> <h1>Bad Gateway</h1></html>\""},
           {"empty", answer(503), "", ""},
           {"broken json", answer(500, "{\"__type\":"), "", "\"{\\\"__type\\\":\""},
           {"json of another type", answer(500, R"({"__type":7,"message":[1]})"), "", ""},
           {"signature",
            answer(403, R"({"__type":"InvalidSignatureException","message":"The request signature we )"
                        R"(calculated does not match.\n\nThe Canonical String for this request should )"
                        R"(have been\n'POST\nx-amz-security-token:hunter2'"})"),
            "InvalidSignatureException", "The request signature we calculated does not match."},
       }) {
    const ServiceError error = parse_service_error(response);
    EXPECT_EQ(error.code, code) << name;
    EXPECT_EQ(error.message, message) << name;
  }
}

TEST(ParseServiceError, CutsLongMessagesAndForeignCodes) {
  const ServiceError error =
      parse_service_error(answer(400, R"({"__type":"Foo<script>","message":")" + std::string(100000, 'x') + "\"}"));
  EXPECT_EQ(error.code, "Foo");
  EXPECT_LT(error.message.size(), 700u);
}

TEST(ParseServiceError, FindsTheRequestId) {
  EXPECT_EQ(parse_service_error(answer(400, "{}", {{"x-amzn-RequestId", "r1"}})).request_id, "r1");
  EXPECT_EQ(parse_service_error(answer(400, "", {{"x-amz-request-id", "r2"}})).request_id, "r2");
  EXPECT_EQ(parse_service_error(answer(400, "<Error><RequestId>r3</RequestId></Error>")).request_id, "r3");
}

struct Classified {
  const char* service;
  const char* code;
  int status;
  FailureClass failure_class;
  ErrorKind kind;
};

TEST(ClassifyFailure, GoesByCodeBeforeStatus) {
  for (const auto& [service, code, status, failure_class, kind] : std::vector<Classified>{
           {"codepipeline", "ThrottlingException", 400, FailureClass::kThrottling, ErrorKind::kRateLimited},
           {"codepipeline", "LimitExceededException", 400, FailureClass::kFinal, ErrorKind::kExhausted},
           {"kms", "LimitExceededException", 400, FailureClass::kThrottling, ErrorKind::kRateLimited},
           {"s3", "SlowDown", 503, FailureClass::kThrottling, ErrorKind::kRateLimited},
           {"s3", "KMS.ThrottlingException", 400, FailureClass::kThrottling, ErrorKind::kRateLimited},
           {"s3", "", 429, FailureClass::kThrottling, ErrorKind::kRateLimited},
           {"s3", "RequestTimeout", 400, FailureClass::kTransient, ErrorKind::kUnavailable},
           {"s3", "InternalError", 200, FailureClass::kTransient, ErrorKind::kUnavailable},
           {"sts", "IDPCommunicationError", 400, FailureClass::kTransient, ErrorKind::kUnavailable},
           {"secretsmanager", "InternalServiceError", 500, FailureClass::kTransient, ErrorKind::kUnavailable},
           {"codepipeline", "", 500, FailureClass::kTransient, ErrorKind::kUnavailable},
           {"codepipeline", "", 502, FailureClass::kTransient, ErrorKind::kUnavailable},
           {"codepipeline", "", 501, FailureClass::kFinal, ErrorKind::kUnavailable},
           {"s3", "RequestTimeTooSkewed", 403, FailureClass::kClockSkew, ErrorKind::kUnauthenticated},
           {"s3", "SignatureDoesNotMatch", 403, FailureClass::kClockSkew, ErrorKind::kUnauthenticated},
           {"s3", "ExpiredToken", 400, FailureClass::kExpiredCredentials, ErrorKind::kUnauthenticated},
           {"s3", "InvalidAccessKeyId", 403, FailureClass::kRejectedCredentials, ErrorKind::kUnauthenticated},
           {"codepipeline", "UnrecognizedClientException", 400, FailureClass::kRejectedCredentials,
            ErrorKind::kUnauthenticated},
           {"codepipeline", "AccessDeniedException", 400, FailureClass::kFinal, ErrorKind::kPermission},
           {"s3", "AccessDenied", 403, FailureClass::kFinal, ErrorKind::kPermission},
           {"codepipeline", "ConflictException", 409, FailureClass::kFinal, ErrorKind::kConflict},
           {"codepipeline", "ConcurrentPipelineExecutionsLimitExceededException", 400, FailureClass::kFinal,
            ErrorKind::kConflict},
           {"codepipeline", "PipelineNotFoundException", 400, FailureClass::kFinal, ErrorKind::kNotFound},
           {"s3", "NoSuchBucket", 404, FailureClass::kFinal, ErrorKind::kNotFound},
           {"s3", "KMS.DisabledException", 400, FailureClass::kFinal, ErrorKind::kConfiguration},
           {"s3", "KMS.NotFoundException", 400, FailureClass::kFinal, ErrorKind::kConfiguration},
           {"codepipeline", "InvalidNonceException", 400, FailureClass::kFinal, ErrorKind::kInvalidInput},
           {"codepipeline", "ValidationException", 400, FailureClass::kFinal, ErrorKind::kInvalidInput},
           {"s3", "PermanentRedirect", 301, FailureClass::kFinal, ErrorKind::kConfiguration},
           {"s3", "", 403, FailureClass::kFinal, ErrorKind::kPermission},
           {"s3", "", 404, FailureClass::kFinal, ErrorKind::kNotFound},
           {"s3", "", 400, FailureClass::kFinal, ErrorKind::kInvalidInput},
       }) {
    EXPECT_EQ(classify_failure(service, code, status), failure_class) << service << " " << code << " " << status;
    EXPECT_EQ(error_kind(service, code, status), kind) << service << " " << code << " " << status;
  }
}

}  // namespace
}  // namespace penstock::aws
