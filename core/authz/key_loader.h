// Where an issuer's keys are read: a JWKS URL, OpenID Connect discovery, or a file.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "core/authz/key_ring.h"
#include "core/http/transport.h"

namespace penstock::authz {

struct KeySource {
  enum class Kind { kUrl, kDiscovery, kFile };
  Kind kind = Kind::kUrl;
  std::string location;                     // URL of the set; the issuer, for discovery; path of a JWKS or PEM file
  std::chrono::milliseconds timeout{5000};  // of each request
  bool operator==(const KeySource&) const = default;
};

// https, or http to a loopback host; without user information.
bool is_acceptable_key_url(const std::string& url);

// The load throws Error of any kind: no answer, another status than 200, more than kMaxKeySetBytes, a redirect (never
// followed), an address that is not acceptable, a document that is none. Discovery asks each time anew where the keys
// are, at ISSUER/.well-known/openid-configuration.
KeyRing::Load make_key_loader(const KeySource& source, std::shared_ptr<http::HttpTransport> transport);

}  // namespace penstock::authz
