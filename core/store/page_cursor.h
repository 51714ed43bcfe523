// Where the next page of a list begins: opaque to clients, good only for the query that it came from.
#pragma once

#include <string>
#include <string_view>

#include "core/store/records.h"

namespace penstock::store {

// Distinguishes queries; without limit and cursor.
std::string fingerprint(const DeliveryQuery& query);
std::string fingerprint(const JobQuery& query);

// The next page holds ids below `id_blob`. Text of [0-9a-f], so that it needs no escaping in a URL.
std::string make_cursor(std::string_view id_blob, std::string_view query_fingerprint);
// Throws Error{kInvalidInput} when the cursor is none, or another query's.
std::string parse_cursor(std::string_view cursor, std::string_view query_fingerprint);

// Throws Error{kInvalidInput} unless 1..500.
void check_page_limit(int limit);

// Above all UUIDs.
std::string above_all_ids();

}  // namespace penstock::store
