// The signed statement with which an application proves to Entra ID that it holds the key of its certificate.
//
// Source: https://learn.microsoft.com/entra/identity-platform/certificate-credentials
#pragma once

#include <string_view>

#include "core/base/certificate.h"
#include "core/base/secret.h"
#include "core/base/time.h"

namespace penstock::azure {

// A JWT (RFC 7515 compact form) signed with PS256 that names the certificate by its SHA-256 and SHA-1 thumbprints, is
// valid for ten minutes and usable once (its jti is random). `audience` is the token endpoint that it is sent to.
Secret make_client_assertion(const SigningCertificate& certificate, std::string_view client_id,
                             std::string_view audience, Timestamp now);

}  // namespace penstock::azure
