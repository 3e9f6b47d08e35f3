// A file's syntax -> warnings for what it names and never reads.
#pragma once

#include "compiler/source/diagnostics.hpp"
#include "compiler/syntax/ast.hpp"

namespace nodec::semantics {

// Lets, data, samples, parameters, inputs, consts, dims and instances of every body; at top level only where
// the file has a model: another file is there to be used. Names that begin with '_' are meant to be unused.
void warn_of_unused_names(const syntax::File& file, source::Diagnostics& diagnostics);

}  // namespace nodec::semantics
