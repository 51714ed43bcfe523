// Authorization header values for Azure Repos and the REST APIs; sent pre-emptively.
#pragma once

#include "core/base/secret.h"

namespace penstock::azure {

// "Basic base64(":" + PAT)": any user name works with a PAT, so none is sent.
Secret authorization_for_pat(const Secret& token);

// "Bearer TOKEN", for Entra ID.
Secret authorization_for_bearer(const Secret& token);

}  // namespace penstock::azure
