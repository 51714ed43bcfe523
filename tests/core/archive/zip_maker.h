// Zip archives made by hand, with whatever a hostile maker would put into their fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/archive/deflate.h"

namespace penstock::archive {

class ZipMaker {
 public:
  struct Item {
    std::string name, content = {};
    std::uint32_t mode = 0100644;
    unsigned maker = 3;  // Unix
    std::uint16_t flags = 0, method = 0;
    // What the headers say instead of the truth.
    std::optional<std::uint32_t> size = {}, compressed_size = {}, crc32 = {}, offset = {};
    std::optional<std::string> local_name = {};
  };

  static std::string number(std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
    return text;
  }
  static std::string deflated(std::string_view content) {
    std::string packed;
    StreamDeflater deflater(6, [&](std::string_view piece) { packed += piece; });
    deflater.write(content);
    deflater.finish();
    return packed;
  }

  ZipMaker& add(const Item& item) {
    const std::string packed = item.method == 8 ? deflated(item.content) : item.content;
    return add_packed(item, packed);
  }
  ZipMaker& file(const std::string& name, const std::string& content, std::uint32_t mode = 0100644) {
    return add({.name = name, .content = content, .mode = mode, .method = 8});
  }
  ZipMaker& folder(const std::string& name, std::uint32_t mode = 040755) { return add({.name = name, .mode = mode}); }
  ZipMaker& link(const std::string& name, const std::string& target) {
    return add({.name = name, .content = target, .mode = 0120777});
  }
  ZipMaker& add_packed(const Item& item, const std::string& packed) {
    const std::string sizes = number(item.crc32.value_or(update_crc32(0, item.content)), 4) +
                              number(item.compressed_size.value_or(static_cast<std::uint32_t>(packed.size())), 4) +
                              number(item.size.value_or(static_cast<std::uint32_t>(item.content.size())), 4);
    const std::string local_name = item.local_name.value_or(item.name);
    const std::size_t offset = item.offset.value_or(static_cast<std::uint32_t>(body_.size()));
    body_ += number(0x04034b50, 4) + number(20, 2) + number(item.flags, 2) + number(item.method, 2) + number(0, 4) +
             sizes + number(local_name.size(), 2) + number(0, 2) + local_name + packed;
    directory_ += number(0x02014b50, 4) + number(20, 1) + number(item.maker, 1) + number(20, 2) +
                  number(item.flags, 2) + number(item.method, 2) + number(0, 4) + sizes + number(item.name.size(), 2) +
                  number(0, 2) + number(0, 2) + number(0, 2) + number(0, 2) +
                  number(std::uint64_t{item.mode} << 16, 4) + number(offset, 4) + item.name;
    ++entries_;
    return *this;
  }
  std::size_t offset() const { return body_.size(); }

  std::string make(const std::string& comment = "") const {
    return body_ + directory_ + number(0x06054b50, 4) + number(0, 4) + number(entries_, 2) + number(entries_, 2) +
           number(directory_.size(), 4) + number(body_.size(), 4) + number(comment.size(), 2) + comment;
  }

 private:
  std::string body_, directory_;
  std::size_t entries_ = 0;
};

}  // namespace penstock::archive
