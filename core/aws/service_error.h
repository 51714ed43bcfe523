// Errors as AWS services report them, in each of the three protocols we speak, and what they mean to us.
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/http/transport.h"

namespace penstock::aws {

// What an answer says went wrong. All members may be empty.
struct ServiceError {
  std::string code;     // "ThrottlingException": without namespace, URL and white space
  std::string message;  // for people; cut, and without what a signature error repeats of the request
  std::string request_id;
};

// Reads awsJson, rest-json, query XML and S3 XML errors, whatever the content type says. Never throws: of a body that
// is none of them (a proxy's page) the first characters become the message.
ServiceError parse_service_error(const http::Response& response);

// "Foo" from "com.amazonaws.codepipeline#Foo:http://internal.amazon.com/…".
std::string sanitize_error_code(std::string_view raw);

// How the retry loop treats a failure.
enum class FailureClass {
  kFinal,
  kThrottling,
  kTransient,
  kClockSkew,            // only when the server's date shows that we are wrong
  kExpiredCredentials,   // once, with fresh ones
  kRejectedCredentials,  // once, if reading them anew brings others
};

FailureClass classify_failure(std::string_view service, std::string_view code, int status) noexcept;
ErrorKind error_kind(std::string_view service, std::string_view code, int status) noexcept;

// The server had begun to work on it, or may have: 5xx except those that refuse the request as one too many.
bool may_have_been_processed(std::string_view code, int status) noexcept;

}  // namespace penstock::aws
