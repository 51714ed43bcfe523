// Small lists and maps that are stored as JSON text in one column.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/records.h"

namespace penstock::store {

// Invalid UTF-8 is replaced. The decoders throw Error{kCorrupt}: only we write these columns.
std::string encode_map(const std::map<std::string, std::string>& map);
std::map<std::string, std::string> decode_map(std::string_view text);
std::string encode_phases(const std::map<std::string, double>& phases);
std::map<std::string, double> decode_phases(std::string_view text);
std::string encode_ref_updates(const std::vector<RefUpdateRecord>& updates);
std::vector<RefUpdateRecord> decode_ref_updates(std::string_view text);
std::string encode_integers(const std::vector<std::int64_t>& values);
std::vector<std::int64_t> decode_integers(std::string_view text);

}  // namespace penstock::store
