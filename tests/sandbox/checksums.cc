#include "tests/sandbox/checksums.h"

#include <array>

#include "core/base/digest.h"

namespace penstock::sandbox {
namespace {

template <typename Word, Word kReflectedPolynomial>
class Crc final : public Checksum {
 public:
  void update(std::string_view data) override {
    static const auto kTable = make_table();
    for (const char c : data) {
      value_ = static_cast<Word>(kTable[(value_ ^ static_cast<unsigned char>(c)) & 0xFFu] ^ (value_ >> 8));
    }
  }
  std::string finish() override {
    const Word result = static_cast<Word>(~value_);
    std::string bytes;
    for (std::size_t i = sizeof(Word); i-- > 0;) bytes += static_cast<char>((result >> (8 * i)) & 0xFFu);
    return to_base64(bytes);
  }

 private:
  static std::array<Word, 256> make_table() {
    std::array<Word, 256> table{};
    for (std::size_t i = 0; i < table.size(); ++i) {
      Word value = static_cast<Word>(i);
      for (int bit = 0; bit < 8; ++bit) value = (value & 1u) ? (value >> 1) ^ kReflectedPolynomial : value >> 1;
      table[i] = value;
    }
    return table;
  }
  Word value_ = static_cast<Word>(~Word{0});
};

class Digest final : public Checksum {
 public:
  explicit Digest(HashAlgorithm algorithm) : hasher_(algorithm) {}
  void update(std::string_view data) override { hasher_.update(data); }
  std::string finish() override { return to_base64(hasher_.finish()); }

 private:
  Hasher hasher_;
};

}  // namespace

std::unique_ptr<Checksum> Checksum::make(std::string_view algorithm) {
  if (algorithm == "crc32") return std::make_unique<Crc<std::uint32_t, 0xEDB88320u>>();
  if (algorithm == "crc32c") return std::make_unique<Crc<std::uint32_t, 0x82F63B78u>>();
  if (algorithm == "crc64nvme") return std::make_unique<Crc<std::uint64_t, 0x9A6C9329AC4BC9B5u>>();
  if (algorithm == "sha1") return std::make_unique<Digest>(HashAlgorithm::kSha1);
  if (algorithm == "sha256") return std::make_unique<Digest>(HashAlgorithm::kSha256);
  return nullptr;
}

}  // namespace penstock::sandbox
