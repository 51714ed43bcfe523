// A request that wants to know what would happen, and start nothing. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/intake/hook_answer.h"
#include "core/store/records.h"

namespace penstock::intake {

// X-Penstock-Dry-Run with any value but "false" and "0": a value that is misspelt must not start a pipeline.
bool asks_for_dry_run(const std::vector<std::pair<std::string, std::string>>& headers);

// Turns what was decided into a dry run: no trigger, and no key that would make the real delivery a duplicate of it.
// The answer gets the decisions.
void make_dry_run(store::NewDelivery& delivery, HookAnswer& answer);

}  // namespace penstock::intake
