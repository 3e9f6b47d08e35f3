// The form of a model's machine code: what it is made for, what a vector register holds, and how much of it a
// tile takes.
#pragma once

#include <cstdint>
#include <string>

#include "compiler/codegen/target.hpp"
#include "compiler/embed/include/nodec/nodec.hpp"
#include "compiler/semantics/module.hpp"

namespace nodec::embed {

struct FormChoice {
  int lanes;  // samples a tile; 1 is the features form: registers hold elements of one sample
  std::string why;

  Form form() const { return lanes == 1 ? Form::features : Form::lanes; }
};
const char* name_of(Form form);

// What machine code is made for, by Options::processor; or why that cannot be.
struct ChosenTarget {
  codegen::Target target;
  std::string problem;
};
ChosenTarget target_of(const Options& options);

// By the number of samples that one call runs and the cost of the model's fields, unless the caller has
// chosen. vector_bits: of the registers that the code is made for; 0: those of the options' processor.
FormChoice choose_form(const semantics::Model& model, const Options& options, int64_t rows,
                       int vector_bits = 0);

}  // namespace nodec::embed
