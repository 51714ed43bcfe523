// What is known of how ids, times and the order of rows agree, so that one can be told from another.
//
//   id_skew_ms      no delivery's id is further than this from its received_at
//   id_disorder_ms  no delivery's id is older by more than this than that of a delivery that was stored before it
//   job_skew_ms     no job's id is further than this from its claimed_at
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/store/sqlite.h"

namespace penstock::store {

std::chrono::milliseconds load_bound(Connection& connection, const char* name);
// Makes the bound hold for `found` milliseconds as well. In leaps, so that its row is seldom written. `known` spares
// reading it.
void widen_bound(Connection& connection, const char* name, std::int64_t found, std::optional<std::int64_t>& known);

}  // namespace penstock::store
