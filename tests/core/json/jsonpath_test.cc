#include "core/json/jsonpath.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/json/document.h"

namespace penstock::json {
namespace {

// "path=value" of each selected node, one a line.
std::string evaluate(std::string_view query, std::string_view text, const ArrayFocus* focus = nullptr) {
  const Document document = Document::parse(text);
  const JsonPath path = JsonPath::compile(query);
  const EvaluateOptions options{.focus = focus};
  std::string result;
  const std::vector<JsonPath::Node> nodes = path.select_with_paths(document, options);
  for (const JsonPath::Node& node : nodes) result += node.path + "=" + node.value.to_text() + "\n";

  // The way without paths must find the same nodes.
  const std::vector<Value> values = path.select(document, options);
  EXPECT_EQ(values.size(), nodes.size());
  for (std::size_t i = 0; i < std::min(values.size(), nodes.size()); ++i) {
    EXPECT_TRUE(values[i].is_same_node(nodes[i].value));
  }
  return result;
}

// Just the values, in one line.
std::string values(std::string_view query, std::string_view text) {
  const Document document = Document::parse(text);
  std::string result;
  for (const Value& value : JsonPath::compile(query).select(document)) {
    result += (result.empty() ? "" : " ") + value.to_text();
  }
  return result;
}

struct Case {
  const char* name;
  const char* query;
  const char* document;
  const char* expected;
};

void check_values(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.name) + ": " + c.query);
    try {
      EXPECT_EQ(values(c.query, c.document), c.expected);
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

TEST(JsonPathPaths, AreNormalized) {
  const std::vector<Case> cases = {
      {"root", "$", "7", "$=7\n"},
      {"member and index", "$.a[1]", R"({"a":[1,2]})", "$['a'][1]=2\n"},
      {"negative index", "$[-1]", "[1,2,3]", "$[2]=3\n"},
      {"quote and backslash", "$.*", R"({"it's":1,"a\\b":2,"d\"q":3})", "$['it\\'s']=1\n$['a\\\\b']=2\n$['d\"q']=3\n"},
      {"control characters", "$.*", R"({"\b\f\n\r\t":1,"\u0000":2,"\u001f\u007f":3})",
       "$['\\b\\f\\n\\r\\t']=1\n$['\\u0000']=2\n$['\\u001f\x7f']=3\n"},
      {"non-ASCII stays", "$.*", R"({"日本":1,"\ud83d\ude00":2})", "$['日本']=1\n$['😀']=2\n"},
      {"empty name", "$['']", R"({"":1})", "$['']=1\n"},
      {"slice backwards", "$[::-2]", "[1,2,3,4,5]", "$[4]=5\n$[2]=3\n$[0]=1\n"},
      {"filter on object", "$.o[?@>1]", R"({"o":{"a":1,"b":2}})", "$['o']['b']=2\n"},
      {"descendants", "$..x", R"({"a":[{"x":1},{"b":{"x":2}}],"x":{"x":3}})",
       "$['x']={\"x\":3}\n$['a'][0]['x']=1\n$['a'][1]['b']['x']=2\n$['x']['x']=3\n"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(evaluate(c.query, c.document), c.expected);
  }
}

TEST(JsonPathSelectors, SelectAsRfc9535Says) {
  constexpr const char* kTen = "[0,1,2,3,4,5,6,7,8,9]";
  constexpr const char* kFour = "[0,1,2,3]";
  check_values({
      {"name", "$.a", R"({"a":1,"b":2})", "1"},
      {"name in double quotes", R"($["a"])", R"({"a":1})", "1"},
      {"absent name", "$.c", R"({"a":1})", ""},
      {"name on array", "$.a", "[1]", ""},
      {"name on scalar", "$.a", "1", ""},
      {"digits are a name for objects", "$['0']", R"({"0":5})", "5"},
      {"index on object", "$[0]", R"({"0":5})", ""},
      {"non-ASCII shorthand", "$.Größe.日本._x9", R"({"Größe":{"日本":{"_x9":1}}})", "1"},
      {"names compare bytewise, not normalized", "$['e\\u0301']", R"({"é":1})", ""},
      {"case matters", "$.A", R"({"a":1})", ""},
      {"blank space between segments", "$ .a\n[0]\t..b", R"({"a":[{"b":1}]})", "1"},
      {"blank space in brackets", "$[ 'a' , 0\r,\t* ]", R"({"a":1})", "1 1"},
      {"wildcard keeps document order", "$.*", R"({"b":1,"a":2})", "1 2"},
      {"wildcard on scalar", "$.a.*", R"({"a":"text"})", ""},
      {"repeated selectors repeat nodes", "$[0,0,*]", "[1,2]", "1 1 1 2"},
      {"first index", "$[0]", kFour, "0"},
      {"index past the end", "$[4]", kFour, ""},
      {"index before the start", "$[-5]", kFour, ""},
      {"first by negative index", "$[-4]", kFour, "0"},
      {"largest index", "$[9007199254740991]", kFour, ""},
      {"smallest index", "$[-9007199254740991]", kFour, ""},
      {"slice", "$[1:3]", kTen, "1 2"},
      {"slice with step", "$[1:6:2]", kTen, "1 3 5"},
      {"slice of all", "$[:]", kFour, "0 1 2 3"},
      {"slice of all, two colons", "$[::]", kFour, "0 1 2 3"},
      {"slice reversed", "$[::-1]", kFour, "3 2 1 0"},
      {"slice reversed down to 0", "$[:0:-1]", kFour, "3 2 1"},
      {"slice reversed from 2", "$[2::-1]", kFour, "2 1 0"},
      {"slice backwards in the wrong direction", "$[-1:-3]", kTen, ""},
      {"slice backwards", "$[-1:-6:-2]", kTen, "9 7 5"},
      {"slice from negative to positive", "$[-5:7]", kTen, "5 6"},
      {"slice from positive to negative", "$[7:-5:-1]", kTen, "7 6"},
      {"slice step 0", "$[1:3:0]", kTen, ""},
      {"slice far end", "$[8:9007199254740991]", kTen, "8 9"},
      {"slice far start", "$[-9007199254740991:2]", kTen, "0 1"},
      {"slice far start backwards", "$[9007199254740991:7:-1]", kTen, "9 8"},
      {"slice far end backwards", "$[1:-9007199254740991:-1]", kTen, "1 0"},
      {"slice huge step", "$[2::9007199254740991]", kTen, "2"},
      {"slice huge step backwards", "$[2::-9007199254740991]", kTen, "2"},
      {"slice of empty array", "$[::-1]", "[]", ""},
      {"slice of object", "$[:]", R"({"a":1})", ""},
      {"slice with blank space", "$[ 1 : 5 : 2 ]", kTen, "1 3"},
      {"descendant wildcard is parents first", "$..*", R"([[[1]],[2]])", "[[1]] [2] [1] 1 2"},
      {"descendant selectors node by node", "$..['a','b']", R"({"b":1,"a":{"b":2,"a":3}})", R"({"b":2,"a":3} 1 3 2)"},
      {"descendant index", "$..[0]", "[[1,[2]],3]", "[1,[2]] 1 2"},
      {"descendant twice repeats", "$..a..b", R"({"a":{"a":{"b":1}}})", "1 1"},
      {"descendant of scalar", "$..a", "1", ""},
      {"descendant filter", "$..[?@.k==1].v", R"([{"k":1,"v":"x"},[{"k":1,"v":"y"}]])", R"("x" "y")"},
  });
}

TEST(JsonPathStrings, EscapesWorkInNamesAndLiterals) {
  check_values({
      {"single quote in single quotes", R"($['\''])", R"({"'":1})", "1"},
      {"double quote in double quotes", R"($["\""])", R"({"\"":1})", "1"},
      {"double quote in single quotes", R"($['"'])", R"({"\"":1})", "1"},
      {"all short escapes", R"($['\b\f\n\r\t\/\\'])", R"({"\b\f\n\r\t/\\":1})", "1"},
      {"unicode escape, either case", R"($['\u00e9\u00E9'])", R"({"éé":1})", "1"},
      {"surrogate pair", R"($['\uD83D\uDE00'])", R"({"😀":1})", "1"},
      {"escaped NUL", R"($['a\u0000b'])", R"({"a\u0000b":1})", "1"},
      {"delete is no control character here", "$['\x7f']", "{\"\x7f\":1}", "1"},
      {"supplementary character as is", "$['😀']", R"({"\ud83d\ude00":1})", "1"},
      {"in a comparison", R"($[?@=='it\'s "x"'])", R"(["it's \"x\"","its"])", R"("it's \"x\"")"},
  });
}

TEST(JsonPathFilters, CompareAsRfc9535Says) {
  check_values({
      {"number", "$[?@==1]", R"([1,1.0,"1",true,[1],1e0,2])", "1 1.0 1.0"},
      {"zero and minus zero", "$[?@==-0]", "[0,-0,0.0,-0.0,1]", "0 0 0.0 -0.0"},
      {"exponent", "$[?@==1E+2]", "[100,100.0,1e2,10]", "100 100.0 100.0"},
      {"fraction", "$[?@==1.10]", "[1.1,1.10,1.11]", "1.1 1.1"},
      {"integers beyond 2^53 are exact", "$[?@==9007199254740993]", "[9007199254740992,9007199254740993]",
       "9007199254740993"},
      {"integer and double are compared exactly", "$[?@>9007199254740992.0]", "[9007199254740992,9007199254740993]",
       "9007199254740993"},
      {"unsigned 64 bits", "$[?@>9223372036854775807]", "[9223372036854775807,18446744073709551615,-1]",
       "18446744073709551615"},
      {"null is a value", "$[?@.a==null]", R"([{"a":null},{},{"a":0}])", R"({"a":null})"},
      {"nothing differs from null", "$[?@.a!=null]", R"([{"a":null},{}])", "{}"},
      {"nothing equals nothing", "$[?@.a==@.b]", R"([{"c":1},{"a":1},{"a":1,"b":1}])", R"({"c":1} {"a":1,"b":1})"},
      {"nothing <= nothing", "$[?@.a<=@.b]", R"([{"c":1},{"a":1}])", R"({"c":1})"},
      {"nothing < nothing", "$[?@.a<@.b]", R"([{"c":1}])", ""},
      {"booleans", "$[?@==true]", R"([true,false,"true",1])", "true"},
      {"booleans have no order", "$[?@<true]", "[false,true]", ""},
      {"booleans are <= themselves", "$[?@<=true]", "[false,true]", "true"},
      {"null is >= itself", "$[?@>=null]", "[null,0]", "null"},
      {"strings by scalar values, not UTF-16 units", "$[?@>'\\uFFFD']", R"(["\uFFFC","\ud83d\ude00"])", R"("😀")"},
      {"string order", "$[?@<'b']", R"(["a","b","","B",1])", R"("a" "" "B")"},
      {"prefix comes first", "$[?@<='ab']", R"(["a","ab","abc"])", R"("a" "ab")"},
      {"no order between types", "$[?@<'5']", "[4]", ""},
      {"!= between types", "$[?@!='5']", R"([5,"5"])", "5"},
      {"literal left", "$[?2<@]", "[1,2,3]", "3"},
      {"literals only", "$[?1==1.0]", "[1]", "1"},
      {"arrays deep", "$[?@.a==@.b]", R"([{"a":[1,[2]],"b":[1.0,[2]]},{"a":[1,[2]],"b":[[2],1]},{"a":[],"b":{}}])",
       R"({"a":[1,[2]],"b":[1.0,[2]]})"},
      {"objects deep, any order", "$[?@.a==@.b]",
       R"([{"a":{"x":1,"y":{"z":[]}},"b":{"y":{"z":[]},"x":1}},{"a":{"x":1},"b":{"x":1,"y":2}},{"a":{"x":1},"b":{"y":1}}])",
       R"({"a":{"x":1,"y":{"z":[]}},"b":{"y":{"z":[]},"x":1}})"},
      {"arrays have no order", "$[?@<$[1]]", "[[1],[2]]", ""},
      {"arrays are <= equals", "$[?@<=$[0]]", "[[1],[2],[1]]", "[1] [1]"},
      {"against the root", "$.list[?@==$.wanted]", R"({"wanted":"b","list":["a","b"]})", R"("b")"},
      {"index in a comparison", "$[?@[-1]==2]", "[[1,2],[2,1]]", "[1,2]"},
      {"blank space everywhere", "$[? \t@ .a\r\n== \n1 && ! ( @.b ) ]", R"([{"a":1},{"a":1,"b":2}])", R"({"a":1})"},
      {"no blank space anywhere", "$[?@.a==1&&!(@.b)||@.c]", R"([{"a":1},{"b":1},{"c":1}])", R"({"a":1} {"c":1})"},
  });
}

TEST(JsonPathFilters, TestExistenceAndCombine) {
  check_values({
      {"existence of null", "$[?@.a]", R"([{"a":null},{"a":false},{}])", R"({"a":null} {"a":false})"},
      {"negated existence", "$[?!@.a]", R"([{"a":null},{"b":1},1])", R"({"b":1} 1)"},
      {"existence of several", "$[?@.*]", R"([1,[],[2],{},{"a":3}])", R"([2] {"a":3})"},
      {"existence of descendants", "$[?@..x]", R"([{"a":[{"x":1}]},{"y":1}])", R"({"a":[{"x":1}]})"},
      {"the node itself exists", "$[?@]", "[null,0]", "null 0"},
      {"and before or", "$[?@.a||@.b&&@.c]", R"([{"a":1},{"b":1},{"b":1,"c":1},{"c":1}])", R"({"a":1} {"b":1,"c":1})"},
      {"parentheses", "$[?(@.a||@.b)&&@.c]", R"([{"a":1},{"b":1,"c":1},{"c":1}])", R"({"b":1,"c":1})"},
      {"nested parentheses", "$[?((@.a)&&(!(@.b)))]", R"([{"a":1},{"a":1,"b":1}])", R"({"a":1})"},
      {"negated comparison", "$[?!(@.a==1)]", R"([{"a":1},{"a":2},{}])", R"({"a":2} {})"},
      {"nested filter", "$[?@[?@>1]]", "[[0],[0,2],{\"a\":3},5]", R"([0,2] {"a":3})"},
      {"nested filter sees its own node", "$[?@.k[?@.x==$[0].want]]", R"([{"want":1,"k":[{"x":1}]},{"k":[{"x":2}]}])",
       R"({"want":1,"k":[{"x":1}]})"},
      {"filter on scalar", "$.a[?@==1]", R"({"a":1})", ""},
      {"several filters", "$[?@.a,?@.b]", R"([{"a":1,"b":2},{"b":3}])", R"({"a":1,"b":2} {"a":1,"b":2} {"b":3})"},
      {"filter, then segments", "$[?@.a==1].b['x','y']", R"([{"a":1,"b":{"x":1,"y":2}}])", "1 2"},
  });
}

TEST(JsonPathFunctions, ComputeAsRfc9535Says) {
  check_values({
      {"length counts characters", "$[?length(@)==2]", R"(["ab","äö","😀😀","a","é́",[1,2],{"a":1,"b":2},12])",
       R"("ab" "äö" "😀😀" "é́" [1,2] {"a":1,"b":2})"},
      {"length of a number is nothing", "$[?length(@)==@.absent]", R"([1,null,true,"x"])", "1 null true"},
      {"length of a literal", "$[?length('abc')==3]", "[1]", "1"},
      {"count", "$[?count(@.*)==2]", R"([[1,2],{"a":1,"b":2},"ab",[1]])", R"([1,2] {"a":1,"b":2})"},
      {"count of a single node", "$[?count(@.a)==1]", R"([{"a":[1,2]},{}])", R"({"a":[1,2]})"},
      {"count keeps duplicates", "$[?count(@['a','a'])==2]", R"([{"a":1}])", R"({"a":1})"},
      {"count of absolute query", "$[?count($.*)>1]", "[1,2]", "1 2"},
      {"value of one node", "$[?value(@..x)==1]", R"([{"a":{"x":1}},{"x":1,"a":{"x":1}},{"x":2}])", R"({"a":{"x":1}})"},
      {"value of no node is nothing", "$[?value(@..x)==@.absent]", "[1]", "1"},
      {"length of value", "$[?length(value(@..x))==2]", R"([{"x":"ab"}])", R"({"x":"ab"})"},
      {"match is whole", "$[?match(@,'a.c')]", R"(["abc","xabc","abcd","a\nc","a\rc","a\u2028c","a😀c",1])",
       "\"abc\" \"a\xE2\x80\xA8"
       "c\" \"a😀c\""},
      {"search is part", "$[?search(@,'b+')]", R"(["abc","aBc","bb",["b"]])", R"("abc" "bb")"},
      {"negated match", "$[?!match(@,'a')]", R"(["a","b",1])", R"("b" 1)"},
      {"pattern from the document", "$.v[?match(@,$.p)]", R"({"p":"x|y","v":["x","y","xy"]})", R"("x" "y")"},
      {"pattern that is no string", "$[?match(@,1)]", R"(["1"])", ""},
      {"pattern that is none", "$[?match(@,'a**')||search(@,'(')]", R"(["a","("])", ""},
      {"pattern of the document that is none", "$[?search('a',@)]", R"(["a","(","[",1])", R"("a")"},
      {"anchors at the ends", "$[?search(@,'^refs/heads/(main|release/.*)$')]",
       R"(["refs/heads/main","x/refs/heads/main","refs/heads/main2"])", R"("refs/heads/main")"},
      {"blank space", "$[?count( @.* \n)==1&&search( @.a ,\t'x' )]", R"([{"a":"xy"}])", R"({"a":"xy"})"},
  });
}

TEST(JsonPathAws, ExamplesWorkAsTheyAre) {
  constexpr const char* kPush =
      R"({"resource":{"refUpdates":[{"name":"refs/heads/main"},{"name":"refs/heads/x"}],"repository":{"name":"shop"}}})";
  check_values({
      {"template's path", "$.resource.refUpdates..name", kPush, R"("refs/heads/main" "refs/heads/x")"},
      {"wildcard", "$.resource.refUpdates[*].name", kPush, R"("refs/heads/main" "refs/heads/x")"},
      {"first", "$.resource.refUpdates[0].name", kPush, R"("refs/heads/main")"},
      {"plain", "$.ref", R"({"ref":"refs/heads/main"})", R"("refs/heads/main")"},
  });
}

TEST(JsonPathDocument, OnlyTheFirstOfRepeatedMembersCounts) {
  check_values({
      {"name", "$.a", R"({"a":1,"b":2,"a":3})", "1"},
      {"wildcard", "$.*", R"({"a":1,"b":2,"a":{"x":1}})", "1 2"},
      {"descendants", "$..x", R"({"a":1,"a":{"x":1}})", ""},
      {"length", "$[?length(@)==1]", R"([{"a":1,"a":2}])", R"({"a":1})"},
      {"equality", "$[?@==$[1]]", R"([{"a":1,"a":2},{"a":1}])", R"({"a":1} {"a":1})"},
      {"escaped alike", "$.*", R"({"a":1,"\u0061":2})", "1"},
  });
}

TEST(JsonPathFocus, ShowsOneElementOfTheArray) {
  constexpr const char* kPush =
      R"({"r":{"u":[{"n":"a"},{"n":"b"},{"n":"c"}],"other":[1,2]},"copy":[{"n":"a"},{"n":"b"},{"n":"c"}]})";
  const ArrayFocus focus{{"r", "u"}, 1};
  const std::vector<Case> cases = {
      {"descendants", "$.r.u..n", kPush, "$['r']['u'][0]['n']=\"b\"\n"},
      {"wildcard", "$.r.u[*].n", kPush, "$['r']['u'][0]['n']=\"b\"\n"},
      {"index 0", "$.r.u[0].n", kPush, "$['r']['u'][0]['n']=\"b\"\n"},
      {"index -1", "$.r.u[-1].n", kPush, "$['r']['u'][0]['n']=\"b\"\n"},
      {"index 1 is past the end", "$.r.u[1]", kPush, ""},
      {"slice", "$.r.u[::-1].n", kPush, "$['r']['u'][0]['n']=\"b\"\n"},
      {"filter", "$.r.u[?@.n!='a'].n", kPush, "$['r']['u'][0]['n']=\"b\"\n"},
      {"length and count", "$.r[?length($.r.u)==1 && count($.r.u[*])==1 && @[0]==1][1]", kPush,
       "$['r']['other'][1]=2\n"},
      {"absolute query in a filter", "$.r.other[?@==2 && $.r.u[0].n=='b']", kPush, "$['r']['other'][1]=2\n"},
      {"value", "$.r.other[?value($.r.u..n)=='b']", kPush, "$['r']['other'][0]=1\n$['r']['other'][1]=2\n"},
      {"deep equality", "$[?$.copy==$.r.u]", kPush, ""},
      {"descendants from the root", "$..n", kPush,
       "$['r']['u'][0]['n']=\"b\"\n$['copy'][0]['n']=\"a\"\n$['copy'][1]['n']=\"b\"\n$['copy'][2]['n']=\"c\"\n"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(evaluate(c.query, c.document, &focus), c.expected);
  }
  const ArrayFocus first{{"r", "u"}, 0};
  EXPECT_EQ(evaluate("$.r[?@==$.r.u].*.n", R"({"r":{"u":[{"n":"a"},{"n":"b"}],"one":[{"n":"a"}]}})", &first),
            "$['r']['u'][0]['n']=\"a\"\n$['r']['one'][0]['n']=\"a\"\n");
}

TEST(JsonPathFocus, PastTheEndShowsAnEmptyArrayAndElsewhereNothingChanges) {
  const ArrayFocus past{{"u"}, 2};
  EXPECT_EQ(evaluate("$.u..*", R"({"u":[1,2]})", &past), "");
  EXPECT_EQ(evaluate("$.u[::-1]", R"({"u":[1,2]})", &past), "");
  EXPECT_EQ(evaluate("$[?length(@)==0]", R"({"u":[1,2]})", &past), "$['u']=[1,2]\n");
  const ArrayFocus absent{{"x", "y"}, 0};
  EXPECT_EQ(evaluate("$.u[*]", R"({"u":[1,2]})", &absent), "$['u'][0]=1\n$['u'][1]=2\n");
  const ArrayFocus object{{"u"}, 0};
  EXPECT_EQ(evaluate("$.u.*", R"({"u":{"a":1,"b":2}})", &object), "$['u']['a']=1\n$['u']['b']=2\n");
  const ArrayFocus root{{}, 1};
  EXPECT_EQ(evaluate("$[*]", "[1,2]", &root), "$[0]=2\n");
}

class JsonPathBudget : public testing::Test {
 protected:
  static ErrorKind kind_of(const std::string& query, const std::string& text, std::size_t visits = 1'000'000) {
    const Document document = Document::parse(text);
    try {
      JsonPath::compile(query).select_with_paths(document, {.remaining_visits = &visits});
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("visits too many nodes"), std::string::npos) << error.what();
      EXPECT_EQ(visits, 0U);
      return error.kind();
    }
    return ErrorKind::kInternal;
  }
  static std::string repeated(const std::string& unit, std::size_t times) {
    std::string result;
    for (std::size_t i = 0; i < times; ++i) result += unit;
    return result;
  }
  static std::string array_of(const std::string& element, std::size_t times) {
    return "[" + repeated(element + ",", times - 1) + element + "]";
  }
};

TEST_F(JsonPathBudget, EndsWhatWouldExplode) {
  const std::string wide = array_of(R"({"a":1,"b":[1,2,3]})", 2000);
  const std::string deep = repeated("[", 60) + repeated("]", 60);
  const std::string long_string = "\"" + std::string(1 << 20, 'a') + "\"";
  const struct {
    const char* name;
    std::string query;
    std::string document;
  } cases[] = {
      {"every node against every node", "$..[?count($..a)==count(@..a)]", wide},
      {"absolute search per element", "$[?value($..zzz)==1]", wide},
      {"descendants of descendants", "$..*..*..*..*..*..*", deep},
      {"selectors repeated", "$" + repeated("[*,*]", 40),
       "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"},
      {"deep comparison per element", "$.c[?$.a==$.b]",
       R"({"a":)" + wide + R"(,"b":)" + wide + R"(,"c":)" + array_of("1", 2000) + "}"},
      {"long name looked up in a wide object", "$.c[?$.w.zzz==1]",
       R"({"w":{)" +
           [] {
             std::string members;
             for (int i = 0; i < 5000; ++i) members += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
             return members;
           }() +
           R"(},"c":)" + array_of("1", 2000) + "}"},
      {"repeated members that nobody sees", "$.c[?$.w.zzz==1]",
       R"({"w":{)" + repeated("\"a\":1,", 20000) + R"("b":1},"c":)" + array_of("1", 2000) + "}"},
      {"counting past repeated members", "$.c[?length($.w)==1]",
       R"({"w":{)" + repeated("\"a\":1,", 20000) + R"("b":1},"c":)" + array_of("1", 2000) + "}"},
      {"many terms", "$.*[?1==2" + repeated("||1==2", 9000) + "]", "[" + array_of("1", 1000) + "]"},
      {"many selectors that select nothing", "$..[0" + repeated(",'a'", 10000) + "]", array_of("[]", 2000)},
      {"regular expression over long text", "$.c[?search($.t,'(a|b)*c')]",
       R"({"t":)" + long_string + R"(,"c":)" + array_of("1", 1000) + "}"},
      {"length of long text", "$.c[?length($.t)==1]",
       R"({"t":)" + long_string + R"(,"c":)" + array_of("1", 1000) + "}"},
      {"equality of long texts", "$.c[?$.t==$.u]",
       R"({"t":)" + long_string + R"(,"u":)" + long_string + R"(,"c":)" + array_of("1", 1000) + "}"},
      {"paths through a long name", "$..*", "{" + long_string + ":" + array_of("1", 20000) + "}"},
      {"a pattern for each element", "$[?match('x',@)]",
       [] {
         std::string text = "[";
         for (int i = 0; i < 20000; ++i) text += (i ? ",\"" : "\"") + std::to_string(i) + "x{500}\"";
         return text + "]";
       }()},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(kind_of(c.query, c.document), ErrorKind::kExhausted);
  }
}

TEST_F(JsonPathBudget, IsSharedBetweenQueries) {
  const Document document = Document::parse("[1,2,3,4]");
  const JsonPath path = JsonPath::compile("$[*]");
  std::size_t visits = 10;
  path.select(document, {.remaining_visits = &visits});
  EXPECT_EQ(visits, 6U);
  path.select(document, {.remaining_visits = &visits});
  EXPECT_THROW(path.select(document, {.remaining_visits = &visits}), Error);
  EXPECT_EQ(visits, 0U);
}

TEST_F(JsonPathBudget, IsAmpleForAPush) {
  std::size_t visits = 1000;
  const Document document = Document::parse(
      R"({"resource":{"refUpdates":[{"name":"refs/heads/main","oldObjectId":"0","newObjectId":"1"}],"repository":{"id":"x"}}})");
  EXPECT_EQ(JsonPath::compile("$.resource.refUpdates..name").select(document, {.remaining_visits = &visits}).size(),
            1U);
  EXPECT_GT(visits, 980U);
}

TEST(JsonPathObject, KeepsItsTextAndMoves) {
  JsonPath path = JsonPath::compile("$.a");
  JsonPath other = JsonPath::compile("$.b");
  other = std::move(path);
  EXPECT_EQ(other.text(), "$.a");
  EXPECT_EQ(other.select(Document::parse(R"({"a":1})")).size(), 1U);
}

}  // namespace
}  // namespace penstock::json
