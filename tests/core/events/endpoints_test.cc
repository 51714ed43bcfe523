#include "core/events/endpoints.h"

#include "core/base/digest.h"
#include "tests/core/events/events_fixture.h"

namespace penstock::events {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

class EndpointsTest : public DeskTest {
 protected:
  EndpointsTest() : endpoints_(desk_, metrics_, clock_, log_) {
    auto settings = std::make_shared<Endpoints::Settings>();
    hooks::EndpointAuthentication& aws = (*settings)["aws"];
    aws.basic.push_back({"bridge", Secret("basic-password")});
    aws.header.push_back({"X-Penstock-Token", Secret("header-value")});
    aws.hmac.push_back({"X-Signature", HashAlgorithm::kSha256, Secret("hmac-key")});
    (*settings)["near"] = aws;
    (*settings)["near"].allowed_ip_ranges.push_back(*hooks::IpRange::parse("10.0.0.0/8"));
    endpoints_.set(std::move(settings));
  }

  EventAnswer post(const std::string& body, const Headers& headers, const std::string& endpoint = "aws",
                   const std::string& remote = "192.0.2.7") {
    return endpoints_.receive({.endpoint = endpoint,
                               .remote = *hooks::IpAddress::parse(remote),
                               .headers = headers,
                               .body = body,
                               .request_id = "r"});
  }

  const Headers good_ = {{"x-penstock-token", "header-value"}};
  Endpoints endpoints_;
};

TEST_F(EndpointsTest, EveryMethodOfTheHooksLetsIn) {
  const std::string body = action_event("STARTED");
  const Headers basic = {{"Authorization", "Basic " + to_base64("bridge:basic-password")}};
  const Headers hmac_header = {{"X-Signature", to_hex(hmac(HashAlgorithm::kSha256, "hmac-key", body))}};
  EXPECT_EQ(post(body, good_).noted.acted, 1u);
  EXPECT_EQ(post(body, basic).noted.duplicate, 1u);
  const EventAnswer answer = post(body, hmac_header);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(to_json(answer), R"({"events":1,"acted":0,"idle":0,"duplicate":1,"unknown":0})");
}

TEST_F(EndpointsTest, StrangersAreTurnedAwayAndNothingIsNoted) {
  const std::string body = action_event("STARTED");
  EXPECT_EQ(post(body, {}).status, 401);
  EXPECT_EQ(post(body, {{"X-Penstock-Token", "header-valuf"}}).status, 401);
  EXPECT_EQ(post(body, {{"X-Penstock-Token", ""}}).status, 401);
  EXPECT_EQ(post(body, good_, "other").status, 404);
  EXPECT_EQ(post(body, good_, "near").status, 403);
  EXPECT_EQ(post(body, {}, "near", "10.1.2.3").status, 401);
  EXPECT_TRUE(asked_.empty());
  EXPECT_TRUE(has_metric("penstock_event_requests_refused_total 6"));
  EXPECT_EQ(post(body, good_, "near", "10.1.2.3").noted.acted, 1u);
}

TEST_F(EndpointsTest, NothingIsConfiguredNobodyIsLetIn) {
  endpoints_.set(std::make_shared<Endpoints::Settings>());
  EXPECT_EQ(post(action_event("STARTED"), good_).status, 404);
}

TEST_F(EndpointsTest, WhoeverFailsTooOftenLosesHisConnection) {
  bool closed = false;
  for (int i = 0; i < 50; ++i) closed = post("{}", {}).close_connection;
  EXPECT_TRUE(closed);
  EXPECT_FALSE(post("{}", good_).close_connection);
}

TEST_F(EndpointsTest, AuthenticatedJsonIsNeverAnError) {
  for (const std::string body : {"{}", "[]", "null", R"({"source":"aws.ec2"})", R"([1,"a",{"detail":[]}])"}) {
    EXPECT_EQ(post(body, good_).status, 200) << body;
  }
  EXPECT_EQ(post("{", good_).status, 400);
  EXPECT_EQ(post(std::string(Endpoints::kMaxBodyBytes + 1, ' '), good_).status, 413);
}

}  // namespace
}  // namespace penstock::events
