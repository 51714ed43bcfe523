#include "server/pages/html.h"

#include <string>

#include <gtest/gtest.h>

namespace penstock::server::pages {
namespace {

TEST(Html, EscapesTextAndAttributes) {
  const std::string hostile = R"(<script>alert("1")</script>'&)";
  const Html html = element("p", {{"title", hostile}}, {hostile});
  EXPECT_EQ(html.markup(),
            "<p title=\"&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;\">"
            "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;</p>");
}

TEST(Html, LeavesOutWhatIsAbsent) {
  EXPECT_EQ(element("input", {{"checked", when(true)}, {"disabled", when(false)}}, {}).markup(), "<input checked>");
  EXPECT_EQ(element("br", {}, {}).markup(), "<br>");
}

struct LinkCase {
  std::string name, link;
  bool is_safe;
};
class Link : public ::testing::TestWithParam<LinkCase> {};

TEST_P(Link, LeadsOnlyWhereItMay) {
  EXPECT_EQ(is_safe_link(GetParam().link), GetParam().is_safe);
  const std::string expected = GetParam().is_safe ? GetParam().link : "#";
  EXPECT_EQ(element("a", {{"href", GetParam().link}}, {}).markup(), "<a href=\"" + expected + "\"></a>");
}

INSTANTIATE_TEST_SUITE_P(
    Links, Link,
    ::testing::Values(LinkCase{"Path", "/deliveries/1", true}, LinkCase{"Fragment", "#try", true},
                      LinkCase{"Query", "?limit=1", true}, LinkCase{"Https", "https://dev.azure.com/a", true},
                      LinkCase{"Script", "javascript:alert(1)", false}, LinkCase{"ScriptCase", "JaVaScRiPt:x", false},
                      LinkCase{"Data", "data:text/html,x", false}, LinkCase{"Http", "http://example.com", false},
                      LinkCase{"OtherHost", "//example.com", false}, LinkCase{"Backslash", "/\\example.com", false},
                      LinkCase{"LeadingBlank", " /a", false}, LinkCase{"Tab", "/\t/example.com", false},
                      LinkCase{"NewLine", "/a\nb", false}, LinkCase{"Relative", "a", false},
                      LinkCase{"Empty", "", false}),
    [](const auto& tested) { return tested.param.name; });

TEST(Html, ShowsWhatWouldHideOrTurnText) {
  EXPECT_EQ(Html("a\u202eb").markup(), "a\u00b7b");
  EXPECT_EQ(Html("a\u200bb\ufeff").markup(), "a\u00b7b\u00b7");
  EXPECT_EQ(Html("a\u061cb").markup(), "a\u00b7b");
  EXPECT_EQ(Html(std::string_view("a\0b\x1b", 4)).markup(), "a\u00b7b\u00b7");
  EXPECT_EQ(Html("Größe – 鯨 🐋\n\t").markup(), "Größe – 鯨 🐋\n\t");
}

TEST(Html, RepairsWhatIsNoUtf8) {
  EXPECT_EQ(Html("a\xff<").markup(), "a\ufffd&lt;");
}

TEST(Html, EncodesWhatGoesIntoAddresses) {
  EXPECT_EQ(path_to("deliveries", "../../x?y#z"), "/deliveries/..%2F..%2Fx%3Fy%23z");
  EXPECT_EQ(query_string({{"a", "x&y=z"}, {"empty", ""}, {"b", "#"}}), "?a=x%26y%3Dz&b=%23");
}

}  // namespace
}  // namespace penstock::server::pages
