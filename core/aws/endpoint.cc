#include "core/aws/endpoint.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/http/url.h"

namespace penstock::aws {

namespace {

struct Entry {
  std::string_view prefix;  // of region names
  Partition partition;
};

// The longer prefixes first.
constexpr std::array<Entry, 7> kPartitions = {{
    {"cn-", {"aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "cn-northwest-1"}},
    {"us-gov-", {"aws-us-gov", "amazonaws.com", "api.aws", "us-gov-west-1"}},
    {"eusc-", {"aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu", "eusc-de-east-1"}},
    {"us-isob-", {"aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud", "us-isob-east-1"}},
    {"us-isof-", {"aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov", "us-isof-south-1"}},
    {"us-iso-", {"aws-iso", "c2s.ic.gov", "api.aws.ic.gov", "us-iso-east-1"}},
    {"eu-isoe-", {"aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", "eu-isoe-west-1"}},
}};
constexpr Partition kCommercial = {"aws", "amazonaws.com", "api.aws", "us-east-1"};

}  // namespace

const Partition& find_partition(std::string_view region) noexcept {
  for (const Entry& entry : kPartitions) {
    if (region.starts_with(entry.prefix)) return entry.partition;
  }
  return kCommercial;
}

bool is_region_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

std::string service_url(std::string_view service, std::string_view region, EndpointVariant variant) {
  if (!is_region_name(region)) {
    throw Error(ErrorKind::kConfiguration, "resolving the endpoint of " + std::string(service) + ": " +
                                               in_quotes(region) + " is not a region name");
  }
  const Partition& partition = find_partition(region);
  const bool fips = variant == EndpointVariant::kFips || variant == EndpointVariant::kFipsDualStack;
  const bool dual_stack = variant == EndpointVariant::kDualStack || variant == EndpointVariant::kFipsDualStack;
  if (fips && service == "s3" && partition.id == "aws-cn") {
    throw Error(ErrorKind::kConfiguration,
                "resolving the endpoint of s3: the China regions have no FIPS endpoints; "
                "unset AWS_USE_FIPS_ENDPOINT");
  }
  std::string host(service);
  if (fips) host += "-fips";
  if (service == "s3") {
    // S3's dual-stack hosts stay under the ordinary suffix.
    if (dual_stack) host += ".dualstack";
    return "https://" + host + "." + std::string(region) + "." + std::string(partition.dns_suffix);
  }
  return "https://" + host + "." + std::string(region) + "." +
         std::string(dual_stack ? partition.dual_stack_dns_suffix : partition.dns_suffix);
}

Endpoint in_region(const Endpoint& endpoint, std::string_view service, std::string_view region) {
  Endpoint result = endpoint;
  result.region = std::string(region);
  if (endpoint.custom) return result;
  const auto has = [&](std::string_view text) { return endpoint.url.find(text) != std::string::npos; };
  const bool fips = has("-fips.");
  const bool dual_stack = has(".dualstack.") || has(find_partition(endpoint.region).dual_stack_dns_suffix);
  result.url = service_url(service, region,
                           fips ? (dual_stack ? EndpointVariant::kFipsDualStack : EndpointVariant::kFips)
                                : (dual_stack ? EndpointVariant::kDualStack : EndpointVariant::kDefault));
  return result;
}

std::string checked_endpoint_url(std::string_view text, std::string_view source) {
  const auto url = http::parse_url(trim(text));
  if (!url || !url->user_info.empty() || !url->query.empty()) {
    throw Error(ErrorKind::kConfiguration, "reading " + std::string(source) +
                                               ": expected an http(s) URL without user and query, found " +
                                               in_quotes(url ? url->origin() + url->path : "something else"));
  }
  std::string result = url->origin() + url->path;
  while (result.ends_with('/')) result.pop_back();
  return result;
}

}  // namespace penstock::aws
