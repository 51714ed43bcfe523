#include "core/aws/credential_process.h"

#include <unistd.h>

#include "core/base/error.h"
#include "core/base/process.h"
#include "core/base/text.h"
#include "core/json/json.h"

namespace penstock::aws {

namespace {

constexpr char kDoing[] = "running the credential_process of the AWS profile";

std::map<std::string, std::string> whole_environment() {
  std::map<std::string, std::string> result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) result[std::string(text.substr(0, equals))] = text.substr(equals + 1);
  }
  return result;
}

Credentials parse(std::string_view output) {
  json::Json document;
  try {
    document = json::parse_json(output, "credentials");
  } catch (const Error&) {
    throw Error(ErrorKind::kConfiguration, std::string(kDoing) + ": its output is not JSON");
  }
  const json::Json* version = json::find(document, "Version");
  if (version == nullptr || !version->is_number() || version->get<double>() != 1.0) {
    throw Error(ErrorKind::kConfiguration, std::string(kDoing) + ": expected \"Version\": 1 in its output");
  }
  Credentials credentials;
  credentials.access_key_id = json::string_or(document, "AccessKeyId");
  credentials.secret_access_key = Secret(json::string_or(document, "SecretAccessKey"));
  credentials.session_token = Secret(json::string_or(document, "SessionToken"));
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    throw Error(ErrorKind::kConfiguration,
                std::string(kDoing) + ": expected AccessKeyId and SecretAccessKey in its output");
  }
  if (const std::string expiration = json::string_or(document, "Expiration"); !expiration.empty()) {
    credentials.expires_at = parse_rfc3339(expiration);
    if (!credentials.expires_at) {
      throw Error(ErrorKind::kConfiguration,
                  std::string(kDoing) + ": expected an RFC 3339 time as Expiration, found " + in_quotes(expiration));
    }
  }
  return credentials;
}

}  // namespace

std::vector<std::string> split_command(std::string_view command) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = '\0';
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    const bool escape = c == '\\' && i + 1 < command.size();
    if (quote == '\'') {
      if (c == '\'')
        quote = '\0';
      else
        word += c;
    } else if (quote == '"') {
      if (c == '"')
        quote = '\0';
      else if (escape && (command[i + 1] == '"' || command[i + 1] == '\\'))
        word += command[++i];
      else
        word += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += escape ? command[++i] : c;
      in_word = true;
    }
  }
  if (quote != '\0') throw Error(ErrorKind::kConfiguration, std::string(kDoing) + ": a quote is not closed");
  if (in_word) words.push_back(std::move(word));
  return words;
}

Credentials load_process_credentials(const std::string& command) {
  ProcessOptions options;
  options.argv = split_command(command);
  if (options.argv.empty()) throw Error(ErrorKind::kConfiguration, std::string(kDoing) + ": it is empty");
  options.environment = whole_environment();
  options.max_output_bytes = 64u << 10;
  ProcessResult result = run_process(options);
  if (!result.succeeded()) {
    const std::string how = result.timed_out     ? "it took longer than a minute"
                            : result.signal != 0 ? "signal " + std::to_string(result.signal)
                                                 : "exit code " + std::to_string(result.exit_code);
    const std::string said = truncate_utf8(trim(result.standard_error), 300, 900);
    wipe(result.standard_output);
    throw Error(ErrorKind::kUnauthenticated,
                std::string(kDoing) + ": " + how + (said.empty() ? "" : ", " + in_quotes(said)));
  }
  Credentials credentials = parse(result.standard_output);
  wipe(result.standard_output);
  return credentials;
}

}  // namespace penstock::aws
