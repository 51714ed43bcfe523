// Reading a history beside the program that writes it, or while none does. Changes nothing.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/records.h"

namespace penstock::store {

// Not thread-safe. Errors as of Store's reads.
class HistoryReader {
 public:
  struct Options {
    std::filesystem::path path;
    std::chrono::milliseconds timeout{10000};  // of each read
    // As in Store::Options.
    std::function<std::string(std::string_view webhook_set_content, std::string_view evidence)> expand_decisions;
  };
  // Error{kNotFound} when there is no file, kConfiguration when it is no history or one of another version,
  // kPermission, kCorrupt.
  explicit HistoryReader(Options options);
  ~HistoryReader();

  std::optional<Delivery> find_delivery(const std::string& id);
  // Due or not, in the order of their arrival.
  std::vector<PendingTrigger> pending_triggers(int limit);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::store
