#include "core/authz/key_loader.h"

#include <utility>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "core/http/url.h"

namespace penstock::authz {
namespace {

std::string fetch(http::HttpTransport& transport, const std::string& url, std::chrono::milliseconds timeout,
                  const std::stop_token& stop) {
  if (!is_acceptable_key_url(url)) {
    throw Error(ErrorKind::kConfiguration,
                "fetching " + in_quotes(http::printable_url(url)) + ": expected https, or http to a loopback address");
  }
  http::Request request;
  request.url = url;
  request.headers.add("Accept", "application/json, application/jwk-set+json");
  request.connect_timeout = timeout;
  request.total_timeout = timeout;
  request.max_response_bytes = kMaxKeySetBytes;
  request.stop = stop;
  http::Response response = transport.send(request);
  if (response.status != 200) {
    throw Error(ErrorKind::kUnavailable,
                "fetching " + in_quotes(http::printable_url(url)) + ": HTTP " + std::to_string(response.status));
  }
  return std::move(response.body);
}

std::string discovery_url(std::string issuer) {
  while (issuer.ends_with('/')) issuer.pop_back();
  return issuer + "/.well-known/openid-configuration";
}

}  // namespace

bool is_acceptable_key_url(const std::string& text) {
  const auto url = http::parse_url(text);
  return url && url->user_info.empty() && (url->scheme == "https" || http::is_loopback_host(url->host));
}

KeyRing::Load make_key_loader(const KeySource& source, std::shared_ptr<http::HttpTransport> transport) {
  switch (source.kind) {
    case KeySource::Kind::kFile:
      return [path = source.location](const std::stop_token&) {
        return JwkSet::parse_any(read_file(path, kMaxKeySetBytes));
      };
    case KeySource::Kind::kUrl:
      return [source, transport = std::move(transport)](const std::stop_token& stop) {
        return JwkSet::parse(fetch(*transport, source.location, source.timeout, stop));
      };
    case KeySource::Kind::kDiscovery:
      return [source, transport = std::move(transport)](const std::stop_token& stop) {
        const std::string& issuer = source.location;
        const std::string keys_url =
            parse_discovery(fetch(*transport, discovery_url(issuer), source.timeout, stop), issuer);
        return JwkSet::parse(fetch(*transport, keys_url, source.timeout, stop));
      };
  }
  return {};
}

}  // namespace penstock::authz
