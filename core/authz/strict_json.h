// The JSON of tokens and keys: two readers must not be able to see different things in it.
#pragma once

#include <string_view>

#include "core/base/error.h"
#include "core/json/document.h"

namespace penstock::authz {

// One object in UTF-8 without a byte order mark, at most `limits` large and deep, in which no object has two members of
// the same name (RFC 7515 section 4, RFC 7519 section 4 leave that choice; the strict one is taken). Throws
// Error{`kind`} "reading WHAT: …" without a word of the content.
json::Document parse_strict_object(std::string_view text, std::string_view what, ErrorKind kind,
                                   const json::Document::Limits& limits);

}  // namespace penstock::authz
