// What a person searches deliveries for: the words of the commit messages, and the name of the repository.
#pragma once

#include <string>
#include <string_view>

#include "core/hooks/event.h"

namespace penstock::hooks {

// The repository's name, then the messages of the commits, for a pull request its title and the message of its last
// merge; at most 4 KiB of valid UTF-8.
std::string search_text(const Event& event);
// The same from a body that was stored; empty when it is none of an event.
std::string search_text_of_body(std::string_view body);

}  // namespace penstock::hooks
