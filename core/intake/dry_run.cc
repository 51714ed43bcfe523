#include "core/intake/dry_run.h"

#include <algorithm>
#include <string_view>

#include "core/base/text.h"
#include "core/hooks/evidence.h"

namespace penstock::intake {
namespace {

constexpr std::string_view kHeader = "X-Penstock-Dry-Run";

}  // namespace

bool asks_for_dry_run(const std::vector<std::pair<std::string, std::string>>& headers) {
  return std::any_of(headers.begin(), headers.end(), [](const auto& header) {
    if (!equals_ignoring_case(header.first, kHeader)) return false;
    const std::string_view value = trim(header.second);
    return !equals_ignoring_case(value, "false") && value != "0";
  });
}

void make_dry_run(store::NewDelivery& delivery, HookAnswer& answer) {
  delivery.outcome = store::Outcome::kDryRun;
  delivery.reason = "dry run, nothing is started: " + delivery.reason;
  delivery.triggers.clear();
  delivery.duplicate_key.clear();
  answer.decisions_json =
      delivery.webhook_set ? hooks::expand_decisions(delivery.webhook_set->content, delivery.evidence) : "[]";
}

}  // namespace penstock::intake
