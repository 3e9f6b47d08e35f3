// Machine code kept on disk between runs: a folder of object files by fingerprint.
//
// Files appear in one step, so that any number of processes may share a folder. A damaged file counts as
// absent. A folder or file that another user could have written is never read. The least recently used files
// go when a folder grows beyond 256 MiB. Errors are never fatal: without a cache, everything is compiled.
#pragma once

#include <optional>
#include <string>

#include "compiler/jit/jit.hpp"

namespace nodec::embed {

std::optional<jit::Object> kept_object(const std::string& folder, const std::string& fingerprint,
                                       const codegen::Target& target);
void keep_object(const std::string& folder, const std::string& fingerprint, const jit::Object& object);

}  // namespace nodec::embed
