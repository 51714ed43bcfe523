// Lists as NDJSON, one object a line, of any length.
#pragma once

#include <atomic>
#include <memory>
#include <stop_token>

#include "core/listener/message.h"
#include "core/store/store.h"
#include "core/telemetry/log.h"

namespace penstock::server {

// Each page is read in a transaction of its own and nothing is held while the client reads, so neither memory nor the
// write-ahead log grows with the export. It shows what is there when its turn comes: a delivery that comes in meanwhile
// is newer than all that follows, one that is deleted meanwhile is left out. Thread-safe.
class HistoryExport {
 public:
  HistoryExport(store::Store& store, const telemetry::Log& log, std::stop_token stop)
      : store_(store), log_(log), stop_(std::move(stop)) {}

  static bool is_wanted(const listener::Request& request);  // by Accept
  // What is wrong with the query is thrown at once. 503 when too many exports are under way. One that fails later, or
  // that is ended by a stop, breaks off, which a client can tell from its end.
  listener::Response deliveries(const listener::Request& request);
  listener::Response jobs(const listener::Request& request);

 private:
  template <typename Query, typename ReadPage>
  listener::Response start(const listener::Request& request, Query query, ReadPage read_page);

  store::Store& store_;
  const telemetry::Log& log_;
  const std::stop_token stop_;
  const std::shared_ptr<std::atomic<int>> running_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace penstock::server
