#include "core/hooks/search_text.h"

#include <gtest/gtest.h>

namespace penstock::hooks {
namespace {

TEST(SearchText, HasTheRepositoryAndTheMessagesOfAPush) {
  EXPECT_EQ(search_text_of_body(R"({"eventType": "git.push", "resource": {"repository": {"name": "shop-api"},
              "commits": [{"comment": "Größe übernommen"}, {"comment": 3}, 4, {"comment": "fix #12\n\nlong"}]}})"),
            "shop-api\nGröße übernommen\nfix #12\n\nlong");
}

TEST(SearchText, HasTheTitleOfAPullRequest) {
  EXPECT_EQ(search_text_of_body(R"({"eventType": "git.pullrequest.created", "resource": {"pullRequestId": 7,
              "repository": {"name": "shop"}, "title": "Taller cranes", "description": "not this",
              "lastMergeCommit": {"comment": "Merge 7"}}})"),
            "shop\nTaller cranes\nMerge 7");
}

TEST(SearchText, IsBoundedAndValid) {
  std::string body = R"({"eventType": "git.push", "resource": {"commits": [)";
  for (int i = 0; i < 300; ++i) body += R"({"comment": "éééééééééééééééééééééééééé"},)";
  body += R"({"comment": "last"}]}})";
  const std::string text = search_text_of_body(body);
  EXPECT_LE(text.size(), 4096u + 4);
  EXPECT_GT(text.size(), 3000u);
  EXPECT_EQ(text.find("last"), std::string::npos);
}

TEST(SearchText, OfWhatIsNoEventIsEmpty) {
  for (const char* body : {"", "{", "[]", "{}", R"({"eventType": "git.push", "resource": null})"})
    EXPECT_EQ(search_text_of_body(body), "") << body;
}

}  // namespace
}  // namespace penstock::hooks
