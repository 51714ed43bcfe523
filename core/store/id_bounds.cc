#include "core/store/id_bounds.h"

namespace penstock::store {

std::chrono::milliseconds load_bound(Connection& connection, const char* name) {
  Statement row = connection.prepare("SELECT value FROM meta WHERE name = ?1");
  row.bind(name);
  return std::chrono::milliseconds(row.step() ? row.integer(0) : 0);
}

void widen_bound(Connection& connection, const char* name, std::int64_t found, std::optional<std::int64_t>& known) {
  if (!known) known = load_bound(connection, name).count();
  if (found <= *known) return;
  std::int64_t wider = 1024;
  while (wider < found && wider < (std::int64_t{1} << 60)) wider *= 2;
  connection.prepare("INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2")
      .run(name, wider);
  known = wider;
}

}  // namespace penstock::store
