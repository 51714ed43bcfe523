#include "core/jobs/continuation_tokens.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/base/text.h"

namespace penstock::jobs {
namespace {

constexpr char kVersion = 1;
constexpr std::string_view kLabel = "penstock continuation token";
constexpr std::size_t kIdBytes = 16, kMacBytes = 32;
constexpr std::size_t kFixedBytes = 2 + kIdBytes + ContinuationTokens::kNodeBytes + kMacBytes;
static_assert((kFixedBytes + kMaxContinuationState + 2) / 3 * 4 <= kMaxContinuationToken);

// No two lists of fields have the same text.
void append_field(std::string& text, std::string_view field) {
  std::uint64_t size = field.size();
  for (int i = 0; i < 8; ++i, size >>= 8) text += static_cast<char>(size & 0xff);
  text += field;
}

std::string mac(const Secret& key, std::string_view handler, const aws::PipelineJob& job, std::string_view content) {
  std::string text;
  // Not the job itself: the token is for its successor.
  for (const std::string_view field :
       {kLabel, handler, std::string_view(job.action_type.category), std::string_view(job.action_type.owner),
        std::string_view(job.action_type.provider), std::string_view(job.action_type.version),
        std::string_view(job.pipeline_name), std::string_view(job.pipeline_execution_id),
        std::string_view(job.stage_name), std::string_view(job.action_name), std::string_view(job.action_execution_id),
        content}) {
    append_field(text, field);
  }
  return hmac(HashAlgorithm::kSha256, key.reveal(), text);
}

std::string id_to_bytes(const std::string& id) {
  std::string digits = id;
  std::erase(digits, '-');
  const auto bytes = is_uuid(id) ? from_hex(digits) : std::nullopt;
  if (!bytes) throw Error(ErrorKind::kInternal, "making a continuation token: " + in_quotes(id) + " is no UUID");
  return *bytes;
}

std::string id_from_bytes(std::string_view bytes) {
  std::string id = to_hex(bytes);
  for (const std::size_t at : {8u, 13u, 18u, 23u}) id.insert(at, 1, '-');
  return id;
}

Secret random_key() {
  std::string key(kMinContinuationKey, '\0');
  fill_random(std::as_writable_bytes(std::span(key)));
  return Secret(std::move(key));
}

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorKind::kConfiguration, "continuing the job: its continuation token " + why);
}

}  // namespace

ContinuationTokens::ContinuationTokens() : ContinuationTokens({random_key()}, std::string(kNodeBytes, '\0')) {}

ContinuationTokens::ContinuationTokens(const std::vector<Secret>& keys, std::string node) : node_(std::move(node)) {
  if (node_.size() != kNodeBytes) throw Error(ErrorKind::kInternal, "making continuation tokens: a node has 8 bytes");
  set_keys(keys);
}

void ContinuationTokens::set_keys(const std::vector<Secret>& keys) {
  auto fresh = std::make_shared<std::vector<Secret>>();
  for (const Secret& key : keys) {
    if (key.reveal().size() < kMinContinuationKey) {
      throw Error(ErrorKind::kConfiguration,
                  "reading the key of continuation tokens: it has " + std::to_string(key.reveal().size()) +
                      " bytes, expected at least 32, as \"openssl rand -base64 32\" makes them");
    }
    // Whatever else the secret may be used for, this key is of tokens alone.
    fresh->emplace_back(hmac(HashAlgorithm::kSha256, key.reveal(), kLabel));
  }
  if (fresh->empty()) throw Error(ErrorKind::kInternal, "making continuation tokens: no key");
  std::lock_guard lock(mutex_);
  keys_ = std::move(fresh);
}

std::shared_ptr<const std::vector<Secret>> ContinuationTokens::keys() const {
  std::lock_guard lock(mutex_);
  return keys_;
}

std::string ContinuationTokens::seal(std::string_view handler, const aws::PipelineJob& job,
                                     const Continuation& continuation) const {
  if (continuation.state.size() > kMaxContinuationState) {
    throw Error(ErrorKind::kInvalidInput, "continuing the job: its state has " +
                                              std::to_string(continuation.state.size()) + " bytes, at most " +
                                              std::to_string(kMaxContinuationState) + " fit into a token");
  }
  std::string content{kVersion, continuation.kind == Continuation::Kind::kWork ? '\1' : '\0'};
  content += id_to_bytes(continuation.first_id);
  content += node_;
  content += continuation.state;
  content += mac(keys()->front(), handler, job, content);
  return to_base64url(content);
}

Continuation ContinuationTokens::open(std::string_view handler, const aws::PipelineJob& job) const {
  const std::string& token = job.continuation_token;
  if (token.size() > kMaxContinuationToken) {
    refuse("has " + std::to_string(token.size()) + " characters, more than " + std::to_string(kMaxContinuationToken));
  }
  const auto bytes = from_base64url(token);
  if (!bytes || bytes->size() < kFixedBytes) refuse("was not made by Penstock; retry the stage");
  const std::string_view content = std::string_view(*bytes).substr(0, bytes->size() - kMacBytes);
  const std::string_view given = std::string_view(*bytes).substr(content.size());
  bool is_ours = false;
  const auto known = keys();
  for (const Secret& key : *known) is_ours = equal_in_constant_time(mac(key, handler, job, content), given) || is_ours;
  if (!is_ours) {
    refuse(
        "was not made by this server for this run of the action; retry the stage, and when several servers work the "
        "action type give all the same continuationKey");
  }
  // From here on the content is what seal() wrote, if not necessarily in this version.
  if (content[0] != kVersion || (content[1] != '\0' && content[1] != '\1')) refuse("is of another version of Penstock");
  Continuation continuation;
  continuation.kind = content[1] == '\1' ? Continuation::Kind::kWork : Continuation::Kind::kState;
  continuation.first_id = id_from_bytes(content.substr(2, kIdBytes));
  continuation.node = content.substr(2 + kIdBytes, kNodeBytes);
  continuation.state = content.substr(2 + kIdBytes + kNodeBytes);
  return continuation;
}

}  // namespace penstock::jobs
