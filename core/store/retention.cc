#include "core/store/retention.h"

#include <string>
#include <vector>

#include "core/store/deliveries.h"
#include "core/store/id_bounds.h"
#include "core/store/triggers.h"
#include "core/store/uuid_blob.h"

namespace penstock::store {
namespace {

constexpr int kLogLinesPerStep = 5000;
constexpr int kKeysPerStep = 500;

bool is_unfinished(Connection& connection, std::string_view delivery_id) {
  if (has_unfinished_triggers(connection, delivery_id)) return true;
  Statement jobs = connection.prepare(
      "SELECT 1 FROM jobs WHERE delivery_id = ?1 AND state NOT IN ('succeeded', 'failed', 'lost') LIMIT 1");
  jobs.bind(Blob{delivery_id});
  return jobs.step();
}

int prune_deliveries(Connection& connection, Timestamp before, Timestamp now, int limit) {
  std::vector<std::string> ids;
  {
    const std::string upper =
        smallest_uuid_blob(before + load_bound(connection, "id_skew_ms") + std::chrono::milliseconds(1));
    Statement rows = connection.prepare("SELECT id FROM deliveries WHERE id < ?1 AND received_at < ?2 ORDER BY id");
    rows.bind(Blob{upper}, before);
    while (static_cast<int>(ids.size()) < limit && rows.step()) {
      std::string id = rows.text(0);
      if (!is_unfinished(connection, id)) ids.push_back(std::move(id));
    }
  }
  for (const std::string& id : ids) delete_delivery(connection, id, now);
  return static_cast<int>(ids.size());
}

// Jobs with their logs, as long as the step's share of log lines lasts; the last log may be left half deleted for the
// next step.
int prune_jobs(Connection& connection, Timestamp before, int limit) {
  std::vector<std::int64_t> jobs;
  {
    Statement rows = connection.prepare(
        "SELECT seq FROM jobs WHERE claimed_at < ?1 AND +state IN ('succeeded', 'failed', 'lost') "
        "ORDER BY claimed_at LIMIT ?2");
    rows.bind(before, limit);
    while (rows.step()) jobs.push_back(rows.integer(0));
  }
  int deleted = 0;
  int lines_left = kLogLinesPerStep;
  for (std::int64_t job : jobs) {
    connection
        .prepare(
            "DELETE FROM job_log WHERE job = ?1 AND sequence IN "
            "(SELECT sequence FROM job_log WHERE job = ?1 ORDER BY sequence LIMIT ?2)")
        .run(job, lines_left);
    lines_left -= connection.changes();
    if (lines_left <= 0) break;
    connection.prepare("DELETE FROM jobs WHERE seq = ?1").run(job);
    ++deleted;
  }
  return deleted;
}

void expire_keys(Connection& connection, Timestamp now) {
  connection
      .prepare(
          "DELETE FROM retired_notifications WHERE (endpoint, duplicate_key) IN "
          "(SELECT endpoint, duplicate_key FROM retired_notifications WHERE expires_at <= ?1 LIMIT ?2)")
      .run(now, kKeysPerStep);
  connection
      .prepare(
          "DELETE FROM retired_triggers WHERE (push_key, webhook, pipeline) IN "
          "(SELECT push_key, webhook, pipeline FROM retired_triggers WHERE expires_at <= ?1 LIMIT ?2)")
      .run(now, kKeysPerStep);
}

// What retention deletes need not be overwritten at once: its pages are soon used again.
class DeleteWithoutHaste {
 public:
  explicit DeleteWithoutHaste(Connection& connection) : connection_(connection) {
    connection_.execute("PRAGMA secure_delete = FAST");
  }
  DeleteWithoutHaste(const DeleteWithoutHaste&) = delete;
  DeleteWithoutHaste& operator=(const DeleteWithoutHaste&) = delete;
  ~DeleteWithoutHaste() {
    try {
      connection_.execute("PRAGMA secure_delete = ON");
    } catch (const Error&) {  // out of memory; the next one says it again
    }
  }

 private:
  Connection& connection_;
};

}  // namespace

PruneStep prune_step(Connection& connection, Timestamp before, Timestamp now, int limit) {
  DeleteWithoutHaste unhurried(connection);
  PruneStep step;
  step.deleted = prune_deliveries(connection, before, now, limit);
  bool out_of_lines = false;
  if (step.deleted < limit) {
    int jobs = prune_jobs(connection, before, limit - step.deleted);
    step.deleted += jobs;
    // A job that lost only a part of its log is still there.
    Statement left = connection.prepare(
        "SELECT 1 FROM jobs WHERE claimed_at < ?1 AND +state IN ('succeeded', 'failed', 'lost') LIMIT 1");
    left.bind(before);
    out_of_lines = left.step();
  }
  step.more = step.deleted == limit || out_of_lines;
  if (!step.more) expire_keys(connection, now);
  return step;
}

}  // namespace penstock::store
