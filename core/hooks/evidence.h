// What judging one event came to, small enough to be kept for every delivery: the values that the queries selected and
// the numbers of the tests that passed. Together with the set of webhooks, which is kept once, every decision can be
// told from it again, with its reasons; only those that say more than that (matches, webhooks that wait) are kept as
// they are. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/hooks/decision.h"
#include "core/hooks/webhook_set.h"

namespace penstock::hooks {

struct Evidence {
  // What a query selected, as FilterResult has it.
  struct Selected {
    std::uint32_t query = 0;
    std::size_t count = 0;
    std::vector<std::string> shown;
    std::string problem;  // why the query could not be evaluated
  };
  struct Facts {
    std::vector<Selected> selected;
    std::vector<std::uint32_t> passed;   // tests; all others failed
    std::vector<std::uint32_t> gave_up;  // tests for which the event held too much text
  };
  struct Told {
    std::uint32_t webhook = 0;
    Decision decision;
  };
  // A ref update, or the event that has none.
  struct Subject {
    std::string ref, commit_id;
    std::string push_key;  // not encoded
    bool is_deletion = false;
    bool lists_all = true;  // false: only `told` is listed
    Facts facts;
    std::vector<Told> told;  // by rising webhook; the others are derived
  };
  Facts common;  // of what is the same for all subjects
  std::vector<Subject> subjects;
  // The bounds of DecideLimits, and what they cut off.
  std::size_t max_decisions = DecideLimits{}.max_decisions;
  std::size_t max_judgements = DecideLimits{}.max_judgements;
  std::size_t not_listed = 0, not_judged = 0;
};

// Facts, ready for being asked by number.
class FactsTable {
 public:
  explicit FactsTable(const WebhookSet& set);
  // The facts must stay where they are. Those of a subject take the place of the former subject's.
  void set_common(const Evidence::Facts& facts);
  void set_subject(const Evidence::Facts& facts);

  bool passed(std::uint32_t test) const noexcept { return passed_[test] != 0; }
  bool gave_up(std::uint32_t test) const noexcept { return gave_up_[test] != 0; }
  const Evidence::Selected& selected(std::uint32_t query) const noexcept;

 private:
  void add(const Evidence::Facts& facts);
  std::vector<unsigned char> passed_, gave_up_;  // by test
  std::vector<const Evidence::Selected*> selected_;
  const Evidence::Facts* subject_ = nullptr;
};

// The decision of one webhook as the facts have it; kMatched or kNotMatched, without variables.
Decision derive_decision(const WebhookSet& set, std::uint32_t webhook, const Evidence::Subject& subject,
                         const FactsTable& facts);
// The result of a filter as the facts have it.
FilterResult derive_filter(const WebhookSet& set, std::uint32_t test, const FactsTable& facts);
// Sets the reason of a decision that did not match from its filters. `judged` tells which of them count.
void explain_mismatch(Decision& decision, const std::function<bool(std::size_t)>& judged);

// In the order of the subjects, then of the webhooks; return false to hear no more. What the limits cut off is said in
// the last one's reason.
void for_each_decision(const WebhookSet& set, const Evidence& evidence, const std::function<bool(Decision)>& visit);

std::string encode_evidence(const Evidence& evidence);
// Error{kCorrupt} for what cannot be evidence of this set.
Evidence parse_evidence(std::string_view text, const WebhookSet& set);

// The `decisions` array of the history API out of what was stored, as decisions_to_json() writes it, up to about 32 MiB
// (then the last reason tells that there are more). Error{kCorrupt} for texts that the encoders cannot have made.
std::string expand_decisions(std::string_view webhook_set_json, std::string_view evidence);

}  // namespace penstock::hooks
