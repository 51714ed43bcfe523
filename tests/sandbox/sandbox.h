// The whole sandbox: one port, six services told apart by what a request's signature is for, and the tests' own door.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/base/files.h"
#include "tests/sandbox/cloudformation.h"
#include "tests/sandbox/codepipeline.h"
#include "tests/sandbox/faults.h"
#include "tests/sandbox/http_server.h"
#include "tests/sandbox/journal.h"
#include "tests/sandbox/key_ring.h"
#include "tests/sandbox/s3.h"
#include "tests/sandbox/secrets_manager.h"
#include "tests/sandbox/service_error.h"
#include "tests/sandbox/settings.h"
#include "tests/sandbox/sqs.h"
#include "tests/sandbox/sts.h"

namespace penstock::sandbox {

struct SandboxOptions {
  std::string address = "127.0.0.1";
  int port = 0;
  std::optional<std::filesystem::path> data;  // without it everything goes with the process
  std::string seed;                           // JSON text, empty for none
};

// Serves from construction to destruction. Tests may use it in their own process. Thread-safe.
class Sandbox {
 public:
  explicit Sandbox(SandboxOptions options);
  ~Sandbox();

  int port() const { return server_->port(); }
  std::string url() const;

 private:
  Response handle(Request& request);
  Response handle_json(Request& request, const Fault& fault, const std::string& service, const std::string& operation);
  Response handle_query(Request& request, const std::string& body, const Form& form);
  Response handle_s3(Request& request, const S3Target& target, const Fault& fault);
  Response handle_admin(Request& request);
  Response handle_console(Request& request);
  Response with_fault(Request& request, Protocol protocol, const std::string& operation,
                      const std::function<Response(const Fault&)>& act);
  Verified verify(const Request& request, const std::optional<std::string>& hash, Protocol protocol,
                  const std::string& operation);
  void check_allowed(const Identity& identity, const std::string& service, const std::string& operation,
                     Protocol protocol) const;
  void apply_seed(const json::Json& seed);
  void apply_settings(const json::Json& settings);
  json::Json settings_json() const;
  void count(const std::string& operation, const std::string& outcome);

  SandboxOptions options_;
  Settings settings_;
  SkewedClock clock_;
  std::optional<TemporaryDirectory> temporary_;
  std::filesystem::path folder_;
  Journal journal_;
  std::unique_ptr<KeyRing> keys_;
  Sqs sqs_;
  std::unique_ptr<CodePipeline> codepipeline_;
  std::unique_ptr<SecretsManager> secrets_;
  std::unique_ptr<S3> s3_;
  std::unique_ptr<CloudFormation> cloudformation_;
  Faults faults_;
  mutable std::mutex mutex_;                                           // guards the counts
  std::map<std::string, std::map<std::string, std::int64_t>> counts_;  // operation -> outcome -> calls
  std::int64_t signature_failures_ = 0;
  std::deque<std::string> last_signature_failures_;
  std::unique_ptr<HttpServer> server_;
  std::mutex ticker_mutex_;
  std::condition_variable ticker_wake_;
  bool stopping_ = false;  // guarded by ticker_mutex_
  std::thread ticker_;
};

// An error in the words of a protocol.
Response render_error(const ServiceError& error, Protocol protocol, const Request& request);

}  // namespace penstock::sandbox
