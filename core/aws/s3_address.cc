#include "core/aws/s3_address.h"

#include <algorithm>

#include "core/aws/endpoint.h"
#include "core/aws/xml.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/http/url.h"

namespace penstock::aws {

namespace {

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// Buckets older than the naming rules may have capitals and underscores; no bucket has anything else.
bool is_bucket_name(std::string_view bucket) {
  return bucket.size() >= 3 && bucket.size() <= 255 && bucket != "..." && std::ranges::all_of(bucket, [](char c) {
           return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
         });
}

bool is_dns_name(std::string_view bucket) {
  if (bucket.size() > 63 || !is_lower_or_digit(bucket.front()) || !is_lower_or_digit(bucket.back())) return false;
  return bucket.find("..") == std::string_view::npos && bucket.find(".-") == std::string_view::npos &&
         bucket.find("-.") == std::string_view::npos && !http::is_ip_address(bucket) &&
         std::ranges::all_of(bucket, [](char c) { return is_lower_or_digit(c) || c == '-' || c == '.'; });
}

}  // namespace

S3Address address_s3_object(const Endpoint& service, std::string_view bucket, std::string_view key, S3Style style) {
  if (!is_bucket_name(bucket)) {
    throw Error(ErrorKind::kInvalidInput, "addressing an S3 object: " + in_quotes(bucket) + " is not a bucket name");
  }
  if (key.empty() || key.size() > 1024) {
    throw Error(ErrorKind::kInvalidInput,
                "addressing an S3 object in bucket " + in_quotes(bucket) + ": the key must have 1 to 1024 bytes");
  }
  auto url = http::parse_url(service.url);
  if (!url) {
    throw Error(ErrorKind::kConfiguration, "addressing an S3 object: the endpoint " +
                                               in_quotes(http::printable_url(service.url)) + " is not an http(s) URL");
  }
  S3Address address{service, "/" + percent_encode(key, SlashMode::kKeep)};
  const bool dotted_under_tls = url->scheme == "https" && bucket.find('.') != std::string_view::npos;
  const bool by_path = style == S3Style::kPath || !is_dns_name(bucket) || dotted_under_tls ||
                       http::is_ip_address(url->host) || http::is_loopback_host(url->host);
  if (by_path) {
    address.path = "/" + std::string(bucket) + address.path;
  } else {
    url->host = std::string(bucket) + "." + url->host;
    address.endpoint.url = url->origin() + (url->path == "/" ? "" : url->path);
  }
  return address;
}

std::optional<std::string> redirect_region(const http::Response& response) {
  const auto valid = [](std::string_view text) -> std::optional<std::string> {
    text = trim(text);
    if (!is_region_name(text)) return std::nullopt;
    return std::string(text);
  };
  if (const auto header = response.headers.find("x-amz-bucket-region")) return valid(*header);
  if (const auto region = find_xml_text(response.body, "Error/Region")) return valid(*region);
  // "bucket.s3.eu-west-1.amazonaws.com" or "bucket.s3-eu-west-1.amazonaws.com"
  if (const auto endpoint = find_xml_text(response.body, "Error/Endpoint")) {
    const std::vector<std::string> labels = split(*endpoint, '.');
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (labels[i] == "s3" && i + 2 < labels.size() && labels[i + 1] != "amazonaws") return valid(labels[i + 1]);
      if (labels[i].starts_with("s3-")) return valid(std::string_view(labels[i]).substr(3));
    }
  }
  return std::nullopt;
}

}  // namespace penstock::aws
