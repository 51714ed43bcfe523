// AWS Signature Version 4, as a pure function of request, credentials and time.
// Source: IAM user guide, "Create a signed AWS API request".
#pragma once

#include <chrono>
#include <list>
#include <mutex>
#include <string>
#include <string_view>

#include "core/aws/credentials.h"
#include "core/base/secret.h"
#include "core/base/time.h"
#include "core/http/transport.h"

namespace penstock::aws {

inline constexpr std::string_view kEmptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

// Derived keys by (secret, day, region, service); saves four HMACs a request. Thread-safe, bounded.
class SigningKeyCache {
 public:
  Secret get(const Secret& secret_access_key, std::string_view date, std::string_view region, std::string_view service);

 private:
  struct Entry {
    Secret secret_access_key;
    std::string date, region, service;
    Secret key;
  };
  static constexpr std::size_t kMaxEntries = 16;
  std::mutex mutex_;
  std::list<Entry> entries_;  // the latest used first
};

struct SigningRequest {
  std::string method = "POST";
  std::string path = "/";                                  // as sent
  std::string query = {};                                  // as sent, without '?'
  http::Headers headers = {};                              // with host; those that change on the way are left unsigned
  std::string payload_sha256 = std::string(kEmptySha256);  // hex, or kUnsignedPayload
};

struct SigningOptions {
  std::string region, service;
  Timestamp time;
  // S3 signs the path as it is sent, each byte encoded once; all others remove dot segments and encode what is sent
  // once more.
  bool normalize_path = true;
  bool double_encode = true;
  bool add_content_sha256 = false;  // as the header x-amz-content-sha256, which S3 demands
  bool omit_session_token = false;  // from what is signed
  SigningKeyCache* cache = nullptr;

  static SigningOptions for_service(std::string region, std::string service, Timestamp time);
};

struct SignedRequest {
  std::string canonical_request, string_to_sign, signature;
  // Header signing: what must be added to the request, Authorization the last.
  http::Headers headers = {};
  // Presigning: the whole query.
  std::string query = {};
};

SignedRequest sign_headers(const SigningRequest& request, const Credentials& credentials,
                           const SigningOptions& options);

// The signature in the query. Whoever holds the URL may use it until `expires` has passed; 0 = the service's own limit.
SignedRequest presign(const SigningRequest& request, const Credentials& credentials, const SigningOptions& options,
                      std::chrono::seconds expires);

}  // namespace penstock::aws
