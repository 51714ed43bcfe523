#include "core/jobs/artifact_options.h"

#include <set>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::jobs {
namespace {

std::string refusal(const ArtifactOptions& options) {
  try {
    check_artifact_options(options);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfiguration);
    return error.what();
  }
}

TEST(CheckArtifactOptions, RefusesWhatCannotBe) {
  EXPECT_EQ(refusal({}), "");
  EXPECT_EQ(refusal({.include = {"src/**", "*.{c,h}"}, .git_metadata = false}), "");
  EXPECT_EQ(refusal({.subdirectory = "./", .git_metadata = true}), "");
  EXPECT_NE(refusal({.subdirectory = "a/../.."}).find("\"..\""), std::string::npos);
  EXPECT_NE(refusal({.exclude = {"a[b"}}).find("\"a[b\""), std::string::npos);
  for (const ArtifactOptions& partial : {ArtifactOptions{.subdirectory = "a", .git_metadata = true},
                                         ArtifactOptions{.include = {"*"}, .git_metadata = true},
                                         ArtifactOptions{.exclude = {"*"}, .git_metadata = true},
                                         ArtifactOptions{.export_ignore = true, .git_metadata = true}}) {
    EXPECT_NE(refusal(partial).find("gitMetadata needs the whole tree"), std::string::npos);
  }
}

TEST(CanonicalText, TellsOptionsApartThatMakeDifferentArtifacts) {
  using Submodules = ArtifactOptions::Submodules;
  const std::vector<ArtifactOptions> different = {
      {},
      {.compression = 1},
      {.subdirectory = "a"},
      {.include = {"a"}},
      {.include = {"a", "b"}},
      {.include = {"a\n1:b"}},
      {.exclude = {"a"}},
      {.include = {"a"}, .exclude = {"b"}},
      {.submodules = Submodules::kDirect},
      {.submodules = Submodules::kRecursive},
      {.lfs = true},
      {.export_ignore = true},
      {.git_metadata = true},
      {.refuse_outside_links = true},
      {.refuse_case_clashes = true},
  };
  std::set<std::string> texts;
  for (const ArtifactOptions& options : different) texts.insert(canonical_text(options));
  EXPECT_EQ(texts.size(), different.size());
  EXPECT_EQ(canonical_text({.subdirectory = "./a//b/"}), canonical_text({.subdirectory = "a/b"}));
}

}  // namespace
}  // namespace penstock::jobs
