// Secrets Manager: secrets with versions and stages.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/json/json.h"
#include "tests/sandbox/codepipeline.h"
#include "tests/sandbox/journal.h"

namespace penstock::sandbox {

// Thread-safe.
class SecretsManager {
 public:
  SecretsManager(Journal& journal, const Clock& clock) : journal_(journal), clock_(clock) {}
  Json call(const std::string& operation, const Json& input, const Caller& caller);
  void restore(const Json& value);

 private:
  Json create_secret(const Json& input, const Caller& caller);
  Json put_secret_value(const Json& input);
  Json get_secret_value(const Json& input);
  Json describe_secret(const Json& input);
  Json delete_secret(const Json& input);
  Json& find_secret(const Json& input);
  std::string add_version(Json& secret, const Json& input);
  void touch(const Json& secret);

  Journal& journal_;
  const Clock& clock_;
  std::mutex mutex_;                     // guards secrets_
  std::map<std::string, Json> secrets_;  // by name
};

}  // namespace penstock::sandbox
