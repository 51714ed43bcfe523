#include "core/store/delivery_texts.h"

#include "tests/core/store/store_fixture.h"

namespace penstock::store {
namespace {

class Words : public StoreTest {
 protected:
  std::string record(const std::string& text) {
    NewDelivery next = delivery();
    next.search_text = text;
    return store().record_delivery(next).id;
  }
  std::size_t count(const std::string& words) {
    DeliveryQuery query;
    query.words = words;
    return store().list_deliveries(query).deliveries.size();
  }
};

TEST_F(Words, AreFoundWhateverTheirCaseAndAccents) {
  record("shop-api\nFix the Größe of cranes (#4711)");
  record("shop-web\nAdd cranes");
  for (const auto& [words, expected] : std::vector<std::pair<std::string, std::size_t>>{{"cranes", 2},
                                                                                        {"CRANES fix", 1},
                                                                                        {"grosse", 0},
                                                                                        {"größe", 1},
                                                                                        {"grö*", 1},
                                                                                        {"gro*", 1},
                                                                                        {"shop", 2},
                                                                                        {"shop-api", 1},
                                                                                        {"api shop", 1},
                                                                                        {"api-shop", 0},
                                                                                        {"\"fix the\"", 1},
                                                                                        {"\"the fix\"", 0},
                                                                                        {"#4711", 1},
                                                                                        {"471*", 1},
                                                                                        {"crane", 0},
                                                                                        {"cra*", 2},
                                                                                        {"cranes nothing", 0}}) {
    EXPECT_EQ(count(words), expected) << words;
  }
}

// Whatever is typed is words: an operator of FTS5 is searched for like any other.
TEST_F(Words, AreNeverSyntax) {
  record("either OR neither, NOT near NEAR text: a+b ^c {d} col");
  for (const char* words : {"OR",     "NOT",      "NEAR",      "either OR nothing",
                            "AND",    "text:a",   "NEAR(a b)", "a + b",
                            "^c",     "{d}",      "col:x",     "- x",
                            "(a",     "a)",       "\"",        "\"\"",
                            "\"a",    "a\"b",     "a\"",       "*",
                            "**",     "a*b",      "'",         "; --",
                            "a AND",  "\xff\xfe", "\xc3",      "%",
                            "_",      "a*",       "\\",        "é",
                            "\"a\"*", "日本*"}) {
    try {
      count(words);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput) << words << ": " << error.what();
      EXPECT_TRUE(std::string(error.what()).starts_with("query parameter \"q\": expected ")) << error.what();
    }
  }
  EXPECT_EQ(count("either OR neither"), 1u);
  EXPECT_EQ(count("either OR nothing"), 0u);
  EXPECT_EQ(count("text:"), 1u);
}

TEST_F(Words, MustBeSome) {
  for (const std::string& words : {std::string(), std::string("  "), std::string("***"), std::string("x*"),
                                   std::string(401, 'x'), std::string("a\0b", 3)}) {
    EXPECT_EQ(error_of([&] { count(words); }).kind(), ErrorKind::kInvalidInput) << words;
  }
  std::string many;
  for (int i = 0; i < 30; ++i) many += "w ";
  EXPECT_EQ(error_of([&] { count(many); }).kind(), ErrorKind::kInvalidInput);
}

}  // namespace
}  // namespace penstock::store
