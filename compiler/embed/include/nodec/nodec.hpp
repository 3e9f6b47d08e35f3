// nodec's C++ interface: check a `.node` file, compile its models, evaluate, differentiate and train them.
//
//   auto program = nodec::Program::from_file("spiral.node");
//   auto model = program.model("fit");
//   auto data = model->read("spiral.npz");
//   auto gradient = model->gradient(*data, *model->initial_weights());
//
// Programs and models are handles to immutable state: cheap to copy, safe to use from many threads. Machine
// code is made when an operation first needs it and kept. Failures are values (Result); samples that fail are
// listed in the report. What runs a thousand times a second is prepared first: solver.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "nodec/array.hpp"
#include "nodec/diagnostic.hpp"
#include "nodec/optimizer.hpp"
#include "nodec/solver.hpp"
#include "nodec/trajectory.hpp"

namespace nodec {

const char* version();
// The folder that the command line uses: nodec under $XDG_CACHE_HOME or ~/.cache; "" when neither is known.
std::string default_cache();

enum class Precision { f32, f64 };
// What a vector register holds: samples, or the elements of one sample. A sample's results never depend on
// the others; between the forms they agree to rounding.
enum class Form { automatic, lanes, features };

// What a caller may override without touching the text.
struct Options {
  std::map<std::string, int64_t> dims;      // -D H=128
  std::map<std::string, double> constants;  // -D of a const
  // Of every solve; "" and nothing keep the model's: "dop853", or with options "rk4(steps = 100)";
  // "checkpoint" or "backsolve"; tolerances of adaptive methods.
  std::string method, adjoint;
  std::optional<double> rtol, atol;
  Precision precision = Precision::f64;
  // What machine code is made for: "native", this processor; or another by LLVM's name ("x86-64-v3") whose
  // instructions this one has, so that all that have them compute the same bits.
  std::string processor = "native";
  Form form = Form::automatic;  // by the number of samples and what the fields cost
  int threads = 0;              // 0: one for each core
  uint64_t seed = 0;            // of initial values, noise and shuffling
  bool remarks = false;         // also say what the compiler decides, and what costs more than it looks
  // A folder of machine code to reuse and to add to, private to its user; "": none. Programs may share it.
  std::string cache;
  // Where samples take different numbers of steps, those that are done make room for others. Off: every
  // sample stays where it is, which gives the same bits, gradients of parameters up to rounding.
  bool pooled = true;
};

// A named quantity of a model: its type as text ("real[T, 2]") and its shape, −1 where data give the extent.
struct Description {
  std::string name, type;
  std::vector<int64_t> shape;
};

struct TimedStage {
  std::string name;
  double milliseconds;
};

// What compiling found and cost.
struct CompileReport {
  std::string model, precision, target;
  std::string form, form_reason;  // lanes or features, for a batch of 1024
  int lanes = 0;                  // samples a tile
  std::vector<Description> data, parameters, outputs, metrics;
  int64_t parameter_count = 0;
  struct Field {
    std::string name;
    std::vector<Description> states;
    // Multiply–adds of products and elementwise operations of one evaluation.
    int64_t field_multiply_adds = 0, field_operations = 0;
    int64_t vjp_multiply_adds = 0, vjp_operations = 0;
    std::string method, adjoint;
  };
  std::vector<Field> fields;  // one for each solve, in order of the text
  // One function is compiled: the gradient where there is a loss, else the outputs. The other one's is 0.
  int64_t forward_code_bytes = 0, gradient_code_bytes = 0;
  // Working memory of the compiled function a sample, without step records; lengths that data give count
  // as 1.
  int64_t bytes_per_sample = 0;
  // What the gradients of the solves keep of each accepted step of a sample.
  int64_t record_bytes_per_step = 0;
  // What they keep besides, the stages' states and activations, while a thread's share of the cache holds it;
  // of other steps it is computed anew.
  int64_t kept_bytes_per_step = 0;
  std::vector<TimedStage> stages;
  double total_milliseconds = 0;
};

// What is derived of the fields of a model, as mathematics.
struct DerivationReport {
  struct Counts {
    int64_t multiply_adds = 0, operations = 0;
  };
  // Of each evaluation, each sample and each update of the parameters; lengths that data give count as 1.
  struct Cost {
    Counts evaluation, sample, update;
  };
  struct Field {
    std::string name;
    std::vector<Description> states;
    // trace: what it adds to the field. vjp: the products with the cotangents of all states, with what they
    // need of the field. adjoint: the field and these products.
    Cost field, trace, vjp, adjoint;
    int64_t naive_trace_multiply_adds = 0;  // what a product with the Jacobian for each state element adds
    // UTF-8 text, lines of at most 100 columns; LaTeX for amsmath and amssymb.
    std::string jacobian, text, latex;
  };
  std::string model;  // "" where the file has none
  std::vector<Field> fields;
};

// A failed sample (the first failure of each).
struct SampleFailure {
  int64_t sample;
  std::string text;  // sample, time, state, equation and a likely cause, in one line
};
// Per sample, for one solve of the text.
struct SolveStatistics {
  std::string field, method;
  std::vector<int64_t> evaluations, accepted, rejected;
};

struct Evaluation {
  Arrays outputs;              // with a leading sample axis when the data have one
  std::optional<double> loss;  // the mean over samples
  std::vector<std::pair<std::string, double>> metrics;
  std::vector<SolveStatistics> solves;
  std::vector<SampleFailure> failures;
};

struct Trajectories {
  std::vector<Trajectory> samples;  // of all; one that failed has no times
  std::vector<SampleFailure> failures;
};

struct Gradient {
  double loss = 0;
  Arrays parameters, data;  // by path and by name, of the mean loss
  std::vector<SolveStatistics> solves;
  std::vector<SampleFailure> failures;
};

struct GradientCheck {
  struct Row {
    std::string name;       // param:PATH or data:NAME
    int64_t checked, size;  // elements compared, elements in all
    double error;           // max |analytic − difference| / max(|analytic|, |difference|) over the array
    double analytic, difference;  // of the worst element
    int64_t worst;                // its index
  };
  std::vector<Row> rows;
  double worst = 0;
  std::vector<SampleFailure> failures;
};

// Data bound to a model: checked, in the layout that compiled code reads.
class Dataset {
 public:
  int64_t samples() const;
  bool has_sample_axis() const;
  // What one sample reads of a datum, as long as the sample is; an empty array for a name that is not bound.
  Array values(const std::string& name, int64_t sample) const;
  struct State;
  std::shared_ptr<const State> state;
};

struct TrainOptions {
  std::optional<int64_t> steps, epochs, batch;  // override the model's
  std::optional<Dataset> validation;            // of Model::train; watched by `patience`
  // Steps between validations (default: an epoch; in a run of so many steps, an epoch or 100 steps if that is
  // more).
  std::optional<int64_t> validation_interval;
  // A file that holds the state of the run, replaced every so many seconds and at the end; "" keeps none.
  std::string checkpoint;
  double checkpoint_seconds = 60;
  // Goes on from `checkpoint`, to the bits of an uninterrupted run; starts anew when there is no such file. A
  // checkpoint of another model, of other data or options is an error; more steps or epochs are not.
  bool resume = false;
  std::string log;  // a CSV file with a row for each step; "" keeps none
  std::function<void(const struct TrainProgress&)> progress;  // after every step
  std::function<bool()> cancelled;                            // asked before every step
};
// Of several models, a step is a step of each, and `loss` the sum of theirs.
struct TrainProgress {
  int64_t step, steps;  // done, planned
  int64_t epoch;
  double loss;  // of this step's batch
  std::vector<std::pair<std::string, double>> metrics;
  double seconds;  // since the start
  double gradient_norm;
  std::optional<double> validation_loss;  // of the last validation
  std::vector<std::pair<std::string, double>> validation_metrics;
};
struct Training {
  Arrays weights;  // with validation data those of the lowest validation loss, else the last
  Arrays last_weights;
  int64_t steps = 0;
  int64_t resumed_at = 0;                // the step of the checkpoint that it went on from
  double first_loss = 0, last_loss = 0;  // means over the first and last twentieth of the steps
  std::optional<double> best_validation_loss;
  int64_t best_step = 0;  // after which it was found
  double seconds = 0;     // of the whole run, what came before the checkpoint included
  bool cancelled = false;
  std::string finished;  // why it was over before the planned steps: patience, lbfgs; "" if it was not
  std::string stopped;   // why training ended early on a numerical failure, "" if it did not
  std::vector<SampleFailure> failures;
};

struct BenchOptions {
  int64_t batch = 0;   // samples of a run, drawn from the data in order and again from the first; 0: all
  double seconds = 1;  // about as long, beside compilation; at least three measurements are made
};
// What a model costs on data. Times are those of a run on prepared data, as in a training step without the
// optimizer.
struct Bench {
  std::string model, precision, target;
  std::string form;   // how a tile is laid out: "lanes" (a sample a lane)
  std::string clock;  // of one thread its processor time ("processor"), of several wall time ("wall")
  int64_t batch = 0;
  int threads = 0, lanes = 0;  // lanes: samples of a tile
  std::vector<std::pair<std::string, int64_t>> lengths;
  struct Time {
    double median = 0, least = 0;  // milliseconds
  };
  Time forward;  // outputs, metrics and loss
  std::optional<Time>
      gradient;              // loss, metrics and the gradient of the parameters (without any, of the data)
  int64_t measurements = 0;  // of each, those that the probes beside them found disturbed left out
  // Means per sample, of all solves together and of each.
  double evaluations = 0, accepted = 0, rejected = 0;
  struct Solve {
    std::string field, method;
    double evaluations = 0, accepted = 0, rejected = 0;
    // Multiply-adds of matrix products: of an evaluation of the field; of a product with its transposed
    // Jacobian, with what it needs of the field left out.
    int64_t field_multiply_adds = 0;
    std::optional<int64_t> vjp_multiply_adds;
  };
  std::vector<Solve> solves;
  double lane_efficiency = 1;  // evaluations of samples, of those that the lanes computed
  // Tiles between which running lanes move, forward and in the gradient; 1: each runs to its end alone.
  int group_tiles = 1, gradient_group_tiles = 1;
  // What the threads reach with multiply-adds in registers, measured before and after each run.
  double peak_gflops = 0;
  // What the mathematics asks for in matrix products, of a mean sample. Forward: the fields, at each
  // evaluation. Gradient: that, and for each accepted step a product with the transposed Jacobian at each
  // stage; not what is computed again. Nothing where the steps back are not those of the way there (adjoint
  // backsolve).
  double forward_multiply_adds = 0;
  std::optional<double> gradient_multiply_adds;
  // The shares of the peak that these are, a multiply-add being two operations.
  double forward_peak = 0;
  std::optional<double> gradient_peak;
  // Of the gradient, or of the outputs where there is no loss; cached: with machine code that was kept,
  // empty without a cache.
  std::vector<TimedStage> stages, stages_cached;
  double compile_milliseconds = 0, cached_milliseconds = 0;
  // Working memory, and what the steps of a mean sample leave for the gradient: what must be kept, and
  // what is kept where it is worth it.
  int64_t bytes_per_sample = 0;
  std::vector<SampleFailure> failures;
};

// What a model is made into for programs that run without nodec.
struct LibraryOptions {
  // Of a call: the form of code that suits so many. 0: any number, with the code of every form that runs of
  // the model would take, so that results are the same bits.
  int64_t samples = 0;
  std::vector<std::string> shared_data;  // one array for all samples
  std::string processor = "native";      // or a name of library_processors()
};
struct Library {
  std::string object;  // relocatable machine code, position independent, with no writable data
  std::string header;  // C: what it holds and how it is called
  bool needs_libm = false;
  int64_t code_bytes = 0;
  std::vector<TimedStage> stages;
};
std::vector<std::string> library_processors();

class Model {
 public:
  const std::string& name() const;
  std::vector<Description> data() const, parameters() const, outputs() const, metrics() const;
  bool has_loss() const;
  // The data that are the times of a solve.
  std::vector<std::string> times() const;

  // Initial parameters for Options::seed, by path. An error when an initial value lies outside its
  // parameter's interval.
  Result<Arrays> initial_weights() const;
  // Every parameter from `weights`: a missing one is an error, an extra one a warning.
  Result<Arrays> check_weights(const Arrays& weights) const;
  // `arrays` holds one array for each datum, with a leading sample axis or without (then shared by all
  // samples). `samples`: how many to draw when no array has a sample axis; 0: one, and results have no sample
  // axis either.
  Result<Dataset> bind(const Arrays& arrays, int64_t samples = 0) const;
  // The same from a file: .npz .npy .safetensors .csv; `columns` maps CSV columns to arrays ("y=hare,lynx").
  // "NAME=FILE,NAME=FILE" takes each array from a file of its own, .npy or IDX (also compressed by gzip). ""
  // binds nothing.
  Result<Dataset> read(const std::string& file, const std::vector<std::string>& columns = {},
                       int64_t samples = 0) const;

  // Data of the declared shapes from Options::seed, for measurements: reals are normal, the times of solves
  // in order within (0, 1], integers uniform in their ranges. Lengths are `default_length` where
  // Options::dims does not say.
  Result<Dataset> random_data(int64_t samples) const;
  static constexpr int64_t default_length = 16;

  // Where each parameter lies in a vector of all of them.
  std::vector<Slot> layout() const;
  // Arrays by path as such a vector, rounded to float if that is asked for; every parameter must be there.
  // And back.
  template <class Real>
  Result<std::vector<Real>> parameter_vector(const Arrays& weights) const;
  template <class Real>
  Result<Arrays> weights_of(std::span<const Real> parameters) const;

  // Makes ready what is to run many times a second. `Real` must be the precision of Options. Any thread may
  // call it at any time.
  template <class Real>
  Result<Solver<Real>> prepare(const PrepareOptions& options = {}) const;

  Result<CompileReport> compile(const std::vector<std::string>& shared_data = {}) const;
  // Functions MODEL_solve and, where there is a loss, MODEL_gradient, that C can call; `weights` come along
  // as constants.
  Result<Library> library(const Arrays& weights, const LibraryOptions& options = {}) const;
  // Text of a stage: graph adjoint tile llvm asm.
  Result<std::string> emit(const std::string& stage) const;

  Result<Evaluation> evaluate(const Dataset& data, const Arrays& weights) const;
  Result<Gradient> gradient(const Dataset& data, const Arrays& weights) const;
  // Of a model made by Program::integrate: the solutions from t0 to the last of t, as functions of time. What
  // else t holds does not matter. Solves twice: where steps end is known after the first time.
  Result<Trajectories> trajectories(const Dataset& data, const Arrays& weights) const;
  // Central differences that replay the recorded steps; at most `elements` of each array, chosen by the seed.
  Result<GradientCheck> check_gradient(const Dataset& data, const Arrays& weights,
                                       int64_t elements = 64) const;
  Result<Training> train(const Dataset& data, const Arrays& weights, const TrainOptions& options) const;
  Result<Bench> bench(const Dataset& data, const Arrays& weights, const BenchOptions& options = {}) const;

  struct State;
  std::shared_ptr<const State> state;
};

// One of the models that are trained together.
struct TrainPart {
  Model model;
  Dataset data;
  std::optional<Dataset> validation;
};
// Trains models of one program alternately: one step of each in turn, on the parameters that they share by
// path. A model whose steps are done sits out.
Result<Training> train(const std::vector<TrainPart>& parts, const Arrays& weights,
                       const TrainOptions& options);
// The parameters of all, each once.
Result<Arrays> initial_weights(const std::vector<Model>& models);
Result<Arrays> check_weights(const std::vector<Model>& models, const Arrays& weights);

// What a caller may name: constants are the dims and consts that Options replace, methods those of the file
// and those built in.
struct Names {
  std::vector<std::string> models, fields, constants, methods;
};

class Program {
 public:
  static Program from_file(const std::string& path, const Options& options = {});
  static Program from_text(const std::string& name, const std::string& text, const Options& options = {});
  bool ok() const;
  // Of all but what models say, if there are no errors: `model` brings the warnings of one.
  const std::vector<Diagnostic>& diagnostics() const;
  std::vector<std::string> models() const, fields() const;
  // Of a file that parses, also where its meaning is wrong.
  Names names() const;
  // The states and inputs of a field.
  std::vector<std::string> variables(const std::string& field) const;
  // The syntax tree as text.
  std::string syntax() const;
  // "" names the only or the first model.
  Result<Model> model(const std::string& name = "") const;
  // The model that integrates a field: its data are t0, t[T], the states, and those inputs that `given`
  // names; its outputs the states at t.
  Result<Model> integrate(const std::string& field, const std::vector<std::string>& given) const;
  // The fields that a model solves, each once; those of the file where it solves none, or there is no model.
  // all: no line of long derivations is left out.
  Result<DerivationReport> derive(const std::string& model = "", bool all = false) const;
  const std::vector<TimedStage>& stages() const;

  struct State;
  std::shared_ptr<const State> state;
};

// The text of a `.node` file in the canonical layout: the same tokens and comments. Fails on syntax errors;
// `name` is for their messages.
Result<std::string> format(const std::string& name, const std::string& text);

// Files of arrays: .npz .npy .safetensors.
Result<Arrays> read_arrays(const std::string& file);
// Atomic; the format follows the extension. Returns what went wrong, or nothing. For .csv: whether the
// arrays' first axis is the sample, and which arrays have an axis (the first after it) that becomes the rows;
// the others repeat in every row. Values are rounded to `precision`.
std::optional<Diagnostic> write_arrays(const std::string& file, const Arrays& arrays,
                                       bool sample_axis = false, const std::set<std::string>& rows = {},
                                       Precision precision = Precision::f64);

}  // namespace nodec
