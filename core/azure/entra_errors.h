// What Entra ID's error codes mean for a service principal, and what to do. Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.h"

namespace penstock::azure {

struct EntraFault {
  ErrorKind kind = ErrorKind::kUnauthenticated;
  std::string code;     // "AADSTS7000215"; empty when the answer names none
  std::string meaning;  // with the remedy; empty for codes that are not known here
};

// From an answer of the token endpoint other than 200, whose body may be anything.
// Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
EntraFault diagnose_entra_answer(int status, std::string_view body);

}  // namespace penstock::azure
