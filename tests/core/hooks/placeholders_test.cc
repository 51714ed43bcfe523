#include "core/hooks/placeholders.h"

#include <gtest/gtest.h>

#include "core/base/regex.h"
#include "core/hooks/glob.h"

namespace penstock::hooks {
namespace {

using Names = std::vector<std::string>;

TEST(FindPlaceholders, KnowsHowEachSyntaxUsesBraces) {
  struct Case {
    const char* text;
    Names in_text, in_glob, in_regex;
  };
  for (const auto& c : std::initializer_list<Case>{
           {"refs/heads/{Branch}", {"Branch"}, {"Branch"}, {"Branch"}},
           {"{A}-{B}-{A}", {"A", "B"}, {"A", "B"}, {"A", "B"}},
           {"{a,b}", {}, {}, {}},
           {"x{3}y{2,5}", {}, {}, {}},
           {"{}", {}, {}, {}},
           {"{Branch", {}, {}, {}},
           {"{{Branch}}", {"Branch"}, {"Branch"}, {"Branch"}},
           {"\\{Branch}", {"Branch"}, {}, {}},
           {"\\p{Greek}\\P{Lu}\\x{263a}", {"Greek", "Lu", "263a"}, {"Greek", "Lu", "263a"}, {}},
           {"\\Q{Branch}\\E{Repo}", {"Branch", "Repo"}, {"Branch", "Repo"}, {"Repo"}},
           {"\\\\{Branch}", {"Branch"}, {"Branch"}, {"Branch"}},
           {"{Repository Name}", {"Repository Name"}, {"Repository Name"}, {"Repository Name"}},
           {"{ Branch}", {}, {}, {}},
           {"{a/b}", {}, {}, {}},
       }) {
    EXPECT_EQ(find_placeholders(c.text, PlaceholderSyntax::kText), c.in_text) << c.text;
    EXPECT_EQ(find_placeholders(c.text, PlaceholderSyntax::kGlob), c.in_glob) << c.text;
    EXPECT_EQ(find_placeholders(c.text, PlaceholderSyntax::kRegex), c.in_regex) << c.text;
  }
}

TEST(FillPlaceholders, LetsValuesStandForThemselves) {
  const std::string value = "re[l]*.1|{x}\\d+(\xC3\xA9)?-\n";
  const auto lookup = [&](const std::string&) { return std::optional(value); };
  const auto text = "refs/heads/" + value;
  EXPECT_EQ(fill_placeholders("refs/heads/{Branch}", PlaceholderSyntax::kText, lookup), text);
  const auto glob = fill_placeholders("refs/*/{Branch}", PlaceholderSyntax::kGlob, lookup);
  EXPECT_TRUE(Glob::compile(glob, SlashMeaning::kOrdinary).matches(text)) << glob;
  EXPECT_FALSE(Glob::compile(glob, SlashMeaning::kOrdinary).matches("refs/heads/rel1.1"));
  const auto regex = fill_placeholders("refs/\\w{3,9}/{Branch}", PlaceholderSyntax::kRegex, lookup);
  EXPECT_TRUE(Regex(regex).matches_whole(text)) << regex;
  EXPECT_FALSE(Regex(regex).matches_whole("refs/heads/rel1"));
}

TEST(FillPlaceholders, KeepsWhatHasNoValueAndFillsOnce) {
  const auto lookup = [](const std::string& name) {
    return name == "A" ? std::optional<std::string>("{B}") : std::nullopt;
  };
  EXPECT_EQ(fill_placeholders("{A}/{B}", PlaceholderSyntax::kText, lookup), "{B}/{B}");
}

}  // namespace
}  // namespace penstock::hooks
