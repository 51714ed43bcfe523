// The text of elements in the small XML documents that S3, STS and their errors consist of. No DOM, no DTD, no
// namespaces: a scanner that finds an element by name, bounded in depth, and never reads past its input.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::aws {

// The text of the first element called `name` (without namespace prefix) below `path`, where `path` is a sequence of
// element names separated by '/', each found at any depth inside the one before: find_xml_text(body, "Error/Code").
// Entities are decoded; nested markup is left out. Empty when there is none or the document is malformed before it.
std::optional<std::string> find_xml_text(std::string_view document, std::string_view path);

// What stands between the tags of each element called `name` right below the first element of `path`, undecoded:
// list_xml_elements(body, "Stacks", "member"). For find_xml_text(). Empty when there is no such place.
std::vector<std::string_view> list_xml_elements(std::string_view document, std::string_view path,
                                                std::string_view name);

// The name of the root element, without prefix; empty when this is not XML.
std::string xml_root(std::string_view document);

// Escapes & < > " ' and drops what XML 1.0 cannot hold.
std::string escape_xml(std::string_view text);

}  // namespace penstock::aws
