// STS over the query protocol: temporary credentials and who is calling.
#pragma once

#include <map>
#include <string>

#include "core/base/time.h"
#include "tests/sandbox/http_server.h"
#include "tests/sandbox/key_ring.h"

namespace penstock::sandbox {

using Form = std::map<std::string, std::string>;

// application/x-www-form-urlencoded; the last value of a name counts.
Form parse_form(const std::string& body);

// `identity` is empty for the one call that is not signed, AssumeRoleWithWebIdentity. Throws ServiceError.
Response call_sts(const Form& form, const std::optional<Identity>& identity, const KeyRing& keys, Timestamp now);

std::string escape_xml(std::string_view text);

}  // namespace penstock::sandbox
