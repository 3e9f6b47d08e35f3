// The table of verbs: names, help, options.
#include <CLI/CLI.hpp>

#include "compiler/driver/arguments.hpp"
#include "compiler/driver/library.hpp"

namespace nodec::driver {
namespace {

void no_options(CLI::App&, Arguments&) {}

void data_options(CLI::App& app, Arguments& a) {
  app.add_option("--data", a.data,
                 "data: .npz, .npy, .safetensors or .csv; or NAME=FILE,NAME=FILE, a .npy or IDX file each "
                 "(IDX also compressed by gzip)")
      ->type_name("FILE")
      ->check(not_empty());
  app.add_option("--columns", a.columns, "which CSV columns make an array: y=hare,lynx; may be repeated")
      ->type_name("NAME=A,B")
      ->delimiter('\0');
  app.add_option("--weights", a.weights, "parameters: .safetensors or .npz (default: the initial ones)")
      ->type_name("FILE")
      ->check(not_empty());
}

void out_option(CLI::App& app, Arguments& a, const char* help) {
  app.add_option("--out", a.out, help)->type_name("FILE")->check(not_empty());
}

void compile_options(CLI::App& app, Arguments& a) {
  app.get_option("--precision")
      ->description("f32 or f64 (default f32; of obj, header and shared f64)")
      ->default_str("");
  CLI::Option* emit =
      app.add_option(
             "--emit", a.emit,
             "print a stage instead of the report: ast graph adjoint tile llvm asm; or write files for "
             "programs in C, which need no nodec: some of obj,header,shared")
          ->type_name("STAGE")
          ->check(OptionCheck(check_emit), "{ast,graph,adjoint,tile,llvm,asm,obj,header,shared}");
  app.add_option(
         "-o,--out", a.out,
         "the file that --emit writes; of obj, header and shared its beginning, to which .o, .h and .so "
         "are added")
      ->type_name("FILE")
      ->needs(emit)
      ->check(not_empty());
  app.add_option(
         "--cpu", a.processor,
         "of obj and shared, the processor: native (the default) or a name as x86-64-v3, which all have "
         "since 2015")
      ->type_name("CPU")
      ->needs(emit)
      ->check(not_empty());
  app.add_option("--shared", a.shared, "data that all samples of a call share, as t,x; may be repeated")
      ->type_name("NAME,NAME")
      ->needs(emit)
      ->delimiter(',');
  app.add_option(
         "--weights", a.weights,
         "parameters that obj and shared bring along: .safetensors or .npz (default: the initial ones)")
      ->type_name("FILE")
      ->needs(emit)
      ->check(not_empty());
  app.add_option("--emit-after", a.emit_after,
                 "print what a pass gives: parse elaborate derive schedule codegen jit")
      ->type_name("PASS")
      ->check(CLI::IsMember({"parse", "elaborate", "derive", "schedule", "codegen", "jit"}));
}

void derive_options(CLI::App& app, Arguments& a) {
  app.add_option("--format", a.notation, "text or latex (default text)")
      ->check(CLI::IsMember({"text", "latex"}))
      ->default_str("text");
  app.add_flag("--all", a.all, "every line of a long derivation");
}

void solve_values(CLI::App& app, Arguments& a) {
  app.add_option("--set", a.sets, "a state's initial value or an input: z=1,0; may be repeated")
      ->type_name("NAME=V,V")
      ->delimiter('\0');
  app.add_option("--from", a.from, "initial time (default 0)")
      ->type_name("T")
      ->check(finite_number(Sign::any));
  app.add_option("--to", a.to, "final time (default 1)")->type_name("T")->check(finite_number(Sign::any));
  app.add_option("--points", a.points, "number of equally spaced times, both ends included (default 100)")
      ->type_name("N")
      ->check(whole_number(2, int64_t{1} << 30));
}

void solve_options(CLI::App& app, Arguments& a) {
  app.add_option("FIELD", a.field, "the field to integrate")->required();
  solve_values(app, a);
  app.add_option("--weights", a.weights, "parameters: .safetensors or .npz (default: the initial ones)")
      ->type_name("FILE")
      ->check(not_empty());
  out_option(app, a,
             "the trajectory: .csv or .npz (default: CSV on standard output, unless there is a picture)");
  app.add_option("--plot", a.picture,
                 "a picture of it, .svg or .png: along time, and the phase plane where there are two state "
                 "elements; gnuplot draws it")
      ->type_name("FILE")
      ->check(not_empty());
}

void eval_options(CLI::App& app, Arguments& a) {
  data_options(app, a);
  out_option(app, a, "outputs and loss of each sample: .npz, .safetensors or .csv");
}

void grad_options(CLI::App& app, Arguments& a) {
  data_options(app, a);
  out_option(app, a, "arrays `loss`, `param:PATH` and `data:NAME`: .npz or .safetensors");
}

void gradcheck_options(CLI::App& app, Arguments& a) {
  data_options(app, a);
  app.add_option("--tolerance", a.tolerance, "largest relative error that passes (default 1e-6)")
      ->type_name("X")
      ->check(finite_number(Sign::not_negative));
  app.add_option("--elements", a.elements,
                 "at most this many elements of each array are perturbed (default 64)")
      ->type_name("N")
      ->check(whole_number(1, int64_t{1} << 40));
}

void train_options(CLI::App& app, Arguments& a) {
  data_options(app, a);
  app.add_option(
         "--val", a.validation,
         "validation data, as --data: loss and metrics after each epoch (or 100 steps, where `steps` are "
         "given and an epoch has fewer); `patience` in the train block ends the run by them")
      ->type_name("FILE")
      ->check(not_empty());
  app.add_option("--val-interval", a.validation_interval, "steps between validations, instead")
      ->type_name("N")
      ->check(whole_number(1, int64_t{1} << 40));
  out_option(
      app, a,
      "the trained parameters, W.safetensors or W.npz: with --val those of the lowest validation loss, "
      "and the last ones beside it in W.last.safetensors");
  app.add_flag(
      "--resume", a.resume,
      "go on from the checkpoint beside --out, W.checkpoint, to the bits of an uninterrupted run; start "
      "anew when there is none");
  app.add_option("--checkpoint-seconds", a.checkpoint_seconds,
                 "seconds between checkpoints (default 60); one is also written at the end and by Ctrl-C")
      ->type_name("X")
      ->check(finite_number(Sign::not_negative));
  app.add_option(
         "--log", a.log,
         "a CSV file with a row for each step: epoch, loss, metrics, gradient norm, validation, seconds")
      ->type_name("FILE")
      ->check(not_empty());
  app.add_option(
         "--live", a.live,
         "a picture of the losses so far, .svg or .png, drawn anew every few seconds; gnuplot draws it")
      ->type_name("FILE")
      ->check(not_empty());
  app.add_option("--steps", a.steps, "optimizer steps, instead of the model's `steps` or `epochs`")
      ->type_name("N")
      ->check(whole_number(0, int64_t{1} << 40));
  app.add_option("--epochs", a.epochs, "epochs, instead of the model's")
      ->type_name("N")
      ->check(whole_number(0, int64_t{1} << 40));
  app.add_option("--batch", a.batch,
                 "samples of a step, instead of the model's; more than there are draws them with replacement")
      ->type_name("N")
      ->check(whole_number(1, int64_t{1} << 40));
}

void bench_options(CLI::App& app, Arguments& a) {
  data_options(app, a);
  app.add_option("--batch", a.batch,
                 "samples of a run (default: those of the data, or 1024 random ones); more than there are "
                 "take them again")
      ->type_name("N")
      ->check(whole_number(1, int64_t{1} << 26));
  app.add_option("--seconds", a.seconds, "how long each model is measured (default 1)")
      ->type_name("X")
      ->check(finite_number(Sign::not_negative));
}

void plot_options(CLI::App& app, Arguments& a) {
  app.add_option(
      "FIELD", a.field,
      "a field: its trajectory from the values of --set, and the phase plane where it has two state "
      "elements. Without it, a model's outputs: along time beside the data, on a grid, or of many samples");
  solve_values(app, a);
  data_options(app, a);
  app.add_option("--sample", a.sample, "which sample's outputs along time (default 0)")
      ->type_name("K")
      ->check(whole_number(0, int64_t{1} << 31));
  app.add_option("--log", a.log, "the file of `train --log`: draw the losses")
      ->type_name("FILE")
      ->check(not_empty());
  app.add_option(
         "--grid", a.grids,
         "data that run over intervals, one or two numbers in all: x=-2:3,-1:1; the outputs over them "
         "are drawn as curves or as maps, of --points points along each (default 201); --set gives "
         "the other data; may be repeated")
      ->type_name("NAME=A:B,A:B")
      ->delimiter('\0')
      ->excludes("FIELD")
      ->excludes("--data")
      ->excludes("--log");
  out_option(app, a, "the picture: .svg or .png (default: the model file's name, .svg); gnuplot draws it");
}

void init_options(CLI::App& app, Arguments& a) {
  out_option(app, a, "the initial parameters: .safetensors or .npz");
}

void format_options(CLI::App& app, Arguments& a) {
  CLI::Option* check =
      app.add_flag("--check", a.check, "write nothing; name the file and exit with 1 where it would change");
  app.add_flag("--stdout", a.to_stdout, "print the text instead of replacing the file's")->excludes(check);
}

void repl_options(CLI::App& app, Arguments&) {
  app.get_option("FILE")->required(false)->description(
      "a .node file whose declarations the session begins with");
}

}  // namespace

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> table = {
      {"check", "parse and type-check a file", "nodec model.node check", "f64", no_options, check},
      {"compile",
       "compile to machine code and report what was derived and what it costs; or write an object file and "
       "its C "
       "header",
       "nodec model.node compile --time-passes\n  nodec model.node compile -o model --emit=obj,header,shared",
       "f32", compile_options, compile},
      {"derive",
       "the Jacobian, its trace and the adjoint dynamics of what a model solves, as mathematics, and what "
       "each "
       "costs",
       "nodec model.node derive --format=latex > appendix.tex", "f32", derive_options, derive},
      {"solve", "integrate a field from values given here",
       "nodec model.node solve lv --set x=1 --set y=1 --from 0 --to 10 --points 100 --out traj.csv", "f64",
       solve_options, solve},
      {"eval", "outputs, metrics and loss on data",
       "nodec model.node eval --data test.npz --weights weights.safetensors --out outputs.npz", "f32",
       eval_options, evaluate},
      {"grad", "the loss and its gradient with respect to parameters and data",
       "nodec model.node grad --data train.npz --out gradient.npz", "f64", grad_options, grad},
      {"gradcheck", "compare every gradient with central differences that replay the recorded steps",
       "nodec model.node gradcheck --data train.npz", "f64", gradcheck_options, gradcheck},
      {"train",
       "fit the parameters; `--model A,B` trains models in turn, a step of each, on the parameters they "
       "share",
       "nodec model.node train --data train.npz --val test.npz --out weights.safetensors --resume", "f32",
       train_options, train},
      {"bench",
       "what forward and gradient runs of every model cost here, as times and as shares of the machine's "
       "measured peak; on random data where none are given",
       "nodec model.node bench --batch 1024 -D T=100 --json", "f32", bench_options, bench},
      {"plot",
       "a picture of a trajectory, of outputs beside data, of densities, of functions of the data or of a "
       "training log",
       "nodec model.node plot --data train.npz --weights weights.safetensors --out fit.svg", "f64",
       plot_options, plot},
      {"init", "write the initial parameters", "nodec model.node init --seed 1 --out weights.safetensors",
       "f64", init_options, initialize},
      {"fmt", "bring a file into the canonical layout, in place", "nodec model.node fmt --check", "f64",
       format_options, format},
      {"repl",
       "a session: expressions are evaluated and shown, declarations are kept and can be changed; ':help' "
       "lists its "
       "commands",
       "nodec repl model.node", "f64", repl_options, repl},
  };
  return table;
}

}  // namespace nodec::driver
