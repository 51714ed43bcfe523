#include "tests/core/store/failing_vfs.h"

#include <atomic>
#include <cerrno>
#include <new>

#include <sqlite3.h>

namespace penstock::store {
namespace {

std::atomic<int> calls_left{0};  // 0 = healthy, below = failing
std::atomic<bool> armed{false};
std::atomic<bool> failed{false};
std::atomic<FailingVfs::Fault> current_fault{FailingVfs::Fault::kDiskFull};

// True when this call is to fail.
bool strikes(bool is_sync) {
  if (!armed.load() || (current_fault.load() == FailingVfs::Fault::kSyncError) != is_sync) return false;
  if (calls_left.fetch_sub(1) > 1) return false;
  failed = true;
  return true;
}

int write_failure() {
  return current_fault.load() == FailingVfs::Fault::kDiskFull ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

struct File {
  sqlite3_file base;
  sqlite3_file* real;  // right behind this
};

sqlite3_file* real_of(sqlite3_file* file) {
  return reinterpret_cast<File*>(file)->real;
}
const sqlite3_io_methods* methods_of(sqlite3_file* file) {
  return real_of(file)->pMethods;
}

int close_file(sqlite3_file* f) {
  return methods_of(f)->xClose(real_of(f));
}
int read_file(sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
  return methods_of(f)->xRead(real_of(f), to, n, at);
}
int write_file(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
  if (!strikes(false)) return methods_of(f)->xWrite(real_of(f), from, n, at);
  // As a disk that fills up does: a part still fits.
  methods_of(f)->xWrite(real_of(f), from, n / 2, at);
  return write_failure();
}
int truncate_file(sqlite3_file* f, sqlite3_int64 size) {
  return strikes(false) ? SQLITE_IOERR_TRUNCATE : methods_of(f)->xTruncate(real_of(f), size);
}
int sync_file(sqlite3_file*, int) {
  return strikes(true) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}
int file_size(sqlite3_file* f, sqlite3_int64* size) {
  return methods_of(f)->xFileSize(real_of(f), size);
}
int lock_file(sqlite3_file* f, int level) {
  return methods_of(f)->xLock(real_of(f), level);
}
int unlock_file(sqlite3_file* f, int level) {
  return methods_of(f)->xUnlock(real_of(f), level);
}
int check_lock(sqlite3_file* f, int* result) {
  return methods_of(f)->xCheckReservedLock(real_of(f), result);
}
int control(sqlite3_file* f, int op, void* argument) {
  return methods_of(f)->xFileControl(real_of(f), op, argument);
}
int sector_size(sqlite3_file* f) {
  return methods_of(f)->xSectorSize(real_of(f));
}
int characteristics(sqlite3_file* f) {
  return methods_of(f)->xDeviceCharacteristics(real_of(f));
}
int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** to) {
  return methods_of(f)->xShmMap(real_of(f), page, size, extend, to);
}
int shm_lock(sqlite3_file* f, int at, int n, int flags) {
  return methods_of(f)->xShmLock(real_of(f), at, n, flags);
}
void shm_barrier(sqlite3_file* f) {
  methods_of(f)->xShmBarrier(real_of(f));
}
int shm_unmap(sqlite3_file* f, int remove) {
  return methods_of(f)->xShmUnmap(real_of(f), remove);
}

const sqlite3_io_methods kMethods = {2,           close_file,  read_file,       write_file,  truncate_file,
                                     sync_file,   file_size,   lock_file,       unlock_file, check_lock,
                                     control,     sector_size, characteristics, shm_map,     shm_lock,
                                     shm_barrier, shm_unmap,   nullptr,         nullptr};

sqlite3_vfs* real_vfs = nullptr;
sqlite3_vfs failing_vfs;

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* f, int flags, int* out_flags) {
  auto* file = new (f) File{};
  file->real = reinterpret_cast<sqlite3_file*>(file + 1);
  int result_code = real_vfs->xOpen(real_vfs, name, file->real, flags, out_flags);
  file->base.pMethods = file->real->pMethods ? &kMethods : nullptr;
  return result_code;
}

}  // namespace

FailingVfs::FailingVfs() {
  real_vfs = sqlite3_vfs_find(nullptr);
  failing_vfs = *real_vfs;
  failing_vfs.zName = "failing";
  failing_vfs.pNext = nullptr;
  failing_vfs.szOsFile = static_cast<int>(sizeof(File)) + real_vfs->szOsFile;
  failing_vfs.xOpen = open_file;
  sqlite3_vfs_register(&failing_vfs, 1);
}

FailingVfs::~FailingVfs() {
  heal();
  sqlite3_vfs_unregister(&failing_vfs);
  sqlite3_vfs_register(real_vfs, 1);
}

void FailingVfs::arm(Fault fault, int call) {
  current_fault = fault;
  calls_left = call;
  failed = false;
  armed = true;
}

bool FailingVfs::heal() {
  armed = false;
  return failed.exchange(false);
}

}  // namespace penstock::store
