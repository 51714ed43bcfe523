#include "core/intake/hook_answer.h"

#include "core/hooks/json_text.h"

namespace penstock::intake {

std::string to_json(const HookAnswer& answer) {
  std::string out;
  out.reserve(256);
  out += "{\"deliveryId\":";
  hooks::append_json_string(out, answer.delivery_id);
  out += ",\"outcome\":";
  hooks::append_json_string(out, answer.outcome ? store::to_string(*answer.outcome) : std::string_view());
  out += ",\"matched\":[";
  for (std::size_t i = 0; i < answer.matched.size(); ++i) {
    if (i > 0) out += ',';
    hooks::append_json_string(out, answer.matched[i]);
  }
  out += "],\"reason\":";
  hooks::append_json_string(out, answer.reason);
  if (!answer.decisions_json.empty()) {
    out += ",\"decisions\":";
    out += answer.decisions_json;
  }
  out += '}';
  return out;
}

}  // namespace penstock::intake
