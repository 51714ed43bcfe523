// Removing one delivery for good, because somebody who is told of in it has asked for it.
#pragma once

#include <string>

#include "core/base/time.h"
#include "core/store/sqlite.h"

namespace penstock::store {

// With its triggers, jobs and their logs; returns the number of jobs. Error{kNotFound}, Error{kConflict} while
// something of it is unfinished. All deliveries must be indexed.
int erase_delivery(Connection& connection, const std::string& id, Timestamp now);

// A step of removing its words from what the index of words has not merged yet. True when there is nothing left.
bool erase_words(Connection& connection);

}  // namespace penstock::store
