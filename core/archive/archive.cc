#include "core/archive/archive.h"

#include <memory>
#include <optional>
#include <utility>

#include "core/archive/deflate.h"
#include "core/archive/output_file.h"
#include "core/archive/packer.h"
#include "core/archive/previous_archive.h"
#include "core/archive/spool.h"
#include "core/archive/zip_format.h"
#include "core/base/error.h"

namespace penstock::archive {
namespace {

// How much may be written before those who wait for it are told.
constexpr std::uint64_t kProgressBytes = 2u << 20;

// The archive as it grows, written from its beginning to its end and nowhere twice. Of one thread.
class ArchiveWriter {
 public:
  ArchiveWriter(const ContentReader& contents, PreviousArchive* previous, const WriteOptions& options)
      : contents_(contents),
        previous_(previous),
        options_(options),
        time_(options.modified),
        file_(options.output),
        directory_(options.output.parent_path()) {}

  void write(Work work) {
    switch (work.kind) {
      case Work::Kind::kWrite:
        write(work.packed);
        break;
      case Work::Kind::kTakeOver:
        take_over(work);
        break;
      case Work::Kind::kTakeOverFolder:
        take_over_folder(work);
        break;
    }
    tell_progress(kProgressBytes);
  }

  WriteResult finish() {
    const std::uint64_t directory_offset = file_.size();
    directory_.read([&](std::string_view piece) {
      result_.directory_crc32 = update_crc32(result_.directory_crc32, piece);
      file_.append(piece);
    });
    file_.append(end_of_central_directory(result_.entries, directory_.size(), directory_offset));
    result_.bytes = file_.size();
    tell_progress(1);
    file_.commit();
    return result_;
  }

 private:
  void add_to_directory(const ZipEntry& zip) {
    directory_.append(central_header(zip, time_));
    ++result_.entries;
  }

  void write(Packed& packed) {
    packed.entry.offset = file_.size();
    file_.append(local_header(packed.entry, time_));
    if (packed.spooled) {
      packed.spooled->read([&](std::string_view piece) {
        throw_if_stopped();
        file_.append(piece);
        tell_progress(kProgressBytes);
      });
    } else {
      file_.append(packed.data);
    }
    add_to_directory(packed.entry);
  }

  void take_over(const Work& work) {
    ZipEntry zip = work.packed.entry;
    zip.offset = file_.size();
    zip.mode = mode_of(work.entry.kind);  // the same bytes, perhaps with another mode
    bool header_written = false;
    const auto append = [&](std::string_view piece) {
      throw_if_stopped();
      if (!header_written) file_.append(local_header(zip, time_));
      header_written = true;
      file_.append(piece);
    };
    if (!previous_->copy(work.packed.entry, append)) {
      // Damaged: made again.
      if (!packer_) packer_.emplace(contents_, options_.compression, options_.output.parent_path());
      Packed packed = packer_->pack(work.entry, contents_.size(work.entry), options_.stop);
      return write(packed);
    }
    append({});  // of an empty one
    add_to_directory(zip);
    ++result_.reused_entries;
  }

  void take_over_folder(const Work& work) {
    const auto append = [&](std::string_view bytes) {
      throw_if_stopped();
      file_.append(bytes);
      tell_progress(kProgressBytes);
    };
    const auto add = [&](const ZipEntry& zip) {
      add_to_directory(zip);
      ++result_.reused_entries;
    };
    if (!previous_->copy_folder(work.folder, options_.compression, time_, file_.size(), append, add))
      throw previous_unusable(work.entry.path);
  }

  void throw_if_stopped() const {
    if (options_.stop.stop_requested()) throw Error(ErrorKind::kCancelled, "archiving: asked to stop");
  }

  void tell_progress(std::uint64_t at_least) {
    if (!options_.on_progress || file_.size() - told_bytes_ < at_least) return;
    file_.flush();
    told_bytes_ = file_.size();
    options_.on_progress(file_.temporary_path(), told_bytes_);
  }

  const ContentReader& contents_;
  PreviousArchive* const previous_;
  const WriteOptions& options_;
  const ZipTime time_;
  OutputFile file_;
  Spool directory_;
  std::optional<EntryPacker> packer_;
  std::uint64_t told_bytes_ = 0;
  WriteResult result_;
};

}  // namespace

WriteResult write_archive(const EntrySource& next, const ContentReader& contents, const WriteOptions& options) {
  std::unique_ptr<PreviousArchive> previous;
  if (!options.previous.empty()) previous = PreviousArchive::open(options.previous, options.previous_directory_crc32);
  ArchiveWriter writer(contents, previous.get(), options);
  Packer packer(next, contents, previous.get(), options);
  while (std::optional<Work> work = packer.next()) {
    if (options.stop.stop_requested()) throw Error(ErrorKind::kCancelled, "archiving: asked to stop");
    writer.write(std::move(*work));
  }
  return writer.finish();
}

}  // namespace penstock::archive
