#include "core/aws/secrets.h"

#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "core/json/json.h"

namespace penstock::aws {

namespace {

constexpr std::size_t kMaxFile = 1u << 20;
constexpr std::size_t kMaxEntries = 1000;
constexpr std::chrono::hours kServeStale{1};

// SecretString, or SecretBinary decoded.
Secret get_secret_value(Client& client, const std::string& id) {
  std::string answer = client.call_json("secretsmanager.GetSecretValue", json::dump(json::Json{{"SecretId", id}}));
  json::Json document;
  try {
    document = json::parse_json(answer, "an answer");
  } catch (const Error&) {
    wipe(answer);
    throw Error(ErrorKind::kUnavailable, "calling secretsmanager:GetSecretValue: the answer is not JSON");
  }
  wipe(answer);
  if (const json::Json* text = json::find(document, "SecretString"); text != nullptr && text->is_string()) {
    return Secret(text->get<std::string>());
  }
  if (auto bytes = from_base64(json::string_or(document, "SecretBinary")); bytes && !bytes->empty()) {
    return Secret(std::move(*bytes));
  }
  throw Error(ErrorKind::kConfiguration, "the secret is empty");
}

Secret select_key(const Secret& value, const std::string& key) {
  json::Json document;
  try {
    document = json::parse_json(value.reveal(), "a secret");
  } catch (const Error&) {
    throw Error(ErrorKind::kConfiguration, "expected a JSON object, from which " + in_quotes(key) + " is to be taken");
  }
  const json::Json* member = json::find(document, key);
  if (member == nullptr) throw Error(ErrorKind::kConfiguration, "the secret has no key " + in_quotes(key));
  if (member->is_string()) return Secret(member->get<std::string>());
  if (member->is_number()) return Secret(member->dump());
  throw Error(ErrorKind::kConfiguration, "expected a string at the key " + in_quotes(key));
}

}  // namespace

struct SecretResolver::State {
  struct Entry {
    Secret value;
    std::chrono::steady_clock::time_point read_at;
  };
  Options options;
  std::function<std::shared_ptr<Client>()> make_client;
  const Clock& clock;
  std::mutex mutex;
  std::map<std::string, Entry> cache;
  std::shared_ptr<Client> client;

  Secret read(const SecretReference& reference) {
    switch (reference.source) {
      case SecretReference::Source::kEnvironment: {
        std::optional<std::string> value;
        if (options.variable) {
          value = options.variable(reference.name);
        } else if (const char* found = std::getenv(reference.name.c_str()); found != nullptr) {
          value = found;
        }
        if (!value) throw Error(ErrorKind::kConfiguration, "not set");
        if (value->empty()) throw Error(ErrorKind::kConfiguration, "empty");
        return Secret(std::move(*value));
      }
      case SecretReference::Source::kFile: {
        std::string text = read_file(reference.name, kMaxFile);
        if (text.ends_with('\n')) text.pop_back();
        if (text.ends_with('\r')) text.pop_back();
        if (text.empty()) throw Error(ErrorKind::kConfiguration, "the file is empty");
        return Secret(std::move(text));
      }
      case SecretReference::Source::kSecretsManager: {
        const Secret whole = get_secret_value(*secrets_manager(), reference.name);
        Secret value = reference.json_key.empty() ? whole : select_key(whole, reference.json_key);
        if (value.empty()) throw Error(ErrorKind::kConfiguration, "the secret is empty");
        return value;
      }
    }
    throw Error(ErrorKind::kInternal, "unknown source");
  }

  std::shared_ptr<Client> secrets_manager() {
    std::lock_guard guard(mutex);
    if (!client && make_client) client = make_client();
    if (!client) throw Error(ErrorKind::kConfiguration, "AWS is not configured");
    return client;
  }
};

SecretResolver::SecretResolver(Options options, std::function<std::shared_ptr<Client>()> secrets_manager,
                               const Clock& clock)
    : state_(new State{.options = std::move(options),
                       .make_client = std::move(secrets_manager),
                       .clock = clock,
                       .mutex = {},
                       .cache = {},
                       .client = {}}) {}

SecretResolver::~SecretResolver() = default;

Secret SecretResolver::resolve(const SecretReference& reference) {
  const std::string name = reference.to_string();
  const bool cached = reference.source != SecretReference::Source::kEnvironment;
  const auto now = state_->clock.steady_now();
  std::optional<Secret> stale;
  if (cached) {
    std::lock_guard guard(state_->mutex);
    const auto found = state_->cache.find(name);
    if (found != state_->cache.end()) {
      const auto age = now - found->second.read_at;
      if (age < state_->options.ttl) return found->second.value;
      if (age < state_->options.ttl + kServeStale) stale = found->second.value;
    }
  }
  try {
    Secret value = state_->read(reference);
    if (cached) {
      std::lock_guard guard(state_->mutex);
      if (state_->cache.size() >= kMaxEntries) state_->cache.clear();
      state_->cache[name] = {value, now};
    }
    return value;
  } catch (const Error& error) {
    if (stale && is_transient(error.kind())) return *stale;
    throw error.with_context("resolving " + name);
  }
}

void SecretResolver::forget(const SecretReference& reference) {
  std::lock_guard guard(state_->mutex);
  state_->cache.erase(reference.to_string());
}

Secret decode_pem_secret(const Secret& secret) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  const std::string_view text = trim(secret.reveal());
  if (text.starts_with(kBegin)) return Secret(std::string(text) + "\n");
  std::string compact;
  compact.reserve(text.size());
  for (const char c : text) {
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') compact += c;
  }
  auto decoded = from_base64(compact);
  wipe(compact);
  if (!decoded) return secret;
  const bool is_pem = trim(*decoded).starts_with(kBegin);
  Secret result = is_pem ? Secret(std::string(trim(*decoded)) + "\n") : secret;
  wipe(*decoded);
  return result;
}

}  // namespace penstock::aws
