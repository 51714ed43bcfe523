// The files that the pages load. They are part of the program; their names hold their content's hash, so that a browser
// may keep them for ever.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace penstock::server::pages {

struct Asset {
  std::string_view name;  // "penstock-0a1b2c3d.css"
  std::string_view content_type;
  std::string_view etag;                 // with its quotes
  std::string_view content, compressed;  // gzip; empty when it would save nothing
};

// As it was written: "penstock.css".
const Asset& asset(std::string_view file_name);
// "/assets/penstock-0a1b2c3d.css"
std::string asset_path(std::string_view file_name);
// By the name with the hash.
const Asset* find_asset(std::string_view name) noexcept;

// Made by cmake/EmbedAssets.cmake.
struct EmbeddedAsset {
  std::string_view file_name;
  Asset asset;
};
std::span<const EmbeddedAsset> embedded_assets() noexcept;

}  // namespace penstock::server::pages
