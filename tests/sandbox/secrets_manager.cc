#include "tests/sandbox/secrets_manager.h"

#include <algorithm>

#include "core/base/ids.h"
#include "tests/sandbox/service_error.h"
#include "tests/sandbox/validation.h"

namespace penstock::sandbox {

Json SecretsManager::call(const std::string& operation, const Json& input, const Caller& caller) {
  if (!secrets_manager_shapes().knows(operation)) {
    throw ServiceError(404, "UnknownOperationException", "The operation \"" + operation + "\" is not known here");
  }
  secrets_manager_shapes().check(operation, input);
  std::lock_guard lock(mutex_);
  Json output;
  if (operation == "CreateSecret") {
    output = create_secret(input, caller);
  } else if (operation == "PutSecretValue") {
    output = put_secret_value(input);
  } else if (operation == "GetSecretValue") {
    output = get_secret_value(input);
  } else if (operation == "DescribeSecret") {
    output = describe_secret(input);
  } else if (operation == "DeleteSecret") {
    output = delete_secret(input);
  } else {
    throw ServiceError(404, "UnknownOperationException", "The operation \"" + operation + "\" is not known here");
  }
  journal_.flush();
  return output;
}

void SecretsManager::restore(const Json& value) {
  std::lock_guard lock(mutex_);
  secrets_[value.at("name").get<std::string>()] = value;
}

void SecretsManager::touch(const Json& secret) {
  journal_.put("secret", secret.at("name").get<std::string>(), secret);
}

Json& SecretsManager::find_secret(const Json& input) {
  const auto id = input.at("SecretId").get<std::string>();
  for (auto& [name, secret] : secrets_) {
    const auto arn = secret.at("arn").get<std::string>();
    // An ARN may be given without its random tail.
    if (name == id || arn == id || arn.substr(0, arn.size() - 7) == id) return secret;
  }
  throw ServiceError(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
}

std::string SecretsManager::add_version(Json& secret, const Json& input) {
  const bool has_string = json::find(input, "SecretString") != nullptr;
  const bool has_binary = json::find(input, "SecretBinary") != nullptr;
  if (has_string && has_binary) {
    throw ServiceError(400, "InvalidParameterException",
                       "You can't specify both a binary secret value and a string secret value.");
  }
  if (!has_string && !has_binary) return {};
  const auto id = json::string_or(input, "ClientRequestToken", make_uuid_v4());
  Json version = {{"id", id}, {"created", to_milliseconds(clock_.now())}};
  version[has_string ? "string" : "binary"] = input.at(has_string ? "SecretString" : "SecretBinary");
  for (auto& existing : secret["versions"]) {
    if (existing.at("id") != id) continue;
    if (existing.value("string", Json()) == version.value("string", Json()) &&
        existing.value("binary", Json()) == version.value("binary", Json())) {
      return id;
    }
    throw ServiceError(400, "ResourceExistsException",
                       "A version with this ClientRequestToken and another value exists.");
  }
  Json stages = {"AWSCURRENT"};
  if (const auto* given = json::find(input, "VersionStages")) stages = *given;
  const bool takes_current = std::find(stages.begin(), stages.end(), "AWSCURRENT") != stages.end();
  for (auto& existing : secret["versions"]) {
    Json kept = Json::array();
    const auto& old = existing.at("stages");
    const bool was_current = std::find(old.begin(), old.end(), "AWSCURRENT") != old.end();
    for (const auto& stage : old) {
      const bool moves = std::find(stages.begin(), stages.end(), stage) != stages.end();
      if (!moves && !(takes_current && stage == "AWSPREVIOUS")) kept.push_back(stage);
    }
    if (takes_current && was_current) kept.push_back("AWSPREVIOUS");
    existing["stages"] = std::move(kept);
  }
  version["stages"] = std::move(stages);
  secret["versions"].push_back(std::move(version));
  return id;
}

Json SecretsManager::create_secret(const Json& input, const Caller& caller) {
  const auto name = input.at("Name").get<std::string>();
  if (secrets_.contains(name)) {
    throw ServiceError(400, "ResourceExistsException",
                       "The operation failed because the secret " + name + " already exists.");
  }
  const auto tail = make_uuid_v4().substr(0, 6);
  Json secret = {
      {"name", name},
      {"arn", "arn:aws:secretsmanager:" + caller.region + ":" + caller.account + ":secret:" + name + "-" + tail},
      {"created", to_milliseconds(clock_.now())},
      {"deleted", false},
      {"versions", Json::array()}};
  const auto version = add_version(secret, input);
  touch(secret);
  Json output = {{"ARN", secret.at("arn")}, {"Name", name}};
  if (!version.empty()) output["VersionId"] = version;
  secrets_[name] = std::move(secret);
  return output;
}

Json SecretsManager::put_secret_value(const Json& input) {
  auto& secret = find_secret(input);
  if (secret.at("deleted").get<bool>()) {
    throw ServiceError(400, "InvalidRequestException",
                       "You can't perform this operation on the secret because it was marked for deletion.");
  }
  const auto version = add_version(secret, input);
  if (version.empty()) {
    throw ServiceError(400, "InvalidParameterException", "You must provide either SecretString or SecretBinary.");
  }
  touch(secret);
  Json stages;
  for (const auto& entry : secret.at("versions")) {
    if (entry.at("id") == version) stages = entry.at("stages");
  }
  return {{"ARN", secret.at("arn")}, {"Name", secret.at("name")}, {"VersionId", version}, {"VersionStages", stages}};
}

Json SecretsManager::get_secret_value(const Json& input) {
  const auto& secret = find_secret(input);
  if (secret.at("deleted").get<bool>()) {
    throw ServiceError(400, "InvalidRequestException",
                       "You can't perform this operation on the secret because it was marked for deletion.");
  }
  const auto id = json::string_or(input, "VersionId");
  const auto stage = json::string_or(input, "VersionStage", id.empty() ? "AWSCURRENT" : "");
  for (const auto& version : secret.at("versions")) {
    const auto& stages = version.at("stages");
    if (!id.empty() && version.at("id") != id) continue;
    if (!stage.empty() && std::find(stages.begin(), stages.end(), stage) == stages.end()) continue;
    Json output = {{"ARN", secret.at("arn")},
                   {"Name", secret.at("name")},
                   {"VersionId", version.at("id")},
                   {"VersionStages", stages},
                   {"CreatedDate", seconds_since_epoch(version.at("created").get<std::int64_t>())}};
    if (version.contains("string")) output["SecretString"] = version.at("string");
    if (version.contains("binary")) output["SecretBinary"] = version.at("binary");
    return output;
  }
  throw ServiceError(400, "ResourceNotFoundException",
                     id.empty() ? "Secrets Manager can't find the specified secret value for staging label: " + stage
                                : "Secrets Manager can't find the specified secret value for VersionId: " + id);
}

Json SecretsManager::describe_secret(const Json& input) {
  const auto& secret = find_secret(input);
  Json stages = Json::object();
  for (const auto& version : secret.at("versions")) stages[version.at("id").get<std::string>()] = version.at("stages");
  return {{"ARN", secret.at("arn")},
          {"Name", secret.at("name")},
          {"CreatedDate", seconds_since_epoch(secret.at("created").get<std::int64_t>())},
          {"VersionIdsToStages", std::move(stages)}};
}

Json SecretsManager::delete_secret(const Json& input) {
  auto& secret = find_secret(input);
  Json output = {{"ARN", secret.at("arn")},
                 {"Name", secret.at("name")},
                 {"DeletionDate", seconds_since_epoch(to_milliseconds(clock_.now()))}};
  const auto name = secret.at("name").get<std::string>();
  if (input.value("ForceDeleteWithoutRecovery", false)) {
    journal_.remove("secret", name);
    secrets_.erase(name);
  } else {
    secret["deleted"] = true;
    touch(secret);
  }
  return output;
}

}  // namespace penstock::sandbox
