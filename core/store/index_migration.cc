#include "core/store/index_migration.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "core/store/id_bounds.h"
#include "core/store/postings.h"
#include "core/store/uuid_blob.h"

namespace penstock::store {
namespace {

constexpr std::chrono::seconds kTellEvery{5};

class Teller {
 public:
  explicit Teller(const Progress& progress) : progress_(progress) {}
  void count(std::int64_t entries) {
    done_ += entries;
    const auto now = std::chrono::steady_clock::now();
    if (!progress_ || now < next_) return;
    next_ = now + kTellEvery;
    progress_("rebuilding the search index: " + std::to_string(done_) + " entries so far");
  }
  std::int64_t done() const noexcept { return done_; }

 private:
  const Progress& progress_;
  std::int64_t done_ = 0;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + kTellEvery;
};

void convert_links(Connection& connection, Teller& teller) {
  std::optional<std::int64_t> term;
  std::vector<std::int64_t> deliveries;
  const auto store = [&] {
    if (!term) return;
    std::sort(deliveries.begin(), deliveries.end());
    store_postings(connection, *term, deliveries);
    teller.count(static_cast<std::int64_t>(deliveries.size()));
    deliveries.clear();
  };
  Statement rows = connection.prepare(
      "SELECT term, seq FROM delivery_terms CROSS JOIN deliveries ON deliveries.id = delivery_terms.delivery_id "
      "ORDER BY term, delivery_id");
  while (rows.step()) {
    if (term != rows.integer(0)) {
      store();
      term = rows.integer(0);
    }
    deliveries.push_back(rows.integer(1));
  }
  store();
}

// By how much a delivery's id can be older than that of one that was stored before it.
std::int64_t find_disorder(Connection& connection) {
  struct Step {
    std::int64_t time, seq;
  };
  std::vector<Step> highest;  // in the order of ids, each with a number above all before it
  std::int64_t disorder = 0;
  Statement rows = connection.prepare("SELECT id, seq FROM deliveries ORDER BY id");
  while (rows.step()) {
    const std::int64_t time = to_milliseconds(uuid_blob_time(rows.view(0))), seq = rows.integer(1);
    if (highest.empty() || seq > highest.back().seq) {
      highest.push_back({time, seq});
      continue;
    }
    const auto older = std::upper_bound(highest.begin(), highest.end(), seq,
                                        [](std::int64_t value, const Step& step) { return value < step.seq; });
    // Stored after this one, with an older id.
    disorder = std::max(disorder, time - older->time);
  }
  return disorder;
}

std::int64_t find_job_skew(Connection& connection) {
  std::int64_t skew = 0;
  Statement rows = connection.prepare("SELECT id, claimed_at FROM jobs");
  while (rows.step()) skew = std::max(skew, std::abs(to_milliseconds(uuid_blob_time(rows.view(0))) - rows.integer(1)));
  return skew;
}

}  // namespace

void migrate_index(Connection& connection, const Progress& progress) {
  const std::int64_t newest = connection.query_integer("SELECT max(seq) FROM deliveries").value_or(0);
  if (newest > 0 && progress)
    progress("rebuilding the search index of about " + std::to_string(newest) + " deliveries, once");
  Teller teller(progress);
  convert_links(connection, teller);
  std::optional<std::int64_t> known;
  widen_bound(connection, "id_disorder_ms", find_disorder(connection), known);
  known.reset();
  widen_bound(connection, "job_skew_ms", find_job_skew(connection), known);
  if (newest > 0 && progress)
    progress("rebuilt the search index: " + std::to_string(teller.done()) + " entries; the words of commit messages " +
             "follow while the server runs");
}

}  // namespace penstock::store
