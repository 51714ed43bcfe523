// The forms of single values. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace penstock::config {

struct ListenAddress {
  std::string host;
  int port = 0;
};
// "0.0.0.0:8443", "[::1]:0", "localhost:8443", ":8443" (every address, as 0.0.0.0).
std::optional<ListenAddress> parse_listen(std::string_view text);

// An IPv4 or IPv6 address, with or without /prefix.
bool is_ip_range(std::string_view text);

// "1500ms", "90s", "20m", "12h", "90d": the largest unit that is exact.
std::string format_duration(std::chrono::milliseconds duration);
std::string format_bytes(std::uint64_t bytes);

struct UrlParts {
  std::string scheme, host;  // lower case; an IPv6 host keeps its brackets
  bool has_user = false, has_password = false;
  std::string path;  // with query and fragment
};
// scheme://[user[:password]@]host[:port][/path]; nothing for anything else. `{Key}` counts as ordinary text.
std::optional<UrlParts> parse_url(std::string_view text);

// An RFC 3339 time, or a date, which stands for its beginning in UTC.
std::optional<Timestamp> parse_date_or_time(std::string_view text);

// The text as it may be shown: user information in a URL is left out, for it may be a password.
std::string without_user_information(std::string_view text);

bool is_loopback_host(std::string_view host);

// CodePipeline's names of pipelines, stages, actions and webhooks.
bool is_aws_name(std::string_view text);
// Only these characters, and between 1 and `most` of them.
bool consists_of(std::string_view text, std::string_view characters, std::size_t most);
inline constexpr std::string_view kAlphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

}  // namespace penstock::config
