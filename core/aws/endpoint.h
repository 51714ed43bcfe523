// Which host serves a service in a region. Pure. Source: the endpoint rule sets of AWS's SDKs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/aws/client.h"

namespace penstock::aws {

struct Partition {
  std::string_view id;  // "aws", as in "arn:aws:"
  std::string_view dns_suffix, dual_stack_dns_suffix;
  std::string_view global_region;  // signs what has no region of its own
};

// Of the region's name; "aws" for a name that fits none.
const Partition& find_partition(std::string_view region) noexcept;

// One host label of lower-case letters, digits and hyphens: anything else could redirect requests to a stranger's host.
bool is_region_name(std::string_view text) noexcept;

enum class EndpointVariant { kDefault, kFips, kDualStack, kFipsDualStack };

// "https://codepipeline.eu-central-1.amazonaws.com". `service` is the endpoint prefix. Error{kConfiguration} when the
// region's name is malformed or the partition has no such variant.
std::string service_url(std::string_view service, std::string_view region, EndpointVariant variant);

// The same URL in another region, for a computed endpoint.
Endpoint in_region(const Endpoint& endpoint, std::string_view service, std::string_view region);

// A URL that somebody configured, checked and without its trailing slash. Error{kConfiguration} naming `source`.
std::string checked_endpoint_url(std::string_view url, std::string_view source);

}  // namespace penstock::aws
