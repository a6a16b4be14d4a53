#pragma once

#include <string>
#include <string_view>

namespace ringfold {

/// JSON text that can stand in an HTML script element: <, >, & and the line separators that JavaScript once disliked
/// become \u escapes, which only strings can hold.
std::string escaped_json(std::string_view json);
/// For text between tags and in quoted attributes.
std::string escaped_html(std::string_view text);

/// The whole file: `title` and `json` in the template, with style and script in it. Its policy lets nothing run and
/// nothing be loaded but these two, by their hashes.
std::string report_page(std::string_view title, std::string_view json);

/// Bytes of a page without data.
size_t empty_page_bytes();

/// "sha256-..." of a policy, of the text of an inline element.
std::string policy_hash(std::string_view text);

}  // namespace ringfold
