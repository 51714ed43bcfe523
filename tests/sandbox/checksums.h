// The checksums that S3 clients may send with an object.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::sandbox {

// Incremental; not thread-safe.
class Checksum {
 public:
  virtual ~Checksum() = default;
  virtual void update(std::string_view data) = 0;
  virtual std::string finish() = 0;  // base64 of the big-endian value

  // crc32, crc32c, crc64nvme, sha1, sha256; empty for others.
  static std::unique_ptr<Checksum> make(std::string_view algorithm);
};

}  // namespace penstock::sandbox
