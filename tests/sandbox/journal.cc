#include "tests/sandbox/journal.h"

#include <cerrno>
#include <fstream>
#include <map>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"

namespace penstock::sandbox {

using json::Json;

Journal::Journal(const std::optional<std::filesystem::path>& path) : path_(path) {}

void Journal::load(const std::function<void(std::string_view kind, const Json& value)>& visit) {
  if (!path_) return;
  std::map<std::string, std::size_t> places;
  std::vector<std::optional<Json>> records;
  {
    std::ifstream in(*path_, std::ios::binary);
    std::string line;
    while (std::getline(in, line)) {
      auto record = Json::parse(line, nullptr, false);
      if (record.is_discarded()) continue;  // the last line of a process that was killed while it wrote
      const auto id = record.at("kind").get<std::string>() + "\n" + record.at("id").get<std::string>();
      const auto [place, is_new] = places.try_emplace(id, records.size());
      if (is_new) records.emplace_back();
      if (record.contains("value")) {
        records[place->second] = std::move(record);
      } else {
        records[place->second].reset();
        places.erase(place);
      }
    }
  }
  const auto beside = path_->string() + ".new";
  {
    std::ofstream out(beside, std::ios::binary | std::ios::trunc);
    for (const auto& record : records) {
      if (record) out << record->dump() << '\n';
    }
    out.flush();
    if (!out) throw Error(ErrorKind::kUnavailable, "writing " + in_quotes(beside) + ": the disk refused it");
  }
  std::filesystem::rename(beside, *path_);
  fd_.reset(::open(path_->c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!fd_) throw_errno("opening " + in_quotes(path_->string()), errno);
  for (const auto& record : records) {
    if (record) visit(record->at("kind").get_ref<const std::string&>(), record->at("value"));
  }
}

void Journal::put(std::string_view kind, std::string_view id, const Json& value) {
  if (!path_) return;
  const auto text =
      Json{{"kind", kind}, {"id", id}, {"value", value}}.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::lock_guard lock(mutex_);
  pending_ += text;
  pending_ += '\n';
}

void Journal::remove(std::string_view kind, std::string_view id) {
  if (!path_) return;
  const auto text = Json{{"kind", kind}, {"id", id}}.dump();
  std::lock_guard lock(mutex_);
  pending_ += text;
  pending_ += '\n';
}

void Journal::flush() {
  std::lock_guard lock(mutex_);
  std::string_view left = pending_;
  while (!left.empty()) {
    const auto count = ::write(fd_.get(), left.data(), left.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("writing the journal", errno);
    left.remove_prefix(static_cast<std::size_t>(count));
  }
  pending_.clear();
}

}  // namespace penstock::sandbox
