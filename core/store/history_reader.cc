#include "core/store/history_reader.h"

#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/deliveries.h"
#include "core/store/schema.h"
#include "core/store/sqlite.h"
#include "core/store/triggers.h"

namespace penstock::store {
namespace {

std::filesystem::path require_file(const std::filesystem::path& path) {
  std::error_code failed;
  if (!std::filesystem::exists(path, failed) && !failed) {
    throw Error(ErrorKind::kNotFound, "opening history " + in_quotes(path.native()) + ": there is no such file");
  }
  return path;
}

}  // namespace

struct HistoryReader::Impl {
  explicit Impl(Options opened)
      : options(std::move(opened)),
        connection(require_file(options.path), Connection::Mode::kReadOnly, options.timeout) {
    connection.keep_log_on_close();  // what is in the log is for the writer to copy
    check_readable(connection);
  }

  template <typename Read>
  auto run(Read&& read) {
    connection.set_deadline(std::chrono::steady_clock::now() + options.timeout);
    Transaction transaction(connection, Transaction::Kind::kRead);
    return read(connection);
  }

  const Options options;
  Connection connection;
};

HistoryReader::HistoryReader(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
HistoryReader::~HistoryReader() = default;

std::optional<Delivery> HistoryReader::find_delivery(const std::string& id) {
  std::optional<StoredEvidence> evidence;
  auto delivery = impl_->run([&](Connection& connection) { return load_delivery(connection, id, evidence); });
  if (delivery) complete_delivery(*delivery, evidence, impl_->options.expand_decisions);
  return delivery;
}

std::vector<PendingTrigger> HistoryReader::pending_triggers(int limit) {
  return impl_->run([&](Connection& connection) { return load_pending_triggers(connection, limit); });
}

}  // namespace penstock::store
