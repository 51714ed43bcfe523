// The query parameters of the history's lists.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/listener/message.h"
#include "core/store/records.h"

namespace penstock::server {

enum class ListForm { kPage, kExport };  // an export has no limit

// Error{kInvalidInput} that names the parameter and what was expected; for an unknown one the nearest name.
store::DeliveryQuery read_delivery_query(const listener::Request& request, ListForm form);
store::JobQuery read_job_query(const listener::Request& request, ListForm form);
// For routes without parameters.
void expect_no_parameters(const listener::Request& request);

}  // namespace penstock::server
