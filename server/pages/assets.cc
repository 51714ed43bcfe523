#include "server/pages/assets.h"

#include "core/base/error.h"

namespace penstock::server::pages {

const Asset& asset(std::string_view file_name) {
  for (const EmbeddedAsset& embedded : embedded_assets()) {
    if (embedded.file_name == file_name) return embedded.asset;
  }
  throw Error(ErrorKind::kInternal, "a page asks for a file that is not embedded");
}

std::string asset_path(std::string_view file_name) {
  return "/assets/" + std::string(asset(file_name).name);
}

const Asset* find_asset(std::string_view name) noexcept {
  for (const EmbeddedAsset& embedded : embedded_assets()) {
    if (embedded.asset.name == name) return &embedded.asset;
  }
  return nullptr;
}

}  // namespace penstock::server::pages
