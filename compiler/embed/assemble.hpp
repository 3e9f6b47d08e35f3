// Declarations of several texts -> a program, for who keeps declarations rather than files: the prompt.
#pragma once

#include <memory>

#include "compiler/embed/state.hpp"

namespace nodec::embed {

// The program of the declarations of `tree`, whose places are in `files`. Outputs of the model `any_output`
// may be of any type, also tuples (semantics::Options::any_output).
Program assemble(source::Files files, std::shared_ptr<const syntax::File> tree, const Options& options,
                 const std::string& any_output);

// All that the program declares as parameters, as those of a model without anything else.
Model all_parameters(const Program& program);

}  // namespace nodec::embed
