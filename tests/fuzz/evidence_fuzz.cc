// Input: the JSON of a set of webhooks, a zero byte, evidence. Whatever lies on the disk is expanded to a valid JSON
// array or refused as corrupt; what is understood is written back as text that is understood in the same way.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/hooks/evidence.h"
#include "core/json/document.h"
#include "tests/fuzz/check.h"

using namespace penstock;
using namespace penstock::hooks;

namespace {

template <typename Call>
void run(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    check(error.kind() == ErrorKind::kCorrupt);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto separator = input.find('\0');
  const auto set_text = input.substr(0, separator);
  const auto evidence_text = separator == std::string_view::npos ? std::string_view() : input.substr(separator + 1);
  run([&] {
    const auto set = parse_webhook_set(set_text);
    const auto written = to_json(set);
    check(parse_webhook_set(written) == set && webhook_set_id(written).size() == 64);
    const auto evidence = encode_evidence(parse_evidence(evidence_text, set));
    check(encode_evidence(parse_evidence(evidence, set)) == evidence);
    check(expand_decisions(written, evidence) == expand_decisions(set_text, evidence_text));
  });
  run([&] {
    const auto decisions = expand_decisions(set_text, evidence_text);
    const auto document = json::Document::parse(decisions, {.max_bytes = 256u << 20, .max_depth = 200});
    check(document.root().type() == json::Type::kArray);
    document.root().for_each_element([](json::Value decision) {
      check(decision.find("webhook") && decision.find("reason")->string() && decision.find("filters")->size() < 10'001);
    });
  });
  return 0;
}
