#include "tests/sandbox/faults.h"

#include <array>

#include "tests/sandbox/service_error.h"

namespace penstock::sandbox {
namespace {

constexpr std::array<std::pair<const char*, FaultKind>, 6> kKinds{{{"throttle", FaultKind::kThrottle},
                                                                   {"serverError", FaultKind::kServerError},
                                                                   {"drop", FaultKind::kDrop},
                                                                   {"dropAfter", FaultKind::kDropAfter},
                                                                   {"cutShort", FaultKind::kCutShort},
                                                                   {"completeError", FaultKind::kCompleteError}}};

[[noreturn]] void invalid(const std::string& message) {
  throw ServiceError(400, "InvalidFault", message);
}

}  // namespace

void Faults::configure(const json::Json& request) {
  if (!request.is_object()) invalid("the faults are no JSON object");
  std::map<FaultKind, double> probabilities;
  std::set<std::string> operations;
  std::chrono::milliseconds delay{0};
  std::int64_t left = -1;
  std::uint64_t seed = 1;
  double total = 0;
  for (const auto& [name, value] : request.items()) {
    bool known = false;
    for (const auto& [kind_name, kind] : kKinds) {
      if (name != kind_name) continue;
      if (!value.is_number() || value.get<double>() < 0) invalid("\"" + name + "\" must be a probability");
      probabilities[kind] = value.get<double>();
      total += value.get<double>();
      known = true;
    }
    if (known || name == "expireCredentials") continue;  // the caller acts on that one
    if (name == "delayMilliseconds" && value.is_number_unsigned()) {
      delay = std::chrono::milliseconds(value.get<std::int64_t>());
    } else if (name == "times" && value.is_number_unsigned()) {
      left = value.get<std::int64_t>();
    } else if (name == "seed" && value.is_number_unsigned()) {
      seed = value.get<std::uint64_t>();
    } else if (name == "operations" && value.is_array()) {
      operations = value.get<std::set<std::string>>();
    } else {
      invalid("\"" + name + "\" is unknown or of another type");
    }
  }
  if (total > 1.0 + 1e-9) invalid("the probabilities add up to more than 1");
  std::lock_guard lock(mutex_);
  probabilities_ = std::move(probabilities);
  operations_ = std::move(operations);
  delay_ = delay;
  left_ = left;
  random_.seed(seed);
}

void Faults::reset() {
  std::lock_guard lock(mutex_);
  probabilities_.clear();
  operations_.clear();
  delay_ = std::chrono::milliseconds(0);
  left_ = -1;
}

Fault Faults::draw(const std::string& operation) {
  std::lock_guard lock(mutex_);
  Fault fault;
  if (!operations_.empty() && !operations_.contains(operation)) return fault;
  fault.delay = delay_;
  if (probabilities_.empty() || left_ == 0) return fault;
  double roll = std::uniform_real_distribution<double>(0, 1)(random_);
  for (const auto& [kind, probability] : probabilities_) {
    if (kind == FaultKind::kCompleteError && operation != "CompleteMultipartUpload") continue;
    if (roll < probability) {
      fault.kind = kind;
      fault.variant = variant_ = !variant_;
      ++counts_[kind];
      if (left_ > 0) --left_;
      break;
    }
    roll -= probability;
  }
  return fault;
}

json::Json Faults::counts() const {
  std::lock_guard lock(mutex_);
  json::Json result = json::Json::object();
  for (const auto& [name, kind] : kKinds) {
    const auto found = counts_.find(kind);
    result[name] = found == counts_.end() ? 0 : found->second;
  }
  return result;
}

}  // namespace penstock::sandbox
