// What a `.node` file means: models and fields as graphs, and what the runtime has to know about them.
//
// In: ASTs. Out: a Module, or diagnostics. Never here: machine code, files of data, numbers of a run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/graph/graph.hpp"
#include "compiler/source/diagnostics.hpp"
#include "compiler/syntax/ast.hpp"

namespace nodec::semantics {

using graph::Extent;
using graph::Ref;
using graph::Type;
using source::Span;

struct DataDecl {
  std::string name;
  Type type;  // real or integer
  // Integers: allowed range [lo, hi), as expressions of lengths.
  std::optional<std::pair<Extent, Extent>> bounds;
  Span span;
  bool constant = false;  // a `const` without value: one for all samples
  bool missing = false;   // entries may be missing (NaN): the model asks which are `observed`
};

// How a parameter starts.
struct Initializer {
  enum class Kind {
    value,
    normal,
    uniform,
    glorot_uniform,
    glorot_normal,
    kaiming_uniform,
    orthogonal
  } kind = Kind::value;
  Ref value = nullptr;  // Kind::value: a constant-base expression of the parameter's type
  double a = 0, b = 1;  // normal: mean, standard deviation; uniform: bounds
};
// A parameter in an open interval is trained through an unconstrained variable (runtime/constraint.hpp).
struct Interval {
  double lo, hi;  // either may be infinite
};
struct ParameterDecl {
  std::string path;         // flow.net.hidden.0.W
  std::string source_path;  // flow.net.hidden[0].W
  Type type;                // constant extents only
  Initializer initializer;
  std::optional<Interval> interval;
  Span span;
};
// Streams of noise from here on belong to estimates of traces, those below to samples.
constexpr int first_estimate = 1 << 16;
struct SampleDecl {
  std::string name;
  int stream;  // of the graph's random node
  graph::Distribution distribution;
  Type type;  // of the standard noise
  Span span;
};
struct OptimizerSpec {
  std::string path;  // the group of parameters (a path or the beginning of one), "" for the rest
  std::string name;  // adam
  std::map<std::string, Ref> options;  // real scalars over the settings `step`, `epoch`
  Span span;
};
struct TrainSpec {
  std::vector<OptimizerSpec> optimizers;
  std::map<std::string, Ref> options;  // batch, epochs, steps, clip, patience: real scalars
  std::vector<std::string> freeze;     // paths or beginnings of paths
  Span span;
};
struct SolveUse {
  Ref node;  // of kind solve
  std::string field, method;
  Span span;
};

// A constant index or slice of an array whose extent is a length: the lengths that the data bind must leave
// room for it.
struct LengthRequirement {
  Extent slack;       // ≥ 0 where it fits
  std::string index;  // as the text has it
  Extent extent;      // of the axis
  Span span;
};

struct Model {
  std::string name;
  std::vector<DataDecl> data;
  std::vector<ParameterDecl>
      parameters;  // those that outputs, metrics or the loss read, in order of declaration
  std::vector<SampleDecl> samples;
  std::vector<graph::Output> outputs;  // sample or lower base
  std::vector<graph::Output>
      metrics;         // parameter base: batch_sum has been applied, the setting `batch` divides
  Ref loss = nullptr;  // of one sample: a real scalar; null when the model has none
  std::optional<TrainSpec> train;
  std::vector<SolveUse> solves;      // in order of the text
  std::vector<std::string> lengths;  // atoms that the data bind, in order of declaration
  std::vector<LengthRequirement> requirements;
  Span span, text;  // of its name; of all that it says
};

struct Variable {
  std::string name;
  Type type;
  Ref default_value = nullptr;  // constant or parameter base; null when there is none
  Span span;
  std::string place;  // "file:line" of a state's equation
};
struct Field {
  std::string name;
  std::vector<Variable> states, inputs;
  // The right-hand side over open variables: t, states, inputs.
  std::vector<Ref> variables, derivatives;
  std::vector<ParameterDecl> parameters;  // those that it reads
  Span span;
  std::string place;
};

struct Module {
  graph::Graph graph;
  std::vector<Model> models;
  std::vector<Field> fields;              // instances, not templates
  std::vector<ParameterDecl> parameters;  // all, whoever reads them
};

// How many steps an elaboration takes before it is refused; of nodes it makes a tenth as many. A text of a
// few lines can ask for more than any machine has.
constexpr int64_t default_work = 1'000'000;

// What overrides the text.
struct Options {
  std::map<std::string, int64_t> dims;   // -D
  std::map<std::string, double> consts;  // -D of a const
  std::set<std::string> shared_data;     // data arrays without a sample axis
  std::string method, adjoint;           // "" keeps the model's
  std::optional<double> rtol, atol;
  bool double_precision = true;  // of the run: what tolerances can ask for
  bool remarks = false;          // report those too
  // Of the model of this name outputs are what they are, ints and conditions too, and a tuple is an output
  // NAME.0, NAME.1, … for each part: what a prompt shows.
  std::string any_output;
  int64_t work = default_work;
};

// Where `use` finds files: the text of a file, or nothing. `path` is what stands in the text, resolved
// against the importing file's folder; the stdlib is built in.
using Reader = std::function<std::optional<std::string>(const std::string& path)>;

// The text of a stdlib file by name (nn, prob, flows, tableaux); empty when there is none.
std::string_view stdlib_text(std::string_view name);

// Elaborates a file and what it uses. Null when errors were reported. Its declarations may come from several
// texts of `files`.
std::unique_ptr<Module> elaborate(const syntax::File& file, const Options& options, const Reader& reader,
                                  source::Files& files, source::Diagnostics& diagnostics);

// The model behind `nodec FILE solve FIELD`: data are the field's states and inputs (defaults applied to
// those not in `given`), `t0` and `t: real[T]`; outputs are the states by name at `t`.
std::optional<Model> solve_model(Module& module, const Field& field, const std::set<std::string>& given,
                                 const Options& options, source::Files& files,
                                 source::Diagnostics& diagnostics);

}  // namespace nodec::semantics
