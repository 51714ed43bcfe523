#include "core/store/page_cursor.h"

#include <optional>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace penstock::store {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kFingerprintBytes = 8;
constexpr int kMaxPage = 500;

// Values with their lengths, so that no two queries read the same.
class Canonical {
 public:
  explicit Canonical(std::string_view kind) { add(kind); }
  void add(std::string_view value) { text_ += std::to_string(value.size()) + ":" + std::string(value); }
  void add(const std::optional<std::string>& value) {
    text_ += value ? '+' : '-';
    if (value) add(std::string_view(*value));
  }
  void add(const std::optional<Timestamp>& value) {
    add(value ? std::optional(std::to_string(to_milliseconds(*value))) : std::nullopt);
  }
  std::string digest() const { return hash(HashAlgorithm::kSha256, text_).substr(0, kFingerprintBytes); }

 private:
  std::string text_;
};

}  // namespace

std::string fingerprint(const DeliveryQuery& query) {
  Canonical canonical("deliveries");
  canonical.add(query.since);
  canonical.add(query.until);
  canonical.add(query.event_type);
  canonical.add(query.repository ? std::optional(to_lower(*query.repository)) : std::nullopt);
  canonical.add(query.ref);
  canonical.add(query.pipeline);
  canonical.add(query.webhook);
  canonical.add(query.outcome ? std::optional(std::string(to_string(*query.outcome))) : std::nullopt);
  canonical.add(query.words);
  return canonical.digest();
}

std::string fingerprint(const JobQuery& query) {
  Canonical canonical("jobs");
  canonical.add(query.since);
  canonical.add(query.until);
  canonical.add(query.action_type);
  canonical.add(query.delivery_id ? std::optional(to_lower(*query.delivery_id)) : std::nullopt);
  canonical.add(query.pipeline);
  canonical.add(query.pipeline_execution_id);
  canonical.add(query.state ? std::optional(std::string(to_string(*query.state))) : std::nullopt);
  return canonical.digest();
}

std::string make_cursor(std::string_view id_blob, std::string_view query_fingerprint) {
  return to_hex(std::string(1, kVersion) + std::string(query_fingerprint) + std::string(id_blob));
}

std::string parse_cursor(std::string_view cursor, std::string_view query_fingerprint) {
  std::optional<std::string> bytes = from_hex(cursor);
  if (!bytes || bytes->size() != 1 + kFingerprintBytes + kIdBytes || bytes->front() != kVersion)
    throw Error(ErrorKind::kInvalidInput, "reading cursor " + in_quotes(cursor) + ": it is none of this list");
  if (std::string_view(*bytes).substr(1, kFingerprintBytes) != query_fingerprint) {
    throw Error(ErrorKind::kInvalidInput, "reading cursor " + in_quotes(cursor) +
                                              ": it belongs to a query with other filters; begin without a cursor");
  }
  return bytes->substr(1 + kFingerprintBytes);
}

void check_page_limit(int limit) {
  if (limit < 1 || limit > kMaxPage) {
    throw Error(ErrorKind::kInvalidInput,
                "reading a page: limit " + std::to_string(limit) + " is not in 1 to " + std::to_string(kMaxPage));
  }
}

std::string above_all_ids() {
  return std::string(kIdBytes + 1, '\xff');
}

}  // namespace penstock::store
