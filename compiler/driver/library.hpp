// The files of `compile --emit=obj,header,shared`.
#pragma once

#include <string>

#include "compiler/driver/arguments.hpp"

namespace nodec::driver {

// Whether --emit asks for files; says what is wrong with its value, "" when nothing is.
bool emits_files(const Arguments& arguments);
std::string check_emit(const std::string& value);

// Writes what --emit asks for beside --out; the exit status.
int compile_library(const Arguments& arguments, const Model& model);

// Replaces a file in one step; false after printing an error.
bool write_text(const Arguments& arguments, const std::string& file, const std::string& text);

}  // namespace nodec::driver
