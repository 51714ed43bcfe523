#include "tests/core/store/failing_vfs.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <random>
#include <set>
#include <string>
#include <utility>

#include <sqlite3.h>

namespace penstock::store {

const FailingVfs::Fault FailingVfs::kDiskFull{Call::kWrite, SQLITE_FULL, ENOSPC};
const FailingVfs::Fault FailingVfs::kWriteError{Call::kWrite, SQLITE_IOERR_WRITE, EIO};
const FailingVfs::Fault FailingVfs::kReadOnly{Call::kWrite, SQLITE_IOERR_WRITE, EROFS};
const FailingVfs::Fault FailingVfs::kSyncError{Call::kSync, SQLITE_IOERR_FSYNC, EIO};

namespace {

constexpr sqlite3_int64 kBlock = 4096;

// What is on the disk, of one file.
struct Platter {
  std::string synced;
  std::set<sqlite3_int64> dirty;  // blocks that are only in memory
};

struct Disk {
  std::mutex mutex;  // guards the rest
  std::optional<FailingVfs::Fault> fault;
  int calls_left = 0;
  bool failed = false;
  std::optional<std::uint64_t> capacity;
  std::map<std::string, std::uint64_t> sizes;
  bool remembers = false;
  std::map<std::string, Platter> platters;
};
Disk* disk = nullptr;
thread_local int last_errno = 0;

// The result code with which this call is to fail; SQLITE_OK = not at all.
int strike(FailingVfs::Call call, FailingVfs::Where where = FailingVfs::Where::kAnywhere) {
  std::lock_guard lock(disk->mutex);
  if (!disk->fault || disk->fault->call != call) return SQLITE_OK;
  if (disk->fault->where != FailingVfs::Where::kAnywhere && disk->fault->where != where) return SQLITE_OK;
  if (--disk->calls_left > 0) return SQLITE_OK;
  disk->failed = true;
  last_errno = disk->fault->system_errno;
  int result_code = disk->fault->result_code;
  if (disk->fault->lasts == FailingVfs::Lasts::kOnce) disk->fault.reset();
  return result_code;
}

struct File {
  sqlite3_file base;
  sqlite3_file* real;       // behind this
  const std::string* name;  // of a database or log; null for what is gone with its connection
};

File* file_of(sqlite3_file* file) {
  return reinterpret_cast<File*>(file);
}
sqlite3_file* real_of(sqlite3_file* file) {
  return file_of(file)->real;
}
const sqlite3_io_methods* methods_of(sqlite3_file* file) {
  return real_of(file)->pMethods;
}

FailingVfs::Where where_of(sqlite3_file* f) {
  if (!file_of(f)->name) return FailingVfs::Where::kAnywhere;
  return file_of(f)->name->ends_with("-wal") ? FailingVfs::Where::kLog : FailingVfs::Where::kDatabase;
}

void note_written(sqlite3_file* f, int n, sqlite3_int64 at) {
  if (!file_of(f)->name) return;
  std::lock_guard lock(disk->mutex);
  std::uint64_t& size = disk->sizes[*file_of(f)->name];
  size = std::max(size, static_cast<std::uint64_t>(at + n));
  if (!disk->remembers) return;
  Platter& platter = disk->platters[*file_of(f)->name];
  for (sqlite3_int64 block = at / kBlock; block * kBlock < at + n; ++block) platter.dirty.insert(block);
}

bool fits(sqlite3_file* f, int n, sqlite3_int64 at) {
  if (!file_of(f)->name) return true;
  std::lock_guard lock(disk->mutex);
  if (!disk->capacity) return true;
  std::uint64_t total = 0;
  for (const auto& [name, size] : disk->sizes) total += size;
  std::uint64_t size = disk->sizes[*file_of(f)->name];
  std::uint64_t end = static_cast<std::uint64_t>(at + n);
  return end <= size || total + (end - size) <= *disk->capacity;
}

int close_file(sqlite3_file* f) {
  return methods_of(f)->xClose(real_of(f));
}
int read_file(sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
  if (int result_code = strike(FailingVfs::Call::kRead, where_of(f))) return result_code;
  return methods_of(f)->xRead(real_of(f), to, n, at);
}
int write_file(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
  int result_code = strike(FailingVfs::Call::kWrite, where_of(f));
  if (result_code == SQLITE_OK && !fits(f, n, at)) {
    last_errno = ENOSPC;
    return SQLITE_FULL;
  }
  // As a disk that fills up does: a part still fits.
  int written = result_code == SQLITE_OK ? n : n / 2;
  int real_result = methods_of(f)->xWrite(real_of(f), from, written, at);
  note_written(f, written, at);
  return result_code == SQLITE_OK ? real_result : result_code;
}
int truncate_file(sqlite3_file* f, sqlite3_int64 size) {
  if (int result_code = strike(FailingVfs::Call::kTruncate, where_of(f))) return result_code;
  if (file_of(f)->name) {
    std::lock_guard lock(disk->mutex);
    disk->sizes[*file_of(f)->name] = static_cast<std::uint64_t>(size);
  }
  return methods_of(f)->xTruncate(real_of(f), size);
}

int sync_file(sqlite3_file* f, int) {
  int result_code = strike(FailingVfs::Call::kSync, where_of(f));
  if (!file_of(f)->name) return result_code;
  std::lock_guard lock(disk->mutex);
  if (!disk->remembers) return result_code;
  Platter& platter = disk->platters[*file_of(f)->name];
  if (result_code == SQLITE_OK) {
    sqlite3_int64 size = 0;
    methods_of(f)->xFileSize(real_of(f), &size);
    platter.synced.resize(static_cast<std::size_t>(size));
    for (sqlite3_int64 block : platter.dirty) {
      if (block * kBlock >= size) continue;
      auto length = static_cast<int>(std::min(kBlock, size - block * kBlock));
      methods_of(f)->xRead(real_of(f), platter.synced.data() + block * kBlock, length, block * kBlock);
    }
  }
  platter.dirty.clear();
  return result_code;
}

int file_size(sqlite3_file* f, sqlite3_int64* size) {
  return methods_of(f)->xFileSize(real_of(f), size);
}
int lock_file(sqlite3_file* f, int level) {
  if (int result_code = strike(FailingVfs::Call::kLock)) return result_code;
  return methods_of(f)->xLock(real_of(f), level);
}
int unlock_file(sqlite3_file* f, int level) {
  return methods_of(f)->xUnlock(real_of(f), level);
}
int check_lock(sqlite3_file* f, int* result) {
  return methods_of(f)->xCheckReservedLock(real_of(f), result);
}
int control(sqlite3_file* f, int op, void* argument) {
  if (op == SQLITE_FCNTL_LAST_ERRNO && last_errno) {
    *static_cast<int*>(argument) = last_errno;
    return SQLITE_OK;
  }
  return methods_of(f)->xFileControl(real_of(f), op, argument);
}
int sector_size(sqlite3_file* f) {
  return methods_of(f)->xSectorSize(real_of(f));
}
int characteristics(sqlite3_file* f) {
  return methods_of(f)->xDeviceCharacteristics(real_of(f));
}
int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** to) {
  if (int result_code = strike(FailingVfs::Call::kSharedMemory)) {
    *to = nullptr;
    return result_code;
  }
  return methods_of(f)->xShmMap(real_of(f), page, size, extend, to);
}
int shm_lock(sqlite3_file* f, int at, int n, int flags) {
  if (flags & SQLITE_SHM_LOCK)
    if (int result_code = strike(FailingVfs::Call::kLock)) return result_code;
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

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* f, int flags, int* out_flags) {
  auto* file = new (f) File{};
  if (int result_code = strike(FailingVfs::Call::kOpen)) return result_code;
  file->real = reinterpret_cast<sqlite3_file*>(file + 1);
  int result_code = real_vfs->xOpen(real_vfs, name, file->real, flags, out_flags);
  file->base.pMethods = file->real->pMethods ? &kMethods : nullptr;
  if (result_code == SQLITE_OK && name && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL))) {
    std::lock_guard lock(disk->mutex);
    std::error_code ignored;
    auto size = std::filesystem::file_size(name, ignored);
    auto entry = disk->sizes.insert_or_assign(name, ignored ? 0 : size).first;
    file->name = &entry->first;
    // What is there before is taken for synced.
    if (disk->remembers && !disk->platters.contains(name)) disk->platters[name].synced = content_of(name);
  }
  return result_code;
}

int delete_file(sqlite3_vfs*, const char* name, int sync_directory) {
  if (int result_code = strike(FailingVfs::Call::kDelete)) return result_code;
  {
    std::lock_guard lock(disk->mutex);
    if (auto size = disk->sizes.find(name); size != disk->sizes.end()) size->second = 0;
    disk->platters.erase(name);
  }
  return real_vfs->xDelete(real_vfs, name, sync_directory);
}

int get_last_error(sqlite3_vfs*, int, char*) {
  return last_errno ? last_errno : errno;  // asked for more than once
}

}  // namespace

FailingVfs::FailingVfs() {
  disk = new Disk;
  real_vfs = sqlite3_vfs_find(nullptr);
  failing_vfs = *real_vfs;
  failing_vfs.zName = "failing";
  failing_vfs.pNext = nullptr;
  failing_vfs.szOsFile = static_cast<int>(sizeof(File)) + real_vfs->szOsFile;
  failing_vfs.xOpen = open_file;
  failing_vfs.xDelete = delete_file;
  failing_vfs.xGetLastError = get_last_error;
  sqlite3_vfs_register(&failing_vfs, 1);
}

FailingVfs::~FailingVfs() {
  sqlite3_vfs_unregister(&failing_vfs);
  sqlite3_vfs_register(real_vfs, 1);
  delete disk;
  disk = nullptr;
}

void FailingVfs::arm(const Fault& fault, int nth) {
  std::lock_guard lock(disk->mutex);
  disk->fault = fault;
  disk->calls_left = nth;
  disk->failed = false;
}

bool FailingVfs::heal() {
  std::lock_guard lock(disk->mutex);
  disk->fault.reset();
  return std::exchange(disk->failed, false);
}

void FailingVfs::set_capacity(std::optional<std::uint64_t> bytes) {
  std::lock_guard lock(disk->mutex);
  disk->capacity = bytes;
}

void FailingVfs::remember_syncs() {
  std::lock_guard lock(disk->mutex);
  disk->remembers = true;
}

void FailingVfs::copy_as_after_power_loss(const std::filesystem::path& from, const std::filesystem::path& to,
                                          Unsynced unsynced, unsigned seed) const {
  std::lock_guard lock(disk->mutex);
  std::mt19937 random(seed);
  for (const auto& [name, platter] : disk->platters) {
    if (std::filesystem::path(name).parent_path() != from) continue;
    std::string left = platter.synced;
    if (unsynced == Unsynced::kSome) {
      const std::string seen = content_of(name);
      for (sqlite3_int64 block : platter.dirty) {
        auto at = static_cast<std::size_t>(block * kBlock);
        if (random() % 2 || at >= seen.size()) continue;
        std::size_t length = std::min(static_cast<std::size_t>(kBlock), seen.size() - at);
        if (left.size() < at + length) left.resize(at + length);
        left.replace(at, length, seen, at, length);
      }
    }
    std::ofstream(to / std::filesystem::path(name).filename(), std::ios::binary | std::ios::trunc) << left;
  }
}

}  // namespace penstock::store
