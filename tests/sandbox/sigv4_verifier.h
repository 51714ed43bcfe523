// Checks AWS Signature Version 4, independently of the code that signs in core/aws, so that one cannot excuse the
// other's mistakes. Headers and presigned URLs; single payloads and the STREAMING-* chunked ones.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/digest.h"
#include "core/base/time.h"
#include "tests/sandbox/http_server.h"
#include "tests/sandbox/key_ring.h"

namespace penstock::sandbox {

// Whose error codes to speak.
enum class Protocol { kJson, kQuery, kS3 };

// Percent-decoded names and values in the order of the query; "+" stays "+". Throws ServiceError on a broken escape.
std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query, Protocol protocol);

struct Verified {
  Identity identity;
  std::string date_time;  // 20260102T030405Z
  std::string scope;      // 20260102/eu-central-1/s3/aws4_request
  std::string region, service;
  std::string signing_key;
  std::string signature;
  bool presigned = false;
};

// The service that the request's credential scope names, empty when it is not signed at all.
std::string scope_service(const Request& request);

// `payload_sha256`: the hash of the body, or, for S3, nothing (the header is the truth and the body is checked later).
// Throws ServiceError in the words of `protocol`.
Verified verify_signature(const Request& request, const std::optional<std::string>& payload_sha256, Protocol protocol,
                          const KeyRing& keys, Timestamp now);

// The body of a request with x-amz-content-sha256: STREAMING-*: yields the decoded bytes, checks each chunk's
// signature, the decoded length and collects the trailers.
class ChunkedPayload final : public ByteSource {
 public:
  enum class Signing { kSigned, kUnsigned };
  ChunkedPayload(ByteSource& source, const Verified& verified, Signing signing, bool has_trailer,
                 std::uint64_t decoded_length);
  std::size_t read(char* buffer, std::size_t size) override;
  const std::vector<Header>& trailers() const { return trailers_; }

 private:
  std::string read_line();
  void read_exactly(std::string_view expected);
  void begin_chunk();
  void end_chunk();
  void read_trailers();
  char next_byte();

  ByteSource& source_;
  const Verified& verified_;
  Signing signing_;
  bool has_trailer_;
  std::uint64_t expected_length_;
  std::uint64_t total_ = 0, left_ = 0;
  bool finished_ = false, saw_short_chunk_ = false;
  std::string previous_signature_, chunk_signature_;
  std::unique_ptr<Hasher> hasher_;
  std::vector<Header> trailers_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace penstock::sandbox
