// The list of deliveries: what came, when, and what became of it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "core/store/records.h"
#include "server/pages/frame.h"

namespace penstock::server::pages {

struct DeliveriesView {
  store::DeliveryQuery query;
  store::DeliveryPage page;
  Timestamp now;
  Visitor visitor;
};
listener::Response show_deliveries(const DeliveriesView& view);

// The query of a page's address, in the names of the API. Empty values are no filters; Error{kInvalidInput} for values
// that are none. Times may lack seconds and the zone, as browsers send them: they are UTC.
store::DeliveryQuery read_delivery_query(const std::vector<std::pair<std::string, std::string>>& parameters);

std::optional<Timestamp> read_page_time(const std::string& text);

}  // namespace penstock::server::pages
