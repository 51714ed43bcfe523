// Deleting what is old enough, in steps that do not keep other writers waiting.
#pragma once

#include "core/store/sqlite.h"

namespace penstock::store {

struct PruneStep {
  int deleted = 0;    // deliveries and jobs
  bool more = false;  // there may be more to delete
};

// One step of at most `limit` deliveries and jobs, received and claimed before `before`, and a bounded number of log
// lines. Spared are deliveries with triggers that may still start or are watched, or with unfinished jobs, and
// unfinished jobs themselves. Keys whose time is over at `now` go as well.
PruneStep prune_step(Connection& connection, Timestamp before, Timestamp now, int limit);

}  // namespace penstock::store
