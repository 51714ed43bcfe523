#include "core/azure/authorization.h"

#include "core/base/digest.h"
#include "core/base/text.h"

namespace penstock::azure {

Secret authorization_for_pat(const Secret& token) {
  std::string plain = ":" + std::string(trim(token.reveal()));
  Secret result("Basic " + to_base64(plain));
  wipe(plain);
  return result;
}

Secret authorization_for_bearer(const Secret& token) {
  return Secret("Bearer " + std::string(trim(token.reveal())));
}

}  // namespace penstock::azure
