// What every verb of `nodec` is given on the command line, and how its results and errors are printed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/embed/include/nodec/nodec.hpp"

namespace CLI {
class App;
}

namespace nodec::driver {

// What a command has said so far, for its --json report and its exit status.
struct Said {
  std::vector<Diagnostic> diagnostics;
  int status = 1;  // of what could not be loaded
};

struct Arguments {
  std::string file;
  // common
  std::string model, precision, method, adjoint, target = "cpu", form = "automatic";
  std::optional<double> rtol, atol;
  uint64_t seed = 0;
  int threads = 0;
  int64_t samples = 0;
  std::vector<std::string> definitions;
  bool json = false, quiet = false, time_passes = false, no_cache = false, remarks = false;
  // Samples make room for others that still run.
  bool pooled = true;
  std::shared_ptr<Said> said = std::make_shared<Said>();
  // data and weights
  std::string data, weights, out;
  std::vector<std::string> columns;
  // compile
  std::string emit, emit_after, processor = "native";
  std::vector<std::string> shared;
  // derive
  std::string notation = "text";
  bool all = false;
  // solve
  std::string field, picture;
  std::vector<std::string> sets;
  double from = 0, to = 1;
  std::optional<int64_t> points;
  // plot
  std::vector<std::string> grids;
  int64_t sample = 0;
  // fmt
  bool check = false, to_stdout = false;
  // gradcheck
  double tolerance = 1e-6;
  int64_t elements = 64;
  // train
  std::optional<int64_t> steps, epochs, batch, validation_interval;
  std::string validation, log, live;
  double checkpoint_seconds = 60;
  bool resume = false;
  // bench
  double seconds = 1;
};

// Says what is wrong with an option's value, "" when nothing is.
using OptionCheck = std::function<std::string(const std::string&)>;
enum class Sign { any, not_negative, positive };
OptionCheck whole_number(int64_t low, int64_t high);
OptionCheck any_seed();
OptionCheck finite_number(Sign sign);
OptionCheck not_empty();

// A verb: its name, one line of help, an example, the options it takes beyond the common ones, and what it
// does.
struct Verb {
  const char* name;
  const char* summary;
  const char* example;
  const char* default_precision;
  void (*options)(CLI::App&, Arguments&);
  int (*run)(const Arguments&);
};
// All verbs, in the order of the help.
const std::vector<Verb>& verbs();

int check(const Arguments& arguments);
int compile(const Arguments& arguments);
int derive(const Arguments& arguments);
int solve(const Arguments& arguments);
int evaluate(const Arguments& arguments);
int grad(const Arguments& arguments);
int gradcheck(const Arguments& arguments);
int train(const Arguments& arguments);
int bench(const Arguments& arguments);
int plot(const Arguments& arguments);
int initialize(const Arguments& arguments);
int format(const Arguments& arguments);
int repl(const Arguments& arguments);

// ---- shared by the verbs
// The options of the embedding interface; prints an error and returns nothing for a malformed one.
std::optional<Options> options_of(const Arguments& arguments);
// The checked program, its warnings printed; nothing after printing errors.
std::optional<Program> load(const Arguments& arguments);
std::optional<Model> load_model(const Arguments& arguments);
// Weights of --weights, or the initial ones.
std::optional<Arrays> load_weights(const Arguments& arguments, const Model& model);
std::optional<Dataset> load_data(const Arguments& arguments, const Model& model);
// All three.
struct Inputs {
  Model model;
  Arrays weights;
  Dataset data;
};
std::optional<Inputs> load_inputs(const Arguments& arguments);
// The same of a command that names several models by commas, `--model A,B`; `file` holds the data of all.
std::optional<std::vector<Model>> load_models(const Arguments& arguments);
std::optional<Arrays> load_weights(const Arguments& arguments, const std::vector<Model>& models);
std::optional<std::vector<Dataset>> load_data(const Arguments& arguments, const std::vector<Model>& models,
                                              const std::string& file);
// Writes --out if given; false after printing an error.
bool write_out(const Arguments& arguments, const Arrays& arrays, bool sample_axis = false,
               const std::set<std::string>& rows = {});
// The same to another file.
bool write_file(const std::string& file, const Arguments& arguments, const Arrays& arrays);

void print(const std::vector<Diagnostic>& diagnostics, const Arguments& arguments);
void usage_error(const std::string& text);
// Lists failed samples on standard error; the exit status that they ask for.
int report(const std::vector<SampleFailure>& failures);
void print_stages(const std::vector<TimedStage>& stages);

}  // namespace nodec::driver
