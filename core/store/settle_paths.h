// What the changed paths of a push mean for the triggers that waited for them.
#pragma once

#include <string>
#include <vector>

#include "core/store/deliveries.h"
#include "core/store/records.h"
#include "core/store/sqlite.h"

namespace penstock::store {

// Within the caller's write transaction; see Store::settle_paths(). Returns the ids of the new triggers.
std::vector<std::string> settle_paths(Connection& connection, const PathsSettlement& settlement,
                                      const RecordOptions& options);

}  // namespace penstock::store
