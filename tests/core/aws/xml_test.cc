#include "core/aws/xml.h"

#include <gtest/gtest.h>

namespace penstock::aws {
namespace {

struct Case {
  const char* document;
  const char* path;
  std::optional<std::string> text;
};

TEST(FindXmlText, FindsTheElementOrNothing) {
  for (const auto& [document, path, text] : std::vector<Case>{
           {"<?xml version=\"1.0\"?>\n<Error><Code>SlowDown</Code></Error>", "Error/Code", "SlowDown"},
           {"<E:Error xmlns:E='x>y'><E:Code>A</E:Code></E:Error>", "Error/Code", "A"},
           {"<A><B/></A>", "A/B", ""},
           {"<A><B attr='1' /></A>", "A/B", ""},
           {"<A><B></B></A>", "A/B", ""},
           {"<A><B>x<B>y</B></B><B>z</B></A>", "A/B/B", "y"},
           {"<A><!-- <B>no</B> --><B>yes</B></A>", "A/B", "yes"},
           {"<A><![CDATA[<B>no</B>]]><B><![CDATA[a<b&c]]></B></A>", "A/B", "a<b&c"},
           {"<A><B>a &lt;&amp;&gt; &quot;&apos; &#65;&#x1F600; &bogus; &</B></A>", "A/B",
            "a <&> \"' A\xf0\x9f\x98\x80 &bogus; &"},
           {"<A><B>&#0;&#xD800;&#x110000;</B></A>", "A/B", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
           {"<A><B>unclosed", "A/B", std::nullopt},
           {"<A><B", "A/B", std::nullopt},
           {"<A a='>", "A", std::nullopt},
           {"<A></A><B>outside</B>", "A/B", std::nullopt},
           {"", "A", std::nullopt},
           {"<", "A", std::nullopt},
           {"<>", "A", std::nullopt},
           {"<!--", "A", std::nullopt},
           {"no markup", "A", std::nullopt},
       }) {
    EXPECT_EQ(find_xml_text(document, path), text) << document;
  }
}

TEST(FindXmlText, IsBoundedInDepth) {
  std::string deep = "<A>";
  for (int i = 0; i < 100000; ++i) deep += "<x>";
  EXPECT_EQ(find_xml_text(deep, "A"), std::nullopt);
}

TEST(XmlRoot, NamesTheOutermostElement) {
  EXPECT_EQ(xml_root("\xef\xbb\xbf<?xml version='1.0'?><a:Error/>"), "Error");
  EXPECT_EQ(xml_root("plain"), "");
  EXPECT_EQ(xml_root("</Error>"), "");
}

TEST(EscapeXml, RoundTrips) {
  const std::string text = "a<b>&\"c'd\x01";
  EXPECT_EQ(find_xml_text("<A>" + escape_xml(text) + "</A>", "A"), "a<b>&\"c'd");
}

}  // namespace
}  // namespace penstock::aws
