#include "core/json/jsonpath_parser.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace penstock::json {
namespace {

std::string error_of(std::string_view query) {
  try {
    parse_jsonpath(query);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidInput);
    return error.what();
  }
  return "";
}

std::string repeated(std::string_view unit, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += unit;
  return result;
}

TEST(JsonPathGrammar, AcceptsWhatRfc9535Allows) {
  for (const char* query : {
           "$",
           "$.a",
           "$.*",
           "$..a",
           "$..*",
           "$..['a']",
           "$..[0]",
           "$..[*,'a',?@.b]",
           "$.a.b..c[0][1:2][-1]",
           "$.☺",
           "$.über",
           "$._",
           "$._9",
           "$.A",
           "$['']",
           "$[\"\"]",
           "$['a',\"b\",0,-1,:,::,1:,:2,::3,*]",
           "$ \t\r\n.a",
           "$\n['a']",
           "$[?@]",
           "$[?$]",
           "$[?@.a]",
           "$[? @ .a [0] ]",
           "$[?!@.a]",
           "$[?! @.a]",
           "$[?!(@.a)]",
           "$[?((@.a))]",
           "$[?@.a==1]",
           "$[?1==@.a]",
           "$[?1==1]",
           "$[?'a'=='b']",
           "$[?@==null]",
           "$[?@==true||@==false]",
           "$[?@==-0]",
           "$[?@==-0.0e-0]",
           "$[?@==0.5]",
           "$[?@==1e05]",
           "$[?@==123456789012345678901234567890]",
           "$[?@==1e999]",
           "$[?length(@.a)>1]",
           "$[?length('a')==length(@)]",
           "$[?count(@..*)<=3]",
           "$[?count($)==1]",
           "$[?value(@..a)==1]",
           "$[?match(@.a,'x')]",
           "$[?match(value(@..a),@.b)]",
           "$[?!search(@.a,$.p)&&@.b]",
           "$[?search('a',\"b\")]",
           "$[?@['a']==1]",
           "$[?@ ['a']\n[0]==1]",
           "$[?@[ 'a' ]]",
           "$[?count(@[ 'a' ])==1]",
           "$[?match(@, '[')]",
           "$[?@.a==1,?@.b]",
           "$[?@[?@[?@.x]]]",
           "$['\\uD834\\uDD1E']",
           "$['\\u000a']",
       }) {
    EXPECT_EQ(error_of(query), "") << query;
  }
}

TEST(JsonPathGrammar, RefusesEverythingElseAndNamesTheColumn) {
  const struct {
    const char* query;
    const char* error;
  } cases[] = {
      {"", "column 1: expected '$' at the start of the query"},
      {" $", "column 1: expected '$' at the start of the query"},
      {"@.a", "column 1: expected '$' at the start of the query"},
      {"a", "column 1: expected '$' at the start of the query"},
      {"$ ", "column 2: expected '.', '[' or the end of the query, found \" \""},
      {"$.a\n", "column 4: expected '.', '[' or the end of the query, found \"\\n\""},
      {"$a", "column 2: expected '.', '[' or the end of the query, found \"a\""},
      {"$.", "column 3: expected a member name or '*', found the end of the query"},
      {"$..", "column 4: expected a member name or '*', found the end of the query"},
      {"$...a", "column 4: expected a member name or '*', found \".\""},
      {"$. a", "column 3: expected a member name or '*', found \" \""},
      {"$.. a", "column 4: expected a member name or '*', found \" \""},
      {"$.1", "column 3: expected a member name or '*', found \"1\""},
      {"$.&", "column 3: expected a member name or '*', found \"&\""},
      {"$.-a", "column 3: expected a member name or '*', found \"-\""},
      {"$.['a']", "column 3: expected a member name or '*', found \"[\""},
      {"$.'a'", "column 3: expected a member name or '*', found \"'\""},
      {"$.a-b", "column 4: expected '.', '[' or the end of the query, found \"-\""},
      {"$.日本-", "column 5: expected '.', '[' or the end of the query, found \"-\""},
      {"$[]", "column 3: expected a selector (a quoted name, an index, a slice, '*' or '?'), found \"]\""},
      {"$[,0]", "column 3: expected a selector (a quoted name, an index, a slice, '*' or '?'), found \",\""},
      {"$[0,]", "column 5: expected a selector (a quoted name, an index, a slice, '*' or '?'), found \"]\""},
      {"$[a]", "column 3: expected a selector (a quoted name, an index, a slice, '*' or '?'), found \"a\""},
      {"$[$.a]", "column 3: expected a selector (a quoted name, an index, a slice, '*' or '?'), found \"$\""},
      {"$[+1]", "column 3: expected a selector (a quoted name, an index, a slice, '*' or '?'), found \"+\""},
      {"$[0 2]", "column 5: expected ',' or ']', found \"2\""},
      {"$[0", "column 4: expected ',' or ']', found the end of the query"},
      {"$[1.0]", "column 4: expected ',' or ']', found \".\""},
      {"$[01]", "column 3: an integer must not start with a superfluous zero"},
      {"$[-0]", "column 3: -0 is not an integer here"},
      {"$[-01]", "column 3: -0 is not an integer here"},
      {"$[- 1]", "column 4: expected a digit, found \" \""},
      {"$[9007199254740992]", "column 3: the integer is outside -(2^53-1) to 2^53-1"},
      {"$[-9007199254740992]", "column 3: the integer is outside -(2^53-1) to 2^53-1"},
      {"$[::99999999999999999999999999999]", "column 5: the integer is outside -(2^53-1) to 2^53-1"},
      {"$[:-0]", "column 4: -0 is not an integer here"},
      {"$[1:2:3:4]", "column 8: expected ',' or ']', found \":\""},
      {"$['a]", "column 3: the string is not closed"},
      {"$['a\\']", "column 3: the string is not closed"},
      {"$['\\\"']", "column 4: unknown escape in a string"},
      {"$[\"\\'\"]", "column 4: unknown escape in a string"},
      {"$['\\x41']", "column 4: unknown escape in a string"},
      {"$['\\U0041']", "column 4: unknown escape in a string"},
      {"$['é\\u12']", "column 5: \\u is not followed by four hexadecimal digits"},
      {"$['\\u{41}']", "column 4: \\u is not followed by four hexadecimal digits"},
      {"$['\\uD800']", "column 4: lone surrogate in a string"},
      {"$['\\uD800\\uD800']", "column 4: lone surrogate in a string"},
      {"$['\\uD800\\u0041']", "column 4: lone surrogate in a string"},
      {"$['\\uDC00']", "column 4: lone surrogate in a string"},
      {"$['\t']", "column 4: a control character in a string must be escaped, found \"\\u0009\""},
      {"$[?]", "column 4: expected a query, a literal or a function, found \"]\""},
      {"$[?a]", "column 4: expected a query, a literal or a function, found \"a\""},
      {"$[?True==@]", "column 4: expected a query, a literal or a function, found \"T\""},
      {"$[?@==nul]", "column 7: expected a query, a literal or a function, found \"nul\""},
      {"$[?.5==@]", "column 4: expected a query, a literal or a function, found \".\""},
      {"$[?@==+1]", "column 7: expected a query, a literal or a function, found \"+\""},
      {"$[?@==1.]", "column 9: expected a digit, found \"]\""},
      {"$[?@==1e]", "column 9: expected a digit, found \"]\""},
      {"$[?@==- 1]", "column 8: expected a digit, found \" \""},
      {"$[?@==01]", "column 7: a number must not start with a superfluous zero"},
      {"$[?@==1e2.3]", "column 10: expected ',' or ']', found \".\""},
      {"$[?@=1]", "column 5: expected ',' or ']', found \"=\""},
      {"$[?@===1]", "column 7: expected a query, a literal or a function, found \"=\""},
      {"$[?@==1==1]", "column 8: expected ',' or ']', found \"=\""},
      {"$[?@&@]", "column 5: expected ',' or ']', found \"&\""},
      {"$[?@ and @]", "column 6: expected ',' or ']', found \"a\""},
      {"$[?(@.a]", "column 8: expected ')', found \"]\""},
      {"$[?(@.a)==1]", "column 9: expected ',' or ']', found \"=\""},
      {"$[?!!@.a]", "column 5: expected a query, a literal or a function, found \"!\""},
      {"$[?!@.a==1]", "column 5: '!' applies to a test or to parentheses, not to a comparison: write !(… == …)"},
      {"$[?true]", "column 4: a literal must be compared with something"},
      {"$[?@.a&&2]", "column 9: a literal must be compared with something"},
      {"$[?!'a']", "column 5: a literal must be compared with something"},
      {"$[?@..a==1]", "column 4: only a query for at most one node (names and indexes) has a value here"},
      {"$[?1==@.*]", "column 7: only a query for at most one node (names and indexes) has a value here"},
      {"$[?@[0,0]==1]", "column 4: only a query for at most one node (names and indexes) has a value here"},
      {"$[?@[:]==1]", "column 4: only a query for at most one node (names and indexes) has a value here"},
      {"$[?@[?@]==1]", "column 4: only a query for at most one node (names and indexes) has a value here"},
      {"$[?@[ 'a' ]==1]", "column 4: a query whose value is used must not have blank space inside its brackets"},
      {"$[?length(@[0 ])==1]", "column 11: a query whose value is used must not have blank space inside its brackets"},
      {"$[?length(@)]", "column 4: the result of length() must be compared with something"},
      {"$[?!count(@.*)]", "column 5: the result of count() must be compared with something"},
      {"$[?value(@.a)]", "column 4: the result of value() must be compared with something"},
      {"$[?match(@,'a')==true]", "column 4: the result of match() is true or false and has no value"},
      {"$[?true!=search(@,'a')]", "column 10: the result of search() is true or false and has no value"},
      {"$[?length(match(@,'a'))==1]", "column 11: the result of match() is true or false and has no value"},
      {"$[?length()==1]", "column 4: length() takes 1 argument, not 0"},
      {"$[?match(@)]", "column 4: match() takes 2 arguments, not 1"},
      {"$[?length(@,@)==1]", "column 13: argument 2 of length() is one too many"},
      {"$[?length(@.*)==1]", "column 11: only a query for at most one node (names and indexes) has a value here"},
      {"$[?count(1)==1]", "column 10: argument 1 of count() must be a query"},
      {"$[?value('a')==1]", "column 10: argument 1 of value() must be a query"},
      {"$[?count(count(@))==1]", "column 10: argument 1 of count() must be a query"},
      {"$[?length(@.a==@.b)>2]", "column 11: argument 1 of length() must not be a logical expression"},
      {"$[?length(@.a&&@.b)>2]", "column 11: argument 1 of length() must not be a logical expression"},
      {"$[?count(!@.a)>2]", "column 10: argument 1 of count() must not be a logical expression"},
      {"$[?match((@.a),'a')]", "column 10: argument 1 of match() must not be a logical expression"},
      {"$[?count (@.*)==1]", "column 4: expected a query, a literal or a function, found \"count\""},
      {"$[?Count(@.*)==1]", "column 4: expected a query, a literal or a function, found \"C\""},
      {"$[?size(@)==1]", "column 4: unknown function \"size\": there are length, count, match, search and value"},
      {"$[?length(@ @)==1]", "column 13: expected ',' or ')', found \"@\""},
      {"$[?length(@,)==1]", "column 13: argument 2 of length() is one too many"},
      {"$[?match(@,)]", "column 12: expected a query, a literal or a function, found \")\""},
      {"$[?match(@,'a{300000}')]", "column 4: compiling the regular expression: it repeats too much"},
      {"$.a\xFF", "column 4: the query is not valid UTF-8"},
      {"$['\xED\xA0\x80']", "column 4: the query is not valid UTF-8"},
  };
  for (const auto& c : cases) {
    const std::string error = error_of(c.query);
    EXPECT_EQ(error.substr(0, std::string_view(c.error).size()), c.error) << c.query;
  }
}

TEST(JsonPathGrammar, RefusesEveryUnescapedControlCharacter) {
  for (char c = 0; c < 0x20; ++c) {
    for (const char* quote : {"'", "\""}) {
      const std::string query = std::string("$[") + quote + c + quote + "]";
      EXPECT_NE(error_of(query), "") << int{c};
    }
  }
}

TEST(JsonPathGrammar, BoundsNestingAndLength) {
  EXPECT_EQ(error_of("$" + repeated("[?@", 20) + repeated("]", 20)), "");
  EXPECT_NE(error_of("$" + repeated("[?@", 2000) + repeated("]", 2000)).find("nested too deeply"), std::string::npos);
  EXPECT_NE(error_of("$[?" + repeated("(", 5000)).find("nested too deeply"), std::string::npos);
  EXPECT_NE(error_of("$[?" + repeated("length(value(", 5000)).find("nested too deeply"), std::string::npos);
  EXPECT_NE(error_of("$" + repeated(".a", 40000)).find("longer than 65536 bytes"), std::string::npos);
  EXPECT_EQ(error_of("$" + repeated(".a", 30000)), "");
  EXPECT_EQ(error_of("$[?@.a" + repeated("||@.a", 10000) + "]"), "");
}

}  // namespace
}  // namespace penstock::json
