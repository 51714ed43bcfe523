#include "core/intake/replay.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/core/intake/intake_fixture.h"

namespace penstock::intake {
namespace {

Error error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorKind::kInternal, "nothing was thrown");
}

TEST(Replay, NeedsADeliveryThatWasLetInAndIsWhole) {
  store::Delivery delivery;
  delivery.outcome = store::Outcome::kFiltered;
  delivery.body = "{}";
  EXPECT_NO_THROW(require_replayable(delivery, "explaining \"d\""));
  delivery.body.clear();
  EXPECT_STREQ(error_of([&] { require_replayable(delivery, "explaining \"d\""); }).what(),
               "explaining \"d\": its body is not kept any more");
  delivery.outcome = store::Outcome::kRejected;
  delivery.reason = "401: the credential is wrong";
  const Error error = error_of([&] { require_replayable(delivery, "explaining \"d\""); });
  EXPECT_EQ(error.kind(), ErrorKind::kConflict);
  EXPECT_STREQ(error.what(),
               "explaining \"d\": it was rejected (401: the credential is wrong); let the sender send it again");
}

TEST(Replay, SaysWhyAWebhookCannotBeChosen) {
  IntakeSettings settings;
  settings.endpoints["azure-devops"] = basic_authentication("right");
  settings.webhooks = {{make_webhook("shop-main", "main"), std::nullopt, {}},
                       {make_webhook("guarded", "main"), basic_authentication("own"), {}},
                       {make_webhook("elsewhere", "main", "partner"), std::nullopt, {}}};
  const std::vector<const hooks::Webhook*> reached = {settings.webhooks[0].webhook.get()};
  const auto choose = [&](const std::string& name) {
    return &choose_webhook(settings, "azure-devops", reached, name, "redelivering \"d\"");
  };
  EXPECT_EQ(choose("shop-main"), reached[0]);
  struct {
    const char* name;
    ErrorKind kind;
    const char* text;
  } cases[] = {
      {"shop-mian", ErrorKind::kInvalidInput,
       "redelivering \"d\": no webhook is named \"shop-mian\"; did you mean \"shop-main\"?"},
      {"zzz", ErrorKind::kInvalidInput, "redelivering \"d\": no webhook is named \"zzz\""},
      {"guarded", ErrorKind::kConflict,
       "redelivering \"d\": webhook \"guarded\" has an authentication of its own, which the delivery did not pass"},
      {"elsewhere", ErrorKind::kConflict,
       "redelivering \"d\": webhook \"elsewhere\" listens to endpoint \"partner\", the delivery came to "
       "\"azure-devops\""},
  };
  for (const auto& item : cases) {
    const Error error = error_of([&] { choose(item.name); });
    EXPECT_STREQ(error.what(), item.text);
    EXPECT_EQ(error.kind(), item.kind) << item.name;
  }
}

}  // namespace
}  // namespace penstock::intake
