#include "core/base/seal.h"

#include <algorithm>
#include <optional>
#include <span>

#include <openssl/evp.h>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/handle.h"
#include "core/base/ids.h"
#include "core/base/text.h"

namespace penstock {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kIdBytes = 8, kNonceBytes = 12, kTagBytes = 16;
constexpr std::size_t kHeadBytes = 1 + kIdBytes + kNonceBytes;

using Context = Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

void require(bool succeeded) {
  // Only out of memory or a provider that was switched off can end here.
  if (!succeeded) throw Error(ErrorKind::kInternal, "sealing a secret: OpenSSL refused");
}

std::optional<std::string> parse_key(std::string_view text) {
  text = trim(text);
  std::optional<std::string> bytes = text.size() == 2 * Sealer::kKeyBytes ? from_hex(text) : from_base64(text);
  if (!bytes || bytes->size() != Sealer::kKeyBytes) return std::nullopt;
  return bytes;
}

}  // namespace

Sealer::Sealer(const std::vector<Secret>& keys) {
  for (const Secret& key : keys) {
    std::optional<std::string> bytes = parse_key(key.reveal());
    if (!bytes) {
      throw Error(ErrorKind::kConfiguration, "reading sealing key " + std::to_string(keys_.size() + 1) +
                                                 ": expected 64 hexadecimal digits, as \"openssl rand -hex 32\" makes "
                                                 "them, or base64 of 32 bytes, found something else (not shown)");
    }
    // Of the MAC only a part is shown, and nothing can be sealed with it.
    std::string id = hmac(HashAlgorithm::kSha256, *bytes, "penstock sealing key id").substr(0, kIdBytes);
    keys_.push_back({std::move(id), Secret(std::move(*bytes))});
  }
  if (keys_.empty()) throw Error(ErrorKind::kConfiguration, "reading sealing keys: expected at least one, found none");
}

std::string Sealer::seal(std::string_view plain, std::string_view context) const {
  std::string sealed(kHeadBytes + plain.size() + kTagBytes, '\0');
  sealed[0] = kVersion;
  std::copy(keys_.front().id.begin(), keys_.front().id.end(), sealed.begin() + 1);
  fill_random(std::as_writable_bytes(std::span(sealed)).subspan(1 + kIdBytes, kNonceBytes));
  auto* const out = reinterpret_cast<unsigned char*>(sealed.data());

  const Context cipher(EVP_CIPHER_CTX_new());
  int length = 0;
  require(cipher && EVP_EncryptInit_ex2(cipher.get(), EVP_aes_256_gcm(), bytes_of(keys_.front().bytes.reveal()),
                                        out + 1 + kIdBytes, nullptr) == 1);
  // The head is authenticated too: another key id or version is another text.
  require(EVP_EncryptUpdate(cipher.get(), nullptr, &length, out, static_cast<int>(kHeadBytes)) == 1);
  require(EVP_EncryptUpdate(cipher.get(), nullptr, &length, bytes_of(context), static_cast<int>(context.size())) == 1);
  require(EVP_EncryptUpdate(cipher.get(), out + kHeadBytes, &length, bytes_of(plain), static_cast<int>(plain.size())) ==
          1);
  int rest = 0;
  require(EVP_EncryptFinal_ex(cipher.get(), out + kHeadBytes + length, &rest) == 1);
  require(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kTagBytes),
                              out + kHeadBytes + plain.size()) == 1);
  return sealed;
}

Secret Sealer::open(std::string_view sealed, std::string_view context) const {
  const Error damaged(ErrorKind::kCorrupt, "opening a sealed secret: it was changed, or sealed for another place");
  if (sealed.size() < kHeadBytes + kTagBytes || sealed[0] != kVersion) throw damaged;
  const std::string_view id = sealed.substr(1, kIdBytes);
  const auto key = std::find_if(keys_.begin(), keys_.end(), [&](const Key& known) { return known.id == id; });
  if (key == keys_.end()) {
    throw Error(ErrorKind::kConfiguration, "opening a sealed secret: its key " + to_hex(id) + " is not configured");
  }
  const std::string_view body = sealed.substr(kHeadBytes, sealed.size() - kHeadBytes - kTagBytes);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));

  const Context cipher(EVP_CIPHER_CTX_new());
  std::string plain(body.size(), '\0');
  auto* const out = reinterpret_cast<unsigned char*>(plain.data());
  int length = 0;
  require(cipher && EVP_DecryptInit_ex2(cipher.get(), EVP_aes_256_gcm(), bytes_of(key->bytes.reveal()),
                                        bytes_of(sealed.substr(1 + kIdBytes)), nullptr) == 1);
  require(EVP_DecryptUpdate(cipher.get(), nullptr, &length, bytes_of(sealed), static_cast<int>(kHeadBytes)) == 1);
  require(EVP_DecryptUpdate(cipher.get(), nullptr, &length, bytes_of(context), static_cast<int>(context.size())) == 1);
  require(EVP_DecryptUpdate(cipher.get(), out, &length, bytes_of(body), static_cast<int>(body.size())) == 1);
  require(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(kTagBytes), tag.data()) == 1);
  int rest = 0;
  if (EVP_DecryptFinal_ex(cipher.get(), out + length, &rest) != 1) {
    // What was decrypted before the tag was known to be wrong is nobody's to see.
    wipe(plain);
    throw damaged;
  }
  return Secret(std::move(plain));
}

std::string Sealer::fingerprint() const {
  std::string ids;
  for (const Key& key : keys_) ids += key.id;
  return to_hex(ids);
}

bool Sealer::is_current(std::string_view sealed) const noexcept {
  return sealed.size() > kHeadBytes && sealed.substr(1, kIdBytes) == keys_.front().id;
}

}  // namespace penstock
