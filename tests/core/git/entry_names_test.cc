#include "core/git/entry_names.h"

#include <string>

#include <gtest/gtest.h>

namespace penstock::git {
namespace {

TEST(EntryNames, RefusesWhatLeadsElsewhere) {
  const std::string names[] = {"", ".", "..", "/etc", "a/b", std::string("a\0b", 3)};
  for (const std::string& name : names) EXPECT_TRUE(find_name_fault(name)) << name;
}

TEST(EntryNames, RefusesEveryDisguiseOfDotGit) {
  for (const char* name :
       {".git", ".GIT", ".Git", ".git.", ".git ", ".git. . ", "git~1", "GIT~1", "git~1.", ".git::$INDEX_ALLOCATION",
        ".git:stream", ".g\u200cit", "\u200d.git", ".gi\u202at", ".git\ufeff", ".GI\u206aT", "\ufeff.\u200eg\u200fit"})
    EXPECT_TRUE(find_name_fault(name)) << name;
}

TEST(EntryNames, KeepsWhatOnlyLooksOdd) {
  for (const char* name : {".gitignore",
                           ".gitmodules",
                           ".gitattributes",
                           "git",
                           "git~2",
                           "...",
                           "..a",
                           ".github",
                           "-rf",
                           " ",
                           "a\\b",
                           "a:b",
                           "\xff\xfe",
                           "ünïcode",
                           "e\u0301",
                           "\u65e5\u672c\u8a9e",
                           "new\nline",
                           "con",
                           "a\u200cb",
                           ".git\u200c2"})
    EXPECT_FALSE(find_name_fault(name)) << name;
}

}  // namespace
}  // namespace penstock::git
