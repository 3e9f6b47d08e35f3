// The text of a file to the same text in the canonical layout: what `nodec FILE fmt` writes.
//
// Never here: a change of anything but white space, of line breaks at the braces of blocks that span lines,
// and of semicolons that end nothing.
#pragma once

#include <optional>
#include <string>

#include "compiler/source/diagnostics.hpp"

namespace nodec::syntax {

// Nothing when the file has syntax errors, which are reported. The result has the file's tokens and comments
// (verified: a difference is thrown as std::logic_error), and formatting it again changes nothing.
std::optional<std::string> format(const source::Files& files, int32_t file, source::Diagnostics& diagnostics);

}  // namespace nodec::syntax
