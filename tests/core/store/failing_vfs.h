// A file system for SQLite with a disk that can be made to fail: calls that return an error from the n-th on, a disk
// that fills up, and power that is lost, after which only what was synced is there. Syncs are not passed on to the real
// disk.
//
// After a failed sync the disk does what Linux does: what could not be written counts as clean, and the next sync
// succeeds without it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace penstock::store {

// Thread-safe but for the construction.
class FailingVfs {
 public:
  enum class Call { kOpen, kRead, kWrite, kSync, kTruncate, kSharedMemory, kLock, kDelete };
  enum class Lasts { kOnce, kUntilHealed };
  enum class Where { kAnywhere, kDatabase, kLog };
  struct Fault {
    Call call = Call::kWrite;
    int result_code = 0;   // SQLite's
    int system_errno = 0;  // what SQLite is told was the cause
    Lasts lasts = Lasts::kUntilHealed;
    Where where = Where::kAnywhere;
  };
  static const Fault kDiskFull, kWriteError, kReadOnly, kSyncError;

  // Registers it as the process's default. Databases opened before keep the former one.
  FailingVfs();
  ~FailingVfs();
  FailingVfs(const FailingVfs&) = delete;
  FailingVfs& operator=(const FailingVfs&) = delete;

  // The `nth` such call (from 1) from now on fails; a write that fails has written its first half.
  void arm(const Fault& fault, int nth);
  // Returns whether anything has failed since arm().
  bool heal();

  // All files together hold no more than this; beyond, a write is SQLITE_FULL. Empty = no bound.
  void set_capacity(std::optional<std::uint64_t> bytes);

  // From now on the disk keeps apart what was synced. For files that are opened from here on.
  void remember_syncs();
  // Writes into `to` what would be found in `from` if power failed now: of what was not synced, nothing or, block by
  // block as the seed has it, some.
  enum class Unsynced { kNothing, kSome };
  void copy_as_after_power_loss(const std::filesystem::path& from, const std::filesystem::path& to, Unsynced unsynced,
                                unsigned seed = 0) const;
};

}  // namespace penstock::store
