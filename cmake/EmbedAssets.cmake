# penstock_embed_assets(OUTPUT FILE…): writes a C++ file with the contents of files, plain and compressed, and the
# names with the hash of the content. When CMake configures; a change of a file configures anew.
function(penstock_embed_assets output)
  set(types_css "text/css; charset=utf-8")
  set(types_js "text/javascript; charset=utf-8")
  set(types_svg "image/svg+xml")
  set(arrays "")
  set(entries "")
  set(number 0)
  foreach(file IN LISTS ARGN)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    get_filename_component(name ${file} NAME)
    get_filename_component(stem ${file} NAME_WE)
    get_filename_component(extension ${file} LAST_EXT)
    string(SUBSTRING ${extension} 1 -1 extension)
    file(SHA256 ${file} hash)
    string(SUBSTRING ${hash} 0 16 hash)
    set(packed ${CMAKE_CURRENT_BINARY_DIR}/${name}.gz)
    # Without the file's time, so that the same content is the same program.
    file(ARCHIVE_CREATE OUTPUT ${packed} PATHS ${file} FORMAT raw COMPRESSION GZip COMPRESSION_LEVEL 9 MTIME "2020-01-01 UTC")
    foreach(kind IN ITEMS plain packed)
      if(kind STREQUAL "plain")
        file(READ ${file} hex HEX)
      else()
        file(READ ${packed} hex HEX)
      endif()
      string(LENGTH "${hex}" digits)
      math(EXPR size_${kind} "${digits} / 2")
      string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" hex "${hex}")
      # Pieces, as compilers bound the length of a literal's line.
      string(REGEX REPLACE "((\\\\x[0-9a-f][0-9a-f]){100})" "\\1\"\n    \"" hex "${hex}")
      string(APPEND arrays "constexpr char k_${kind}_${number}[] =\n    \"${hex}\";\n")
    endforeach()
    set(compressed "{}")
    if(size_packed LESS size_plain)
      set(compressed "{k_packed_${number}, ${size_packed}}")
    endif()
    string(APPEND entries "    EmbeddedAsset{.file_name = \"${name}\", .asset = {.name = \"${stem}-${hash}.${extension}\", "
      ".content_type = \"${types_${extension}}\", .etag = \"\\\"${hash}\\\"\", .content = {k_plain_${number}, ${size_plain}}, "
      ".compressed = ${compressed}}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT [[// Made by cmake/EmbedAssets.cmake.
#include <array>

#include "server/pages/assets.h"

namespace penstock::server::pages {
namespace {

@arrays@
constexpr std::array kAssets = {
@entries@};

}  // namespace

std::span<const EmbeddedAsset> embedded_assets() noexcept {
  return kAssets;
}

}  // namespace penstock::server::pages
]])
endfunction()
