// What libcurl's result codes mean to our callers: the one table of them.
#pragma once

#include "core/base/error.h"

namespace penstock::http {

struct CurlFault {
  ErrorKind kind = ErrorKind::kUnavailable;
  // The fault lies before the first byte of the request, so the server cannot have acted on it.
  bool before_request = false;
};

// `code` is a CURLcode other than CURLE_OK. Unknown codes count as faults that pass, after the request.
CurlFault classify_curl_code(int code) noexcept;

}  // namespace penstock::http
