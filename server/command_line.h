// The command line: parses arguments and runs one command. What a command prints for people goes to stderr; stdout
// holds only its result.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/config/settings.h"

namespace penstock::server {

// Exit codes (sysexits.h where it has a word for it).
inline constexpr int kExitSuccess = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitBadQuery = 2;
inline constexpr int kExitNoMatch = 3;
inline constexpr int kExitUsage = 64;
inline constexpr int kExitBadConfig = 78;

int run_command_line(int argc, char** argv);

struct ArtifactArguments {
  std::string repository, revision;
  std::filesystem::path output, config, cache, previous;
  std::string credentials;
  config::Artifact artifact;
};

struct ExplainArguments {
  std::filesystem::path config;
  std::filesystem::path payload = "-";  // "-" = stdin
  std::string endpoint;                 // of the payload; empty = all
  std::string delivery;                 // instead of a payload
};

struct ActionTypeArguments {
  enum class What { kCreate, kList, kDescribe } what = What::kList;
  std::filesystem::path file;    // the definition; "-" = stdin; not for kList
  std::filesystem::path config;  // empty = defaults
};

struct ServerArguments {
  std::string url;
  std::filesystem::path ca_file;
};

int run_serve(const std::filesystem::path& config);
int run_check(const std::filesystem::path& config);
int run_config(const std::filesystem::path& config);
int run_jsonpath(const std::string& query, const std::filesystem::path& document);  // "-" = stdin
int run_explain(const ExplainArguments& arguments);
int run_artifact(const ArtifactArguments& arguments);
int run_redeliver(const std::string& delivery_id, const std::string& webhook, const ServerArguments& server);
int run_release(const std::string& trigger_id, const ServerArguments& server);
int run_import_webhooks(const std::filesystem::path& config, const std::string& pipeline);  // no config = defaults
int run_action_type(const ActionTypeArguments& arguments);
// Reads a password from stdin, without echo where that is a terminal, and prints its digest for access.basic.
int run_password_digest();
int run_version();

// The validated configuration; empty after having printed what is wrong with it. Error{kConfiguration} when the file
// cannot be read.
std::optional<config::Settings> load_settings(const std::filesystem::path& file);

// Reads all of a file, or of stdin for "-"; Error past 64 MiB.
std::string read_input(const std::filesystem::path& path);

}  // namespace penstock::server
