#include "core/aws/s3_address.h"

#include <gtest/gtest.h>

#include "tests/core/aws/fixtures.h"

namespace penstock::aws {
namespace {

struct Case {
  const char* service;
  const char* bucket;
  const char* key;
  S3Style style;
  const char* url;
};

TEST(AddressS3Object, ChoosesTheStyle) {
  const auto automatic = S3Style::kAutomatic;
  for (const auto& [service, bucket, key, style, url] : std::vector<Case>{
           {"https://s3.eu-west-1.amazonaws.com", "my-bucket", "a/b", automatic,
            "https://my-bucket.s3.eu-west-1.amazonaws.com/a/b"},
           {"https://s3.eu-west-1.amazonaws.com", "my.bucket", "a/b", automatic,
            "https://s3.eu-west-1.amazonaws.com/my.bucket/a/b"},
           {"https://s3.eu-west-1.amazonaws.com", "My_Bucket", "k", automatic,
            "https://s3.eu-west-1.amazonaws.com/My_Bucket/k"},
           {"https://s3.eu-west-1.amazonaws.com", "my-bucket", "k", S3Style::kPath,
            "https://s3.eu-west-1.amazonaws.com/my-bucket/k"},
           {"http://127.0.0.1:9000", "my-bucket", "k", automatic, "http://127.0.0.1:9000/my-bucket/k"},
           {"http://[::1]:9000", "my-bucket", "k", automatic, "http://[::1]:9000/my-bucket/k"},
           {"http://localhost:9000", "my-bucket", "k", automatic, "http://localhost:9000/my-bucket/k"},
           {"http://store.example:9000", "my.bucket", "k", automatic, "http://my.bucket.store.example:9000/k"},
           {"https://store.example/s3", "my-bucket", "k", automatic, "https://my-bucket.store.example/s3/k"},
           {"https://s3.x.amazonaws.com", "192.168.1.1", "k", automatic, "https://s3.x.amazonaws.com/192.168.1.1/k"},
           {"https://s3.x.amazonaws.com", "bucket", "/../a b+\xc3\xa4?#%", automatic,
            "https://bucket.s3.x.amazonaws.com//../a%20b%2B%C3%A4%3F%23%25"},
       }) {
    const S3Address address = address_s3_object({.url = service, .region = "r"}, bucket, key, style);
    EXPECT_EQ(address.endpoint.url + address.path, url);
  }
}

TEST(AddressS3Object, RefusesWhatCannotBeABucketOrKey) {
  const Endpoint service{.url = "https://s3.x.amazonaws.com", .region = "x"};
  for (const char* bucket : {"", "ab", "a/b", "evil.com/x", "a b c", "bu\nket", "b@x", "..%2f"}) {
    EXPECT_EQ(error_of([&] { address_s3_object(service, bucket, "k", S3Style::kAutomatic); }).kind(),
              ErrorKind::kInvalidInput)
        << bucket;
  }
  EXPECT_EQ(error_of([&] { address_s3_object(service, "bucket", "", S3Style::kAutomatic); }).kind(),
            ErrorKind::kInvalidInput);
}

TEST(RedirectRegion, ReadsHeaderRegionAndEndpoint) {
  EXPECT_EQ(redirect_region(answer(301, "", {{"x-amz-bucket-region", "eu-west-1"}})), "eu-west-1");
  EXPECT_EQ(redirect_region(
                answer(400, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-2</Region></Error>")),
            "eu-west-2");
  EXPECT_EQ(redirect_region(answer(307, "<Error><Endpoint>b.s3-eu-west-3.amazonaws.com</Endpoint></Error>")),
            "eu-west-3");
  EXPECT_EQ(redirect_region(answer(307, "<Error><Endpoint>b.s3.eu-west-3.amazonaws.com</Endpoint></Error>")),
            "eu-west-3");
  EXPECT_EQ(redirect_region(answer(307, "<Error><Endpoint>b.s3.amazonaws.com</Endpoint></Error>")), std::nullopt);
  EXPECT_EQ(redirect_region(answer(301, "", {{"x-amz-bucket-region", "evil.com/"}})), std::nullopt);
  EXPECT_EQ(redirect_region(answer(301)), std::nullopt);
}

}  // namespace
}  // namespace penstock::aws
