// A session with its values: what was declared, parameters that were fitted or set, data, settings -> models
// that are ready to run, and the values of expressions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/driver/arguments.hpp"
#include "compiler/driver/repl/data.hpp"
#include "compiler/driver/repl/session.hpp"

namespace nodec::driver {

struct Workspace {
  Session session;
  Arrays parameters;  // by path; others have their initial values
  DataSource data;
  Arguments arguments;
  int digits = 6;  // of the numbers that are shown
};

// A program, its messages among its diagnostics.
Program program_of(const Workspace& workspace, const std::vector<bool>& chosen);
Program program_of(const Workspace& workspace, const std::set<std::string>& names);

// The initial values, or what the workspace has in their place.
Result<Arrays> weights_of(const Workspace& workspace, const Model& model);

// An expression's value: of a tuple, one for each part.
struct Value {
  std::string type;
  Array array;
};
struct Ready {
  Program program;
  Model model;
  Dataset data;
  Arrays weights;
  size_t expressions;
};
// The expressions, whose texts the session holds, as results of one model. Their types are known then.
Result<Ready> prepare(const Workspace& workspace, const std::vector<syntax::ExprPtr>& expressions);
// The values of each. Warnings, and samples that failed, are among the diagnostics.
Result<std::vector<std::vector<Value>>> evaluate(const Ready& ready);
// The type of each, "(real, real[3])" for a tuple.
std::vector<std::string> types_of(const Ready& ready);

// Data of a model of the session: those of its file.
Result<Dataset> data_of(const Workspace& workspace, const Model& model);

}  // namespace nodec::driver
