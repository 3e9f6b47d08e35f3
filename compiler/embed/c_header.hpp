// A model's functions for C -> the header that declares and explains them.
//
// In: the order of members that codegen::Library has, and the programs' interfaces. Out: text that compiles
// as C89, C99 and C++.
#pragma once

#include <string>

#include "compiler/codegen/library.hpp"
#include "compiler/semantics/module.hpp"

namespace nodec::embed {

struct HeaderFacts {
  const semantics::Model& model;
  const codegen::Library& library;
  std::string prefix;     // of all names: the model's
  std::string processor;  // as it was asked for, and what it is
  std::string source;     // the `.node` file
  bool double_precision = true, needs_libm = false;
  int64_t samples = 0;  // LibraryOptions::samples
};
std::string c_header(const HeaderFacts& facts);

}  // namespace nodec::embed
