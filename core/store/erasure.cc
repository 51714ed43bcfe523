#include "core/store/erasure.h"

#include "core/store/deliveries.h"
#include "core/store/delivery_texts.h"
#include "core/store/triggers.h"
#include "core/store/uuid_blob.h"

namespace penstock::store {
namespace {

constexpr int kPagesAtOnce = 500;

void set_merging(Connection& connection, int value) {
  connection.prepare("UPDATE meta SET value = ?1 WHERE name = 'texts_to_merge' AND value <> ?1").run(value);
}

}  // namespace

int erase_delivery(Connection& connection, const std::string& id, Timestamp now) {
  const std::optional<std::string> blob = uuid_to_blob(id);
  {
    Statement known = connection.prepare("SELECT 1 FROM deliveries WHERE id = ?1");
    if (blob) known.bind(Blob{*blob});
    if (!blob || !known.step()) throw Error(ErrorKind::kNotFound, "no delivery has this id");
  }
  if (has_unfinished_triggers(connection, *blob)) {
    throw Error(ErrorKind::kConflict,
                "a trigger of it may still start, or its execution has not been picked up yet; come again later");
  }
  {
    Statement unfinished = connection.prepare(
        "SELECT 1 FROM jobs WHERE delivery_id = ?1 AND (state NOT IN ('succeeded', 'failed', 'lost') OR "
        "work_state = 'running') LIMIT 1");
    unfinished.bind(Blob{*blob});
    if (unfinished.step()) throw Error(ErrorKind::kConflict, "a job of it is not finished; come again later");
  }
  // With their logs.
  connection.prepare("DELETE FROM jobs WHERE delivery_id IS NOT NULL AND delivery_id = ?1").run(Blob{*blob});
  const int jobs = connection.changes();
  delete_delivery(connection, *blob, now, KeepKeys::kFromNow);
  set_merging(connection, 1);
  return jobs;
}

bool erase_words(Connection& connection) {
  if (connection.query_integer("SELECT value FROM meta WHERE name = 'texts_to_merge'").value_or(0) == 0) return true;
  if (!merge_texts(connection, kPagesAtOnce)) return false;
  set_merging(connection, 0);
  return true;
}

}  // namespace penstock::store
