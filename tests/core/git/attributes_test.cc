#include "core/git/attributes.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "tests/core/git/test_repository.h"

namespace penstock::git {
namespace {

namespace fs = std::filesystem;

std::string shown(const AttributeValue& value) {
  switch (value.state) {
    case AttributeValue::State::kUnspecified:
      return "unspecified";
    case AttributeValue::State::kSet:
      return "set";
    case AttributeValue::State::kUnset:
      return "unset";
    case AttributeValue::State::kText:
      return std::string(value.text);
  }
  return "";
}

// As `git check-attr` prints it, of the one attribute "x".
std::string value_of(std::string_view rules, std::string_view path, PathKind kind = PathKind::kFile) {
  Attributes attributes({"x"});
  attributes.enter("", rules);
  return shown(attributes.lookup(path, kind)[0]);
}

TEST(Attributes, AreUnspecifiedWithoutFiles) {
  Attributes attributes({"x", "y"});
  EXPECT_EQ(attributes.lookup("a/b", PathKind::kFile).size(), 2u);
  EXPECT_EQ(shown(attributes.lookup("a/b", PathKind::kFile)[1]), "unspecified");
}

TEST(Attributes, AreSetUnsetGivenATextOrTakenBack) {
  EXPECT_EQ(value_of("a x", "a"), "set");
  EXPECT_EQ(value_of("a -x", "a"), "unset");
  EXPECT_EQ(value_of("a x=lfs", "a"), "lfs");
  EXPECT_EQ(value_of("a x=", "a"), "");
  EXPECT_EQ(value_of("* x\na !x", "a"), "unspecified");
  EXPECT_EQ(value_of("a x -x", "a"), "unset");
  EXPECT_EQ(value_of("a x\na -x", "a"), "unset");
}

TEST(Attributes, ForFoldersOnlyAreSaidWithASlash) {
  EXPECT_EQ(value_of("docs/ x", "docs", PathKind::kFolder), "set");
  EXPECT_EQ(value_of("docs/ x", "docs", PathKind::kFile), "unspecified");
  EXPECT_EQ(value_of("docs/ x", "a/docs", PathKind::kFolder), "set");
  EXPECT_EQ(value_of("docs/ x", "docs/a", PathKind::kFile), "unspecified");
  EXPECT_EQ(value_of("docs x", "docs", PathKind::kFolder), "set");
}

TEST(Attributes, AreReadWhateverEndsTheLines) {
  EXPECT_EQ(value_of("a x\r\nb x\r\n", "a"), "set");
  EXPECT_EQ(value_of("a x\r\nb x", "b"), "set");
  EXPECT_EQ(value_of("\xef\xbb\xbf"
                     "a x\n",
                     "a"),
            "set");
  EXPECT_EQ(value_of(" \t a \t x \r\n", "a"), "set");
  EXPECT_EQ(value_of("# a x\n  #b x", "b"), "unspecified");
}

TEST(Attributes, OfQuotedPatterns) {
  EXPECT_EQ(value_of("\"a b\" x", "a b"), "set");
  EXPECT_EQ(value_of("\"\\303\\244\\t\\\"\" x", "\xc3\xa4\t\""), "set");
  EXPECT_EQ(value_of("\"a\"x", "a"), "set");
  EXPECT_EQ(value_of("\"a x", "\"a"), "set");
  EXPECT_EQ(value_of("\"\\q\" x", "\\q"), "unspecified");
}

TEST(Attributes, ComeFromMacrosOfTheRootOnly) {
  EXPECT_EQ(value_of("[attr]m x=1 y\na m", "a"), "1");
  EXPECT_EQ(value_of("a m\n[attr]m x=1", "a"), "1");
  EXPECT_EQ(value_of("a -m\n[attr]m x=1", "a"), "unspecified");
  EXPECT_EQ(value_of("a m\na -m\n[attr]m x=1", "a"), "unspecified");
  EXPECT_EQ(value_of("[attr]m x=1\n[attr]m x=2\na m", "a"), "2");
  EXPECT_EQ(value_of("[attr]m n\n[attr]n m x\na m", "a"), "set");
  Attributes attributes({"diff", "text"});
  attributes.enter("", "*.png binary\n");
  attributes.enter("a/", "[attr]deep -text\n*.jpg deep\n*.gif binary\n");
  EXPECT_EQ(shown(attributes.lookup("b.png", PathKind::kFile)[0]), "unset");
  EXPECT_EQ(shown(attributes.lookup("a/b.png", PathKind::kFile)[1]), "unset");
  EXPECT_EQ(shown(attributes.lookup("a/b.jpg", PathKind::kFile)[1]), "unspecified");
  EXPECT_EQ(shown(attributes.lookup("a/b.gif", PathKind::kFile)[1]), "unset");
}

TEST(Attributes, OfDeeperFilesWinAndEndWithTheirFolder) {
  Attributes attributes({"x"});
  const auto value = [&](std::string_view path) { return shown(attributes.lookup(path, PathKind::kFile)[0]); };
  attributes.enter("", "*.txt x=root\nb/one.txt x=named\n");
  EXPECT_EQ(value("a.txt"), "root");
  attributes.enter("a/", "*.txt x=a\n/b/*.md x=md\n");
  EXPECT_EQ(value("a/1.txt"), "a");
  EXPECT_EQ(value("a/b/1.txt"), "a");
  EXPECT_EQ(value("a/b/1.md"), "md");
  attributes.enter("a/b/", "*.txt !x\n");
  EXPECT_EQ(value("a/b/1.txt"), "unspecified");
  EXPECT_EQ(value("a/c.txt"), "a");
  attributes.enter("b/", "two.txt x=two\n");
  EXPECT_EQ(value("b/two.txt"), "two");
  EXPECT_EQ(value("b/one.txt"), "named");
  EXPECT_EQ(value("a/1.txt"), "root") << "the walk has left this folder";
}

TEST(Attributes, OfLinesThatGitIgnoresAreIgnored) {
  EXPECT_EQ(value_of("!a x", "a"), "unspecified");
  EXPECT_EQ(value_of("\\!a x", "!a"), "set");
  EXPECT_EQ(value_of("a x y,z", "a"), "unspecified");
  EXPECT_EQ(value_of("a x --y", "a"), "unspecified");
  const std::string long_pattern(2045, 'a');
  EXPECT_EQ(value_of(long_pattern + " x", long_pattern), "set");
  EXPECT_EQ(value_of("a" + long_pattern + " x", "a" + long_pattern), "unspecified");
  EXPECT_EQ(value_of("a x\n" + std::string(100u << 20, '\n'), "a"), "unspecified");
}

TEST(Attributes, OfTooManyRulesAreRefused) {
  Attributes attributes({"x"}, {.rule_bytes = 10'000, .work = 1'000'000});
  std::string rules;
  for (int i = 0; i < 100; ++i) rules += "a" + std::to_string(i) + " x\n";
  try {
    attributes.enter("", "[attr]m -x\n");
    attributes.enter("a/", rules);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput);
    EXPECT_STREQ(error.what(), "reading the attributes in \"a/.gitattributes\": there are too many rules");
  }
  // Those of attributes that nobody asked for cost nothing, those of folders that were left are given back.
  std::string others = rules;
  std::replace(others.begin(), others.end(), 'x', 'y');
  attributes.enter("b/", others);
  for (int i = 0; i < 100; ++i) attributes.enter("c" + std::to_string(i) + "/", rules.substr(0, 300));
  EXPECT_EQ(shown(attributes.lookup("c99/a1", PathKind::kFile)[0]), "set");
}

TEST(Attributes, ThatTakeTooLongAreRefused) {
  Attributes attributes({"x"}, {.rule_bytes = 1 << 20, .work = 10'000'000});
  std::string pattern;
  for (int i = 0; i < 500; ++i) pattern += "*a";
  attributes.enter("", pattern + "x*b x\n");
  const std::string path = std::string(4000, 'a') + "b";
  try {
    for (int i = 0; i < 100; ++i) attributes.lookup(path, PathKind::kFile);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput);
    EXPECT_NE(std::string(error.what()).find("too long"), std::string::npos) << error.what();
  }
}

TEST(Attributes, OfTooManyMacrosAreRefused) {
  std::string rules;
  for (int i = 0; i < 5000; ++i) rules += "[attr]m" + std::to_string(i) + " m" + std::to_string(i + 1) + "\n";
  EXPECT_THROW(value_of(rules, "a"), Error);
  // A chain of as many as there may be.
  rules = "a m0\n[attr]m3900 x\n";
  for (int i = 0; i < 3900; ++i) rules += "[attr]m" + std::to_string(i) + " m" + std::to_string(i + 1) + "\n";
  EXPECT_EQ(value_of(rules, "a"), "set");
}

// What the system's git says, for anything that comes to mind.
class AttributesAgainstGit : public ::testing::Test {
 protected:
  void write(const std::string& folder, const std::string& rules) {
    fs::create_directories(tree() / folder);
    std::ofstream(tree() / folder / ".gitattributes", std::ios::binary) << rules;
  }
  fs::path tree() const { return folder_.path() / "tree"; }

  // (path, attribute) -> value, of what is not unspecified. A path with a slash at the end is a folder.
  std::map<std::pair<std::string, std::string>, std::string> check(const std::vector<std::string>& paths) {
    fs::create_directories(tree());
    std::string input;
    for (const std::string& path : paths) input += path + '\0';
    const std::vector<std::string> fields = split(
        repository_.git({"-C", tree().native(), "--work-tree=.", "check-attr", "-z", "-a", "--stdin"}, input), '\0');
    std::map<std::pair<std::string, std::string>, std::string> result;
    for (std::size_t i = 0; i + 2 < fields.size(); i += 3) result[{fields[i], fields[i + 1]}] = fields[i + 2];
    return result;
  }

  std::string pick(const std::vector<std::string>& from) { return from[random_() % from.size()]; }
  std::string random_pattern() {
    static const std::vector<std::string> kPieces = {
        "a",   "b",    "ab",   "a",    "b",    "*",     "*",           "**",  "**/", "/**", "/**/", "/",       "/",
        "/",   "?",    "[ab]", "[!a]", "[^b]", "[a-b]", "[[:alpha:]]", "\\*", "\\a", "\\",  "[",    "]",       "[]a]",
        "[/]", "[!/]", ".",    "-",    "[a-",  "***",   "[[:punct:]]", "\\/", "!",   "c",   "[[:",  "[[:a:]]", "[\\]]"};
    std::string pattern;
    const std::size_t count = 1 + random_() % 6;
    for (std::size_t i = 0; i < count; ++i) pattern += pick(kPieces);
    return pattern;
  }
  std::string random_path() {
    static const std::vector<std::string> kNames = {"a", "b",  "ab", "ba", "aab", "c",  ".",  "*", "a.b",
                                                    "-", "\\", "[",  "]",  "a-",  "!a", "aa", "bb"};
    std::string path;
    const std::size_t count = 1 + random_() % 4;
    for (std::size_t i = 0; i < count; ++i) {
      std::string name = pick(kNames);
      if (name == ".") name = ".a";
      path += (i == 0 ? "" : "/") + name;
    }
    return path + (random_() % 4 == 0 ? "/" : "");
  }
  static std::vector<AttributeValue> look(Attributes& attributes, std::string_view path) {
    const PathKind kind = path.ends_with('/') ? PathKind::kFolder : PathKind::kFile;
    if (path.ends_with('/')) path.remove_suffix(1);
    return attributes.lookup(path, kind);
  }

  TemporaryDirectory folder_;
  TestRepository repository_;
  std::mt19937 random_{11};  // NOLINT(cert-msc51-cpp): the same each time
};

TEST_F(AttributesAgainstGit, PatternsMatchTheSamePaths) {
  std::size_t matched = 0, pairs = 0;
  for (int round = 0; round < 6; ++round) {
    std::vector<std::string> patterns, names;
    std::string rules, deep_rules;
    for (std::size_t i = 0; i < 300; ++i) {
      patterns.push_back(random_pattern());
      names.push_back("x" + std::to_string(i));
      (i % 5 == 0 ? deep_rules : rules) += patterns.back() + " " + names.back() + "\n";
    }
    write("", rules);
    write("a", deep_rules);
    std::set<std::string> unique;
    for (int i = 0; i < 300; ++i) unique.insert(random_path());
    const std::vector<std::string> paths(unique.begin(), unique.end());
    const auto expected = check(paths);
    Attributes attributes(names);
    attributes.enter("", rules);
    attributes.enter("a/", deep_rules);
    for (const std::string& path : paths) {
      const std::vector<AttributeValue> values = look(attributes, path);
      for (std::size_t i = 0; i < names.size(); ++i) {
        const bool by_git = expected.count({path, names[i]}) != 0;
        EXPECT_EQ(values[i].is_set(), by_git) << in_quotes(patterns[i]) << " and " << in_quotes(path);
        matched += by_git ? 1 : 0;
        ++pairs;
      }
    }
  }
  EXPECT_GT(pairs, 300'000u);
  EXPECT_GT(matched, pairs / 50);
}

TEST_F(AttributesAgainstGit, RulesAndMacrosOverrideOneAnotherTheSameWay) {
  const std::vector<std::string> names = {"x", "y", "binary", "text", "diff", "m", "n"};
  const auto random_rules = [&] {
    std::string rules;
    const std::size_t count = random_() % 12;
    for (std::size_t i = 0; i < count; ++i) {
      rules += random_() % 4 == 0 ? "[attr]" + pick({"m", "n", "o", "binary"})
                                  : pick({"*", "a", "b/", "a*", "\"a\"", "/a", "b/*", "**", "!a", "#a", " a", "\"b"});
      const std::size_t settings = random_() % 4;
      for (std::size_t k = 0; k < settings; ++k) {
        rules += pick({" ", "\t", "  "}) + pick({"", "", "", "-", "!"}) +
                 pick({"x", "y", "x=1", "y=2", "x=", "m", "n", "o", "binary", "text", "m=1", "text=auto", "y=a=b"});
        if (random_() % 40 == 0) rules += pick({",", "-", "=", "/"});
      }
      rules += pick({"\n", "\n", "\r\n", " \n"});
    }
    return rules;
  };
  std::set<std::string> unique;
  for (int i = 0; i < 80; ++i) unique.insert(random_path());
  const std::vector<std::string> paths(unique.begin(), unique.end());
  for (int round = 0; round < 60; ++round) {
    const std::string root = random_rules(), a = random_rules(), ab = random_rules();
    write("", root);
    write("a", a);
    write("a/b", ab);
    const auto expected = check(paths);
    Attributes attributes(names);
    attributes.enter("", root);
    attributes.enter("a/", a);
    attributes.enter("a/b/", ab);
    for (const std::string& path : paths) {
      const std::vector<AttributeValue> values = look(attributes, path);
      for (std::size_t i = 0; i < names.size(); ++i) {
        const auto found = expected.find({path, names[i]});
        EXPECT_EQ(shown(values[i]), found == expected.end() ? "unspecified" : found->second)
            << names[i] << " of " << path << "\n"
            << root << "-- a\n"
            << a << "-- a/b\n"
            << ab;
      }
    }
    if (HasFailure()) break;
  }
}

// As `git archive` leaves them out: a folder with all that is below it.
TEST_F(AttributesAgainstGit, ExportIgnoreLeavesOutWhatGitArchiveLeavesOut) {
  for (int round = 0; round < 12; ++round) {
    std::string stream =
        "commit refs/heads/main\nauthor A <a@b> 1767323045 +0000\ncommitter A <a@b> 1767323045 +0000\ndata 1\nx\n";
    stream += round == 0 ? "" : "from refs/heads/main^0\ndeleteall\n";
    std::map<std::string, std::string> files;  // path -> content
    for (int i = 0; i < 60; ++i) {
      const std::string path =
          pick({"a", "b", "c"}) + "/" + pick({"a", "b", "docs"}) + "/" + pick({"a.txt", "b.md", "c"});
      files[path] = "content";
    }
    const auto rules = [&] {
      std::string result;
      for (int i = 0; i < 3; ++i) {
        result += pick({"a", "docs/", "*.md", "/a/b", "b/docs", "**/c", "a/**", "c/", "*.txt", "/docs"}) + " " +
                  pick({"export-ignore", "export-ignore", "-export-ignore", "!export-ignore", "export-ignore=true"}) +
                  "\n";
      }
      return result;
    };
    files[".gitattributes"] = rules();
    files["a/.gitattributes"] = rules();
    files["b/docs/.gitattributes"] = rules();
    for (const auto& [path, content] : files)
      stream += "M 100644 inline " + path + "\ndata " + std::to_string(content.size()) + "\n" + content + "\n";
    repository_.git({"fast-import", "--quiet", "--force"}, stream);

    const fs::path archive = folder_.path() / "archive.zip";
    repository_.git({"archive", "--format=zip", "-o", archive.native(), "refs/heads/main"});
    // Names are taken from the zip's local headers: signature, 22 bytes, the lengths, 4 … the name.
    const std::string zip = read_file(archive);
    std::set<std::string> expected;
    for (std::size_t at = zip.find("PK\3\4"); at != std::string::npos; at = zip.find("PK\3\4", at + 1)) {
      const std::size_t length =
          static_cast<unsigned char>(zip[at + 26]) + 256u * static_cast<unsigned char>(zip[at + 27]);
      const std::string name = zip.substr(at + 30, length);
      if (!name.ends_with('/')) expected.insert(name);
    }

    Attributes attributes({"export-ignore"});
    std::set<std::string> kept, entered, ignored;
    for (const auto& [path, content] : files) {
      std::string folder;
      bool left_out = false;
      for (std::size_t slash = 0; !left_out; slash = path.find('/', slash + 1)) {
        folder = slash == 0 ? "" : path.substr(0, slash);
        if (slash == std::string::npos) break;
        if (entered.insert(folder).second) {
          if (!folder.empty() && attributes.lookup(folder, PathKind::kFolder)[0].is_set()) ignored.insert(folder);
          const auto rules_here = files.find(folder.empty() ? ".gitattributes" : folder + "/.gitattributes");
          if (rules_here != files.end()) attributes.enter(folder.empty() ? "" : folder + "/", rules_here->second);
        }
        left_out = ignored.count(folder) != 0;
      }
      if (!left_out && !attributes.lookup(path, PathKind::kFile)[0].is_set()) kept.insert(path);
    }
    EXPECT_EQ(kept, expected) << files[".gitattributes"] << "-- a\n"
                              << files["a/.gitattributes"] << "-- b/docs\n"
                              << files["b/docs/.gitattributes"];
  }
}

}  // namespace
}  // namespace penstock::git
