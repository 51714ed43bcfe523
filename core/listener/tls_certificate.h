// A certificate chain with its key, loaded from PEM files and checked to belong together.
#pragma once

#include <filesystem>
#include <memory>

#include <openssl/types.h>

#include "core/base/time.h"

namespace penstock::listener {

// Immutable and thread-safe once made.
class TlsCertificate {
 public:
  // Error{kConfiguration} naming the file and what is wrong with it.
  TlsCertificate(const std::filesystem::path& certificate, const std::filesystem::path& private_key);
  ~TlsCertificate();

  // Makes the connection present this certificate; false when OpenSSL refuses.
  bool use_for(SSL* connection) const noexcept;
  Timestamp not_after() const noexcept { return not_after_; }

 private:
  struct Chain;
  std::unique_ptr<Chain> chain_;
  Timestamp not_after_;
};

}  // namespace penstock::listener
