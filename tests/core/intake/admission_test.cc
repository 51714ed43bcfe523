#include "core/intake/admission.h"

#include "tests/core/intake/intake_fixture.h"

namespace penstock::intake {
namespace {

TEST(MinuteQuota, GrantsSoManyAMinuteAndTellsOnceWhatItRefused) {
  MinuteQuota quota(2);
  std::chrono::steady_clock::time_point now{};
  EXPECT_TRUE(quota.take(now).granted);
  EXPECT_TRUE(quota.take(now).granted);
  EXPECT_FALSE(quota.take(now).granted);
  EXPECT_FALSE(quota.take(now + std::chrono::seconds(59)).granted);
  const MinuteQuota::Grant next = quota.take(now + std::chrono::seconds(60));
  EXPECT_TRUE(next.granted);
  EXPECT_EQ(next.refused_before, 2u);
  EXPECT_EQ(quota.take(now + std::chrono::seconds(61)).refused_before, 0u);
}

hooks::HeaderLookup with_password(const std::string& password) {
  return [value = basic(password)](std::string_view name) -> std::optional<std::string_view> {
    return name == "authorization" || name == "Authorization" ? std::optional<std::string_view>(value) : std::nullopt;
  };
}

std::vector<std::string> names(const std::vector<const hooks::Webhook*>& webhooks) {
  std::vector<std::string> result;
  for (const hooks::Webhook* webhook : webhooks) result.push_back(webhook->definition().name);
  return result;
}

TEST(Admit, WebhookRangesNarrowTheEndpointsAuthentication) {
  IntakeSettings settings;
  settings.endpoints["e"] = basic_authentication("right");
  settings.webhooks = {{make_webhook("near", "main", "e"), std::nullopt, {*hooks::IpRange::parse("10.0.0.0/8")}},
                       {make_webhook("all", "main", "e"), std::nullopt, {}},
                       {make_webhook("elsewhere", "main", "f"), std::nullopt, {}}};
  const auto near = *hooks::IpAddress::parse("10.1.2.3"), far = *hooks::IpAddress::parse("192.0.2.1");
  EXPECT_EQ(names(admit(settings, "e", near, with_password("right"), "").webhooks),
            (std::vector<std::string>{"near", "all"}));
  EXPECT_EQ(names(admit(settings, "e", far, with_password("right"), "").webhooks), std::vector<std::string>{"all"});
  EXPECT_FALSE(admit(settings, "e", near, with_password("wrong"), "").allowed());
}

TEST(Admit, AddressIsTheReasonOnlyWhenNoCredentialCouldHaveHelped) {
  IntakeSettings settings;
  settings.endpoints["e"] = basic_authentication("right");
  settings.endpoints["e"].allowed_ip_ranges = {*hooks::IpRange::parse("10.0.0.0/8")};
  const auto far = *hooks::IpAddress::parse("192.0.2.1");
  EXPECT_EQ(admit(settings, "e", far, with_password("right"), "").result,
            hooks::AuthenticationResult::kAddressNotAllowed);
  settings.webhooks = {{make_webhook("own", "main", "e"), basic_authentication("own"), {}}};
  EXPECT_EQ(admit(settings, "e", far, with_password("right"), "").result,
            hooks::AuthenticationResult::kWrongCredential);
  EXPECT_EQ(names(admit(settings, "e", far, with_password("own"), "").webhooks), std::vector<std::string>{"own"});
}

TEST(Readmit, ReachesNoMoreThanTheCredentialDid) {
  IntakeSettings settings;
  settings.webhooks = {{make_webhook("shared", "main", "e"), std::nullopt, {}},
                       {make_webhook("own", "main", "e"), basic_authentication("own"), {}}};
  struct Case {
    std::string name;
    std::vector<std::string> before, now;
  };
  const std::vector<Case> cases = {
      {"endpoint's credential", {"shared"}, {"shared"}}, {"webhook's own", {"own"}, {"own"}},
      {"both", {"shared", "own"}, {"shared", "own"}},    {"a renamed webhook", {"former-name"}, {"shared"}},
      {"nothing was decided", {}, {"shared"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(names(readmit(settings, "e", c.before)), c.now);
  }
}

}  // namespace
}  // namespace penstock::intake
