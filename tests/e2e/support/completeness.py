"""Whether the history alone explains what became of each delivery: checked at the end of each test, of every server that
still runs."""

# Of a longer history so many are looked at, evenly spread.
MOST = 300


def unexplained(delivery):
    """What the explanation of a whole delivery leaves open, as sentences."""
    found = []
    outcome = delivery["outcome"]
    # Of a redelivery too: what it came to is its own to say.
    if not delivery["reason"]:
        found.append(f"{outcome} without a reason")
    if outcome == "duplicate" and not delivery["duplicateOf"]:
        found.append("a duplicate of nothing")
    judged = {(d["webhook"], d["ref"]): d for d in delivery["decisions"]}
    for decision in delivery["decisions"]:
        found += _of_decision(decision)
    for trigger in delivery["triggers"]:
        # Filtered after all, by what the push has changed: its triggers say so.
        if outcome in ("test", "ignored", "rejected", "duplicate", "dry-run") or \
                (outcome == "filtered" and trigger["state"] != "skipped"):
            found.append(f"{outcome}, and yet a trigger of {trigger['pipeline']}")
        if (trigger["webhook"], trigger["ref"]) not in judged:
            found.append(f"the trigger of {trigger['webhook']} has no decision")
        found += _of_trigger(trigger)
    if outcome == "triggered" and not delivery["triggers"]:
        found.append("triggered, and no trigger")
    if outcome == "filtered" and any(d["matched"] for d in delivery["decisions"]):
        found.append("filtered, and yet a match")
    if outcome in ("triggered", "filtered", "test", "dry-run") and delivery["refUpdates"] and delivery["decisions"]:
        # Each ref by each webhook, but where one event has too many for that, which is then said.
        refs = {update["name"] for update in delivery["refUpdates"]}
        webhooks = {d["webhook"] for d in delivery["decisions"]}
        missing = {(w, r) for w in webhooks for r in refs} - set(judged)
        if missing and not any("more" in d["reason"] or "not" in d["reason"] for d in delivery["decisions"][-1:]):
            found.append(f"no decision of {sorted(missing)[:3]}")
    return found


def _of_decision(decision):
    where = f"{decision['webhook']} about {decision['ref']}"
    found = []
    if not decision["reason"]:
        found.append(f"{where}: no reason")
    if decision["matched"] and not all(f["matched"] for f in decision["filters"]):
        found.append(f"{where}: matched although a filter did not")
    if decision.get("waiting") and decision.get("waitingFor") not in ("actionConfiguration", "changedPaths"):
        found.append(f"{where}: waits for nobody knows what")
    for number, rule in enumerate(decision["filters"], 1):
        what = f"{where}: filter {number}"
        if not rule["jsonPath"] or not rule["condition"]:
            found.append(f"{what}: does not say what it asks")
        if rule["expected"] is None:
            found.append(f"{what}: no expected value")
        if len(rule["selected"]) > rule["selectedCount"]:
            found.append(f"{what}: shows more than it found")
        # Nothing shown: nothing was there, or a note says why.
        if not rule["selected"] and rule["selectedCount"] and not rule.get("note"):
            found.append(f"{what}: neither the values that it saw nor why not")
    return found


def _of_trigger(trigger):
    where = f"the trigger of {trigger['pipeline'] or trigger['webhook']} is {trigger['state']}"
    if trigger["state"] == "started":
        return [] if trigger["pipelineExecutionId"] and trigger["startedAt"] else [f"{where}, of which nothing is known"]
    if trigger["state"] == "pending":
        # One that was never tried waits for its turn.
        return [f"{where} after {trigger['attempts']} attempts, without a word"] \
            if trigger["attempts"] and not trigger["error"] else []
    found = [] if trigger["error"] else [f"{where} and does not say why"]
    if trigger["state"] == "deferred" and not trigger["nextAttemptAt"]:
        found.append(f"{where} and does not say until when")
    return found


def check_history(penstock):
    """Goes through the history of a server, unless it cannot be asked: stopped by its test, or without our token."""
    if not penstock.process or not penstock.process.running:
        return
    try:
        if penstock.get("/api/v1/deliveries", limit=1).status != 200:
            return
    except OSError:
        return
    deliveries = penstock.all("deliveries")
    problems = {}
    for summary in deliveries[::max(1, -(-len(deliveries) // MOST))]:
        if found := unexplained(penstock.delivery(summary["id"])):
            problems[summary["id"]] = found
    assert not problems, f"deliveries without a complete explanation: {problems}"
