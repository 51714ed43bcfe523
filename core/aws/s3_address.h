// Where an object lives: virtual-hosted or path style, as a pure function. Source: Amazon S3 user guide, "Virtual
// hosting of buckets" and "Bucket naming rules".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/aws/client.h"

namespace penstock::aws {

struct S3Address {
  Endpoint endpoint;
  std::string path;  // percent-encoded, with the leading '/'
};

enum class S3Style { kAutomatic, kPath };

// kAutomatic takes the virtual-hosted style unless the bucket's name is no DNS label sequence, has a dot under TLS (no
// wildcard certificate covers it), or the endpoint is an IP address or a loopback name. Error{kInvalidInput} for a
// bucket or key that cannot be one.
S3Address address_s3_object(const Endpoint& service, std::string_view bucket, std::string_view key, S3Style style);

// The region that a refused request should have gone to: x-amz-bucket-region, or what the error's body says. Empty when
// the answer does not tell, or tells something that is no region name.
std::optional<std::string> redirect_region(const http::Response& response);

}  // namespace penstock::aws
