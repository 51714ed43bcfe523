// Turns the search index of schema 4, a row for each pair of term and delivery, into that of schema 5.
#pragma once

#include <functional>
#include <string>

#include "core/store/sqlite.h"

namespace penstock::store {

// Says how far it is, every few seconds.
using Progress = std::function<void(const std::string&)>;

// Time and memory grow with the deliveries. Within the caller's transaction; leaves the old table
// to the caller.
void migrate_index(Connection& connection, const Progress& progress);

}  // namespace penstock::store
