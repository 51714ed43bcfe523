// Secrets that must be kept on disk: AES-256-GCM under keys that can be rotated.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/secret.h"

namespace penstock {

// A sealed text is binary: one byte of version, 8 of key id, 12 of nonce, the ciphertext, 16 of tag. The key id is told
// from the key, so that it needs no name of its own and two keys are never mixed up.
// Thread-safe; copies of the keys are wiped with it.
class Sealer {
 public:
  static constexpr std::size_t kKeyBytes = 32;

  // Each key as 64 hexadecimal digits or as base64 of 32 bytes; white space around it is ignored. The first one seals,
  // all open. Error{kConfiguration} for anything else, naming the key's place in the list and nothing of it.
  explicit Sealer(const std::vector<Secret>& keys);

  // `context` is not part of the sealed text and must be the same when it is opened: it ties the text to its place.
  std::string seal(std::string_view plain, std::string_view context) const;
  // Error{kCorrupt} for what was changed, cut or sealed for another context; Error{kConfiguration} when it was sealed
  // under a key that is not here.
  Secret open(std::string_view sealed, std::string_view context) const;

  // The same for the same keys in the same order; tells nothing of them.
  std::string fingerprint() const;
  // Whether it was sealed under the first key.
  bool is_current(std::string_view sealed) const noexcept;

 private:
  struct Key {
    std::string id;
    Secret bytes;
  };
  std::vector<Key> keys_;
};

}  // namespace penstock
