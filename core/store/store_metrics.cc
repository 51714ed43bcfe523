#include "core/store/store_metrics.h"

#include <string>

namespace penstock::store {

StoreMetrics::StoreMetrics(telemetry::Metrics& metrics)
    : commit_seconds_(metrics.histogram("penstock_store_commit_seconds",
                                        "How long a transaction took, from its beginning until it was on disk.",
                                        telemetry::latency_bounds())),
      group_writes_(metrics.histogram("penstock_store_group_writes", "How many writes shared a transaction.",
                                      {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024})) {
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    deliveries_[i] = &metrics.counter("penstock_deliveries_total", "Deliveries that were stored.",
                                      {{"outcome", std::string(to_string(static_cast<Outcome>(i)))}});
  }
  for (std::size_t i = 0; i < kKinds; ++i) {
    failed_commits_[i] = &metrics.counter("penstock_store_failed_commits_total", "Transactions that failed as a whole.",
                                          {{"cause", std::string(to_string(static_cast<ErrorKind>(i)))}});
  }
}

void StoreMetrics::note_group(std::size_t writes, std::chrono::steady_clock::duration took,
                              const Error* failure) noexcept {
  if (failure) {
    failed_commits_[static_cast<std::size_t>(failure->kind())]->add();
  } else if (writes > 0) {
    commit_seconds_.observe(std::chrono::duration<double>(took).count());
    group_writes_.observe(static_cast<double>(writes));
  }
}

}  // namespace penstock::store
