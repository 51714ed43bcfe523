// A file system for SQLite whose n-th write or sync fails, and all after it until it is healed: a disk that fills up or
// dies under a running program. Everything else goes to the real one, but for syncs, which are not carried out: the
// tests that use this never pull the plug.
#pragma once

namespace penstock::store {

class FailingVfs {
 public:
  enum class Fault { kDiskFull, kWriteError, kSyncError };

  // Registers it as the process's default. Databases opened before keep the former one.
  FailingVfs();
  ~FailingVfs();
  FailingVfs(const FailingVfs&) = delete;
  FailingVfs& operator=(const FailingVfs&) = delete;

  // The `call`-th (from 1) write, or sync, from now on fails.
  void arm(Fault fault, int call);
  // Returns whether anything has failed since arm().
  bool heal();
};

}  // namespace penstock::store
