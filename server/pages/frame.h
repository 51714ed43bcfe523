// What is around each page, and the headers that it is sent with.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/listener/message.h"
#include "server/pages/html.h"

namespace penstock::server::pages {

enum class Place { kNone, kOverview, kDeliveries, kJobs };

// Who looks at a page, and what they may do there.
struct Visitor {
  std::string name;        // empty = nobody who is known
  std::string form_token;  // what each of the forms must send
  bool may_redeliver = false;
  bool can_sign_out = false;
};

struct Frame {
  std::string title;
  Place place = Place::kNone;
  Visitor visitor = {};
  std::optional<Timestamp> now = {};  // tells the script what time it is here
};

// Nothing but our own files may be loaded, no script or style stands in a page, and no other page may frame it.
listener::Response show(int status, const Frame& frame, const Html& content);
// The headers alone, for answers that are no page.
void add_page_headers(listener::Response& response);

// A page that says what went wrong. `advice` is what to do now.
listener::Response show_problem(int status, std::string_view title, std::string_view detail, const Html& advice,
                                const Visitor& visitor, std::string_view request_id);

// 303 to a place of our own.
listener::Response redirect(const std::string& path);

// The hidden field of a form that changes something.
Html form_token_field(const Visitor& visitor);

}  // namespace penstock::server::pages
