// Lists of deliveries, within the caller's transaction.
#pragma once

#include "core/store/records.h"
#include "core/store/sqlite.h"

namespace penstock::store {

// A page may be shorter than the limit although there are more: the search for rare combinations of frequent values is
// cut off after a bounded effort, and goes on with the cursor.
DeliveryPage list_deliveries(Connection& connection, const DeliveryQuery& query);

}  // namespace penstock::store
