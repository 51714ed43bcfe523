#include "core/hooks/ip_range.h"

#include <gtest/gtest.h>

namespace penstock::hooks {
namespace {

IpAddress address(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(IpAddress());
}

TEST(IpAddress, ReadsAndWritesBothFamilies) {
  for (const char* text : {"0.0.0.0", "20.37.158.7", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1:2"}) {
    EXPECT_EQ(address(text).to_string(), text);
  }
  EXPECT_EQ(address("2001:DB8:0:0:0:0:0:1").to_string(), "2001:db8::1");
}

TEST(IpAddress, TakesMappedIpv6AsIpv4) {
  EXPECT_EQ(address("::ffff:10.1.2.3"), address("10.1.2.3"));
  EXPECT_EQ(address("::ffff:a01:203").to_string(), "10.1.2.3");
}

TEST(IpAddress, RefusesEverythingElse) {
  using namespace std::string_view_literals;
  for (const auto text : {""sv, " "sv, "10.0.0"sv, "10.0.0.256"sv, "10.0.0.1 "sv, "010.0.0.1"sv, "0x0a.0.0.1"sv,
                          "10.0.0.1:80"sv, "[::1]"sv, "fe80::1%eth0"sv, "::1::"sv, "localhost"sv, "1"sv, "10.0.0.1\0"sv,
                          ":::"sv, "1:2:3:4:5:6:7:8:9"sv, "0000:0000:0000:0000:0000:ffff:255.255.255.2555"sv}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

TEST(IpRange, HoldsExactlyItsAddresses) {
  struct Case {
    const char* range;
    const char* inside;
    const char* outside;
  };
  for (const auto& c : std::initializer_list<Case>{
           {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
           {"20.37.158.0/23", "20.37.159.255", "20.37.160.0"},
           {"20.37.158.1/23", "20.37.158.0", "20.37.157.255"},
           {"192.168.1.7", "192.168.1.7", "192.168.1.6"},
           {"192.168.1.7/32", "192.168.1.7", "192.168.1.8"},
           {"0.0.0.0/0", "255.255.255.255", "::1"},
           {"0.0.0.0/1", "127.255.255.255", "128.0.0.0"},
           {"::/0", "2001:db8::1", "10.0.0.1"},
           {"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"},
           {"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
           {"::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.1"},
           {"::1", "::1", "::2"},
       }) {
    const auto range = IpRange::parse(c.range);
    ASSERT_TRUE(range) << c.range;
    EXPECT_TRUE(range->contains(address(c.inside))) << c.range << " " << c.inside;
    EXPECT_FALSE(range->contains(address(c.outside))) << c.range << " " << c.outside;
    EXPECT_EQ(IpRange::parse(range->to_string())->to_string(), range->to_string());
  }
}

TEST(IpRange, RefusesBadPrefixes) {
  for (const char* text : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/a", "::/129", "/8", "10.0.0.0/8/8",
                           "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/0000008"}) {
    EXPECT_FALSE(IpRange::parse(text)) << text;
  }
}

TEST(ClientAddress, IsTheRightMostAddressThatIsNotTrusted) {
  struct Case {
    const char* name;
    const char* peer;
    const char* header;
    const char* client;
  };
  const std::vector<IpRange> trusted = {*IpRange::parse("10.0.0.0/8"), *IpRange::parse("2001:db8::/32")};
  for (const auto& c : std::initializer_list<Case>{
           {"no header", "10.0.0.1", nullptr, "10.0.0.1"},
           {"empty header", "10.0.0.1", "", "10.0.0.1"},
           {"stranger's header is not believed", "203.0.113.9", "198.51.100.1", "203.0.113.9"},
           {"one proxy", "10.0.0.1", "198.51.100.1", "198.51.100.1"},
           {"forged entries on the left", "10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"},
           {"several proxies", "10.0.0.1", "198.51.100.1, 10.2.2.2,10.3.3.3", "198.51.100.1"},
           {"all trusted: the left-most", "10.0.0.1", "10.9.9.9, 10.2.2.2", "10.9.9.9"},
           {"ports", "10.0.0.1", "198.51.100.1:55123, 10.2.2.2:80", "198.51.100.1"},
           {"brackets and ports", "10.0.0.1", "[2001:db9::5]:443, [2001:db8::1]", "2001:db9::5"},
           {"quoted", "10.0.0.1", "\"[2001:db9::5]:443\"", "2001:db9::5"},
           {"malformed ends at the last good one", "10.0.0.1", "198.51.100.1, unknown, 10.2.2.2", "10.2.2.2"},
           {"malformed at once", "10.0.0.1", "198.51.100.1, garbage", "10.0.0.1"},
           {"bad port", "10.0.0.1", "198.51.100.1:99999", "10.0.0.1"},
           {"empty elements", "10.0.0.1", ", 198.51.100.1, ,", "198.51.100.1"},
           {"mapped peer", "::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"},
       }) {
    const auto header = c.header == nullptr ? std::nullopt : std::optional<std::string_view>(c.header);
    EXPECT_EQ(client_address(address(c.peer), header, trusted).to_string(), c.client) << c.name;
  }
}

}  // namespace
}  // namespace penstock::hooks
