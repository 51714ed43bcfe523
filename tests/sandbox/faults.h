// The sandbox's misbehaviour: what a test asked for, drawn by a seeded generator so that a run can be repeated.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>

#include "core/json/json.h"

namespace penstock::sandbox {

enum class FaultKind {
  kNone,
  kThrottle,       // ThrottlingException, S3: SlowDown
  kServerError,    // 500 or 503
  kDrop,           // the connection ends before anything is done
  kDropAfter,      // the request is carried out, the connection ends without an answer
  kCutShort,       // the request is carried out, half of the answer is sent
  kCompleteError,  // CompleteMultipartUpload answers 200 with an error document
};

struct Fault {
  FaultKind kind = FaultKind::kNone;
  std::chrono::milliseconds delay{0};
  bool variant = false;  // reset instead of end of stream, 503 instead of 500; changes from one to the next
};

// Thread-safe.
class Faults {
 public:
  // Members: throttle, serverError, drop, dropAfter, cutShort, completeError (probabilities whose sum is at most 1),
  // delayMilliseconds, operations (all when absent or empty), times (how many faults at most), seed.
  // Replaces what was set before. Throws ServiceError for anything else.
  void configure(const json::Json& request);
  void reset();
  Fault draw(const std::string& operation);
  json::Json counts() const;  // faults so far, by kind

 private:
  mutable std::mutex mutex_;  // guards all below
  std::map<FaultKind, double> probabilities_;
  std::set<std::string> operations_;
  std::chrono::milliseconds delay_{0};
  std::int64_t left_ = -1;
  bool variant_ = false;
  std::mt19937_64 random_{1};
  std::map<FaultKind, std::int64_t> counts_;
};

}  // namespace penstock::sandbox
