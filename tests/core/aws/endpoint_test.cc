#include "core/aws/endpoint.h"

#include <gtest/gtest.h>

#include "tests/core/aws/fixtures.h"

namespace penstock::aws {
namespace {

struct Case {
  const char* service;
  const char* region;
  EndpointVariant variant;
  const char* url;
};

TEST(ServiceUrl, FollowsPartitionAndVariant) {
  using enum EndpointVariant;
  for (const auto& [service, region, variant, url] : std::vector<Case>{
           {"codepipeline", "eu-central-1", kDefault, "https://codepipeline.eu-central-1.amazonaws.com"},
           {"codepipeline", "us-east-1", kFips, "https://codepipeline-fips.us-east-1.amazonaws.com"},
           {"codepipeline", "us-east-1", kDualStack, "https://codepipeline.us-east-1.api.aws"},
           {"codepipeline", "us-east-1", kFipsDualStack, "https://codepipeline-fips.us-east-1.api.aws"},
           {"codepipeline", "cn-north-1", kDefault, "https://codepipeline.cn-north-1.amazonaws.com.cn"},
           {"codepipeline", "cn-north-1", kDualStack, "https://codepipeline.cn-north-1.api.amazonwebservices.com.cn"},
           {"codepipeline", "us-gov-west-1", kDefault, "https://codepipeline.us-gov-west-1.amazonaws.com"},
           {"codepipeline", "us-iso-east-1", kDefault, "https://codepipeline.us-iso-east-1.c2s.ic.gov"},
           {"codepipeline", "us-isob-east-1", kDefault, "https://codepipeline.us-isob-east-1.sc2s.sgov.gov"},
           {"codepipeline", "us-isof-south-1", kDefault, "https://codepipeline.us-isof-south-1.csp.hci.ic.gov"},
           {"codepipeline", "eu-isoe-west-1", kDefault, "https://codepipeline.eu-isoe-west-1.cloud.adc-e.uk"},
           {"codepipeline", "eusc-de-east-1", kDefault, "https://codepipeline.eusc-de-east-1.amazonaws.eu"},
           {"codepipeline", "mars-north-1", kDefault, "https://codepipeline.mars-north-1.amazonaws.com"},
           {"s3", "us-east-1", kDefault, "https://s3.us-east-1.amazonaws.com"},
           {"s3", "us-east-1", kDualStack, "https://s3.dualstack.us-east-1.amazonaws.com"},
           {"s3", "us-east-1", kFipsDualStack, "https://s3-fips.dualstack.us-east-1.amazonaws.com"},
       }) {
    EXPECT_EQ(service_url(service, region, variant), url);
  }
}

TEST(ServiceUrl, RefusesRegionsThatAreNoHostLabel) {
  for (const char* region : {"", "eu.evil.com/", "EU-WEST-1", "a b", "-a", "a-", "eu_west", "x@y", "eu-west-1\n"}) {
    EXPECT_EQ(error_of([&] { service_url("s3", region, EndpointVariant::kDefault); }).kind(), ErrorKind::kConfiguration)
        << region;
  }
  EXPECT_EQ(error_of([&] { service_url("s3", "cn-north-1", EndpointVariant::kFips); }).kind(),
            ErrorKind::kConfiguration);
}

TEST(InRegion, KeepsTheVariantAndLeavesCustomEndpointsAlone) {
  EXPECT_EQ(
      in_region({.url = "https://s3-fips.dualstack.us-east-1.amazonaws.com", .region = "us-east-1"}, "s3", "us-west-2")
          .url,
      "https://s3-fips.dualstack.us-west-2.amazonaws.com");
  EXPECT_EQ(in_region({.url = "https://s3.us-east-1.amazonaws.com", .region = "us-east-1"}, "s3", "cn-north-1").url,
            "https://s3.cn-north-1.amazonaws.com.cn");
  const Endpoint custom = in_region({.url = "http://127.0.0.1:1", .region = "a", .custom = true}, "s3", "b");
  EXPECT_EQ(custom.url, "http://127.0.0.1:1");
  EXPECT_EQ(custom.region, "b");
}

TEST(CheckedEndpointUrl, AcceptsUrlsWithoutSecrets) {
  EXPECT_EQ(checked_endpoint_url(" http://Host:8080/x// ", "X"), "http://host:8080/x");
  for (const char* text : {"", "host", "ftp://x", "http://user:hunter2@host", "http://h/?a=b"}) {
    const Error error = error_of([&] { checked_endpoint_url(text, "AWS_ENDPOINT_URL"); });
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
    EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos);
  }
}

}  // namespace
}  // namespace penstock::aws
