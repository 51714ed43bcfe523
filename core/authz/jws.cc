#include "core/authz/jws.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/authz/strict_json.h"
#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::authz {
namespace {

constexpr std::size_t kMaxHeaderDepth = 4;
constexpr std::size_t kMaxKeyIdBytes = 1u << 10;

[[noreturn]] void refuse(std::string_view cause) {
  throw Error(ErrorKind::kUnauthenticated, "reading the token: " + std::string(cause));
}

std::string decode(std::string_view part, std::string_view what) {
  auto bytes = from_base64url(part);
  if (!bytes) refuse(std::string(what) + " is not base64url in its one spelling");
  return std::move(*bytes);
}

// RFC 7515 section 4.1.11: what is critical is understood or the token is refused. The only extension that could be is
// RFC 7797's, and of that only the value that changes nothing.
void check_extensions(json::Value header) {
  if (const auto b64 = header.find("b64"); b64 && b64->boolean() != true) refuse("\"b64\" is not true");
  const auto crit = header.find("crit");
  if (!crit) return;
  if (crit->type() != json::Type::kArray || crit->size() == 0) refuse("\"crit\" is no list of names");
  std::vector<std::string_view> seen;
  crit->for_each_element([&](json::Value element) {
    const auto name = element.string();
    if (!name || *name != "b64") refuse("\"crit\" names what is not understood");
    if (!header.find(*name)) refuse("\"crit\" names what is not in the header");
    if (!seen.empty()) refuse("\"crit\" names something twice");
    seen.push_back(*name);
  });
}

// RFC 8725 section 3.11: a logout token, a security event or a DPoP proof is signed by the same keys and is no
// credential.
void check_type(json::Value header) {
  const auto member = header.find("typ");
  if (!member) return;
  const auto text = member->string();
  if (!text) refuse("\"typ\" is no text");
  std::string type = to_lower(*text);
  if (type.starts_with("application/")) type.erase(0, std::string_view("application/").size());
  static constexpr std::array<std::string_view, 3> kKnown = {"jwt", "at+jwt", "jose"};
  if (std::find(kKnown.begin(), kKnown.end(), type) == kKnown.end()) refuse("\"typ\" is not that of an access token");
}

}  // namespace

Jws parse_jws(std::string_view token) {
  if (token.size() > kMaxTokenBytes) refuse("it is larger than 16 KiB");
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    refuse("expected three parts");
  }
  const std::string header_text = decode(token.substr(0, first), "the header");
  const json::Document document = parse_strict_object(header_text, "the token's header", ErrorKind::kUnauthenticated,
                                                      {.max_bytes = kMaxTokenBytes, .max_depth = kMaxHeaderDepth});
  const json::Value header = document.root();

  Jws jws;
  const auto name = header.find("alg");
  const auto algorithm = name && name->string() ? parse_algorithm(*name->string()) : std::nullopt;
  if (!algorithm) refuse("\"alg\" is not an asymmetric signature algorithm that is known here");
  jws.algorithm = *algorithm;
  if (const auto key_id = header.find("kid")) {
    const auto text = key_id->string();
    if (!text || text->size() > kMaxKeyIdBytes) refuse("\"kid\" is no text of a sane length");
    jws.key_id = std::string(*text);
  }
  check_extensions(header);
  check_type(header);
  jws.signing_input = token.substr(0, second);
  jws.payload = decode(token.substr(first + 1, second - first - 1), "the payload");
  jws.signature = decode(token.substr(second + 1), "the signature");
  if (jws.signature.empty()) refuse("it has no signature");
  return jws;
}

}  // namespace penstock::authz
