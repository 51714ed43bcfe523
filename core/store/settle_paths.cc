#include "core/store/settle_paths.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "core/base/text.h"
#include "core/store/json_columns.h"
#include "core/store/new_triggers.h"
#include "core/store/terms.h"
#include "core/store/triggers.h"
#include "core/store/uuid_blob.h"

namespace penstock::store {
namespace {

class Settling {
 public:
  Settling(Connection& connection, const PathsSettlement& settlement, const RecordOptions& options)
      : connection_(connection),
        settlement_(settlement),
        options_(options),
        delivery_id_(uuid_to_blob(settlement.delivery_id).value_or("")) {}

  std::vector<std::string> run() {
    const std::vector<Trigger> all = load_triggers_of_delivery(connection_, delivery_id_);
    if (all.empty()) return {};
    last_id_ = *uuid_to_blob(all.back().id);
    bool changed = false;
    for (const PathsOutcome& outcome : settlement_.outcomes) {
      const auto trigger =
          std::find_if(all.begin(), all.end(), [&](const Trigger& each) { return each.id == outcome.trigger_id; });
      if (trigger == all.end() || !trigger->awaits_paths || trigger->state != TriggerState::kPending) continue;
      apply(*trigger, outcome);
      changed = true;
    }
    if (!changed) return {};
    if (!settlement_.decisions_json.empty()) replace_decisions(connection_, delivery_id_, settlement_.decisions_json);
    if (!settlement_.reason.empty()) {
      connection_.prepare("UPDATE deliveries SET reason = ?2 WHERE id = ?1")
          .run(Blob{delivery_id_}, settlement_.reason);
    }
    update_index();
    return std::move(created_);
  }

 private:
  void apply(const Trigger& trigger, const PathsOutcome& outcome) {
    const std::string id = *uuid_to_blob(trigger.id);
    switch (outcome.step) {
      case PathsOutcome::Step::kGoes:
        connection_
            .prepare(
                "UPDATE triggers SET awaits_paths = 0, next_attempt_at = NULL, attempts = 0, error = '', note = ?2 "
                "WHERE id = ?1")
            .run(Blob{id}, outcome.note);
        return;
      case PathsOutcome::Step::kSplits:
        mark_trigger_ended(connection_, trigger.id, TriggerState::kSkipped, outcome.reason + split(trigger, outcome));
        return;
      case PathsOutcome::Step::kSkips:
        mark_trigger_ended(connection_, trigger.id, TriggerState::kSkipped, outcome.reason);
        return;
      case PathsOutcome::Step::kFails:
        mark_trigger_ended(connection_, trigger.id, TriggerState::kFailed, outcome.reason);
        return;
      case PathsOutcome::Step::kWaits:
        reschedule_trigger(connection_, trigger.id, outcome.next_attempt_at.value_or(options_.clock->now()),
                           outcome.reason);
        return;
    }
  }

  // What is to be added to the reason.
  std::string split(const Trigger& trigger, const PathsOutcome& outcome) {
    NewTrigger wanted{.push_key = trigger.push_key,
                      .webhook = trigger.webhook,
                      .pipeline = "",
                      .action = trigger.action,
                      .ref = trigger.ref,
                      .commit_id = trigger.commit_id,
                      .variables = trigger.variables};
    const std::string variables = encode_map(trigger.variables);
    const bool retired_too = has_retired_keys(connection_, *options_.cache);
    std::size_t existed = 0;
    std::vector<std::string> seen;
    for (const std::string& pipeline : outcome.pipelines) {
      wanted.pipeline = pipeline;
      if (pipeline.empty() || !once(seen, pipeline)) continue;
      terms_.emplace_back(TermKind::kPipeline, pipeline);
      const auto existing = find_existing_trigger(connection_, wanted, retired_too);
      int generation = trigger.generation;
      if (existing && generation == kFirstGeneration) {
        ++existed;
        continue;
      }
      if (existing) generation = std::max(generation, existing->generation + 1);
      last_id_ = trigger_id_blob(last_id_, 1);
      if (last_id_ > trigger_id_blob(delivery_id_, kMaxTriggersPerDelivery))
        throw Error(ErrorKind::kExhausted, "splitting a trigger: the delivery has too many");
      insert_trigger(connection_,
                     {.id = last_id_,
                      .delivery_id = delivery_id_,
                      .generation = generation,
                      .variables = variables,
                      .client_request_token = make_trigger_token(options_, wanted, generation),
                      .created_at = options_.clock->now(),
                      .note = outcome.note},
                     wanted);
      created_.push_back(blob_to_uuid(last_id_));
    }
    if (existed == 0) return "";
    return "; " + std::to_string(existed) + " of these triggers " + (existed == 1 ? "exists" : "exist") + " already";
  }

  static bool once(std::vector<std::string>& seen, const std::string& pipeline) {
    const auto place = std::lower_bound(seen.begin(), seen.end(), pipeline);
    if (place != seen.end() && *place == pipeline) return false;
    seen.insert(place, pipeline);
    return true;
  }

  // The delivery is found by the pipelines of its new triggers; and as filtered, when all came to nothing.
  void update_index() {
    const bool filtered = comes_to_nothing();
    if (terms_.empty() && !filtered) return;
    RecordCache& cache = *options_.cache;
    index_deliveries(connection_, cache);
    std::int64_t seq = 0;
    std::vector<std::int64_t> terms;
    {
      Statement contents = connection_.prepare(
          "SELECT seq, terms FROM delivery_contents WHERE seq = (SELECT seq FROM deliveries WHERE id = ?1)");
      contents.bind(Blob{delivery_id_});
      if (!contents.step()) return;
      seq = contents.integer(0);
      terms = decode_integers(contents.text(1));
    }
    if (filtered) {
      connection_.prepare("UPDATE deliveries SET outcome = ?2 WHERE id = ?1")
          .run(Blob{delivery_id_}, to_string(Outcome::kFiltered));
      terms_.emplace_back(TermKind::kOutcome, to_string(Outcome::kFiltered));
    }
    FoundUnder added{seq, {}};
    for (const std::int64_t term : number_terms(connection_, terms_, cache.terms)) {
      if (std::find(terms.begin(), terms.end(), term) != terms.end()) continue;
      terms.push_back(term);
      added.terms.push_back(term);
    }
    add_postings(connection_, {added});
    const auto triggered = find_term(connection_, {TermKind::kOutcome, std::string(to_string(Outcome::kTriggered))});
    if (filtered && triggered && std::erase(terms, *triggered) > 0) {
      unlink_terms(connection_, seq, {*triggered});
      cache.clear();
    }
    connection_.prepare("UPDATE delivery_contents SET terms = ?2 WHERE seq = ?1").run(seq, encode_integers(terms));
  }

  bool comes_to_nothing() {
    Statement outcome = connection_.prepare("SELECT 1 FROM deliveries WHERE id = ?1 AND outcome = 'triggered'");
    outcome.bind(Blob{delivery_id_});
    if (!outcome.step() || !created_.empty()) return false;
    const std::vector<Trigger> now = load_triggers_of_delivery(connection_, delivery_id_);
    return std::all_of(now.begin(), now.end(),
                       [](const Trigger& each) { return each.state == TriggerState::kSkipped; });
  }

  Connection& connection_;
  const PathsSettlement& settlement_;
  const RecordOptions& options_;
  const std::string delivery_id_;  // 16 bytes
  std::string last_id_;            // 16 bytes, of the delivery's triggers
  std::vector<std::string> created_;
  std::vector<Term> terms_;
};

}  // namespace

std::vector<std::string> settle_paths(Connection& connection, const PathsSettlement& settlement,
                                      const RecordOptions& options) {
  return Settling(connection, settlement, options).run();
}

}  // namespace penstock::store
