// Bodies of POST /events/{endpoint} and messages of the queue: any bytes are events, unknown, or an error of the
// sender.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/events/event.h"
#include "tests/fuzz/check.h"

using namespace penstock;

namespace {

// CodePipeline's names are short; nothing longer may get on from here.
void check_text(const std::string& text) {
  check(text.size() <= 256);
  check(is_valid_utf8(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  events::ParsedEvents parsed;
  try {
    parsed = events::parse_events(body);
  } catch (const Error& error) {
    check(error.kind() == ErrorKind::kInvalidInput || error.kind() == ErrorKind::kExhausted);
    return 0;
  }
  check(parsed.events.size() + parsed.unknown <= events::kMaxEventsInABody);
  for (const events::Event& event : parsed.events) {
    for (const std::string* text :
         {&event.id, &event.pipeline, &event.execution_id, &event.stage, &event.action, &event.type.category,
          &event.type.owner, &event.type.provider, &event.type.version}) {
      check_text(*text);
    }
    // Nobody is asked about an execution that was not named.
    check(event.change == events::Change::kBegun || !event.execution_id.empty());
  }
  return 0;
}
