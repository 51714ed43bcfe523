#include "core/http/curl_error.h"

#include <curl/curl.h>
#include <gtest/gtest.h>

namespace penstock::http {
namespace {

struct Case {
  const char* name;
  CURLcode code;
  ErrorKind kind;
  bool before_request;
};

class ClassifyCurlCode : public ::testing::TestWithParam<Case> {};

TEST_P(ClassifyCurlCode, SaysWhatToDo) {
  const CurlFault fault = classify_curl_code(GetParam().code);
  EXPECT_EQ(fault.kind, GetParam().kind) << to_string(fault.kind);
  EXPECT_EQ(fault.before_request, GetParam().before_request);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ClassifyCurlCode,
    ::testing::Values(Case{"url", CURLE_URL_MALFORMAT, ErrorKind::kConfiguration, true},
                      Case{"protocol", CURLE_UNSUPPORTED_PROTOCOL, ErrorKind::kConfiguration, true},
                      Case{"untrusted", CURLE_PEER_FAILED_VERIFICATION, ErrorKind::kConfiguration, true},
                      Case{"ca_file", CURLE_SSL_CACERT_BADFILE, ErrorKind::kConfiguration, true},
                      Case{"name", CURLE_COULDNT_RESOLVE_HOST, ErrorKind::kUnavailable, true},
                      Case{"proxy_name", CURLE_COULDNT_RESOLVE_PROXY, ErrorKind::kUnavailable, true},
                      Case{"refused", CURLE_COULDNT_CONNECT, ErrorKind::kUnavailable, true},
                      Case{"handshake", CURLE_SSL_CONNECT_ERROR, ErrorKind::kUnavailable, true},
                      Case{"proxy", CURLE_PROXY, ErrorKind::kUnavailable, true},
                      Case{"timeout", CURLE_OPERATION_TIMEDOUT, ErrorKind::kTimeout, false},
                      Case{"nothing", CURLE_GOT_NOTHING, ErrorKind::kUnavailable, false},
                      Case{"send", CURLE_SEND_ERROR, ErrorKind::kUnavailable, false},
                      Case{"receive", CURLE_RECV_ERROR, ErrorKind::kUnavailable, false},
                      Case{"partial", CURLE_PARTIAL_FILE, ErrorKind::kUnavailable, false},
                      Case{"rewind", CURLE_SEND_FAIL_REWIND, ErrorKind::kUnavailable, false},
                      Case{"garbage", CURLE_WEIRD_SERVER_REPLY, ErrorKind::kUnavailable, false},
                      Case{"http09", CURLE_UNSUPPORTED_PROTOCOL, ErrorKind::kConfiguration, true},
                      Case{"memory", CURLE_OUT_OF_MEMORY, ErrorKind::kExhausted, false},
                      Case{"callback", CURLE_ABORTED_BY_CALLBACK, ErrorKind::kCancelled, false},
                      Case{"argument", CURLE_BAD_FUNCTION_ARGUMENT, ErrorKind::kInternal, true},
                      Case{"unknown", CURLE_LDAP_CANNOT_BIND, ErrorKind::kUnavailable, false}),
    [](const auto& entry) { return entry.param.name; });

}  // namespace
}  // namespace penstock::http
