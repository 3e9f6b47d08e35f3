// `train`: fit the parameters; a progress line on a terminal, plain lines in a log.
#include <csignal>
#include <cstdio>
#include <iostream>

#include "compiler/driver/arguments.hpp"
#include "compiler/driver/json.hpp"
#include "compiler/driver/live.hpp"
#include "compiler/driver/reporter.hpp"

namespace nodec::driver {
namespace {

volatile std::sig_atomic_t interrupted = 0;
void interrupt(int signal) { interrupted = signal; }

// The first Ctrl-C (or SIGTERM) ends training after the step in hand, with everything saved; a second one
// ends the process.
void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

// "w.safetensors" -> "w.checkpoint", "w.last.safetensors".
struct Beside {
  std::string checkpoint, last;
  explicit Beside(const std::string& out) {
    const size_t slash = out.rfind('/'), dot = out.rfind('.');
    const bool extended = dot != std::string::npos && (slash == std::string::npos || dot > slash);
    const std::string stem = extended ? out.substr(0, dot) : out;
    checkpoint = stem + ".checkpoint";
    last = stem + ".last" + (extended ? out.substr(dot) : "");
  }
};

bool usable(const Arguments& arguments) {
  const auto refuse = [](const char* text) {
    usage_error(text);
    return false;
  };
  if (arguments.steps && arguments.epochs) return refuse("--steps and --epochs exclude each other");
  if (arguments.resume && arguments.out.empty())
    return refuse("--resume goes on from the checkpoint beside --out FILE, which is missing");
  if (arguments.validation_interval && arguments.validation.empty())
    return refuse("--val-interval needs --val FILE");
  if (!arguments.live.empty() && !arguments.live.ends_with(".svg") && !arguments.live.ends_with(".png"))
    return refuse("--live takes a picture, .svg or .png");
  if (!arguments.out.empty() && !arguments.out.ends_with(".safetensors") && !arguments.out.ends_with(".npz"))
    return refuse("--out takes weights as .safetensors or .npz");
  return true;
}

void print_json(const Training& training, const Arguments& arguments) {
  nlohmann::ordered_json out = {{"steps", training.steps},           {"resumed_at", training.resumed_at},
                                {"first_loss", training.first_loss}, {"last_loss", training.last_loss},
                                {"seconds", training.seconds},       {"cancelled", training.cancelled},
                                {"finished", training.finished},     {"stopped", training.stopped}};
  if (training.best_validation_loss) {
    out["best_validation_loss"] = *training.best_validation_loss;
    out["best_step"] = training.best_step;
  }
  out["diagnostics"] = to_json(arguments.said->diagnostics);
  std::cout << out.dump(2) << "\n";
}

void print_summary(const Training& training, const Arguments& arguments, const Beside& beside) {
  if (training.resumed_at > 0)
    std::printf("resumed at step %lld\n", static_cast<long long>(training.resumed_at));
  std::printf(
      "%lld steps in %.1f s (%.3f ms a step): mean loss %.6g over the first twentieth, %.6g over the last\n",
      static_cast<long long>(training.steps), training.seconds,
      1e3 * training.seconds / static_cast<double>(training.steps > 0 ? training.steps : 1),
      training.first_loss, training.last_loss);
  if (training.best_validation_loss)
    std::printf("lowest validation loss %.6g at step %lld\n", *training.best_validation_loss,
                static_cast<long long>(training.best_step));
  if (!training.finished.empty()) std::printf("finished: %s\n", training.finished.c_str());
  if (arguments.out.empty()) return;
  std::printf("weights: %s\n", arguments.out.c_str());
  if (training.best_validation_loss) std::printf("last weights: %s\n", beside.last.c_str());
}

}  // namespace

int train(const Arguments& arguments) {
  if (!usable(arguments)) return 2;
  const std::optional<std::vector<Model>> models = load_models(arguments);
  if (!models) return arguments.said->status;
  const std::optional<Arrays> weights = load_weights(arguments, *models);
  if (!weights) return arguments.said->status;
  const std::optional<std::vector<Dataset>> data = load_data(arguments, *models, arguments.data);
  if (!data) return arguments.said->status;
  std::optional<std::vector<Dataset>> validation;
  if (!arguments.validation.empty()) {
    validation = load_data(arguments, *models, arguments.validation);
    if (!validation) return arguments.said->status;
  }
  std::vector<TrainPart> parts;
  for (size_t m = 0; m < models->size(); ++m) {
    parts.push_back({(*models)[m], (*data)[m], {}});
    if (validation) parts.back().validation = (*validation)[m];
  }

  const Beside beside(arguments.out);
  TrainOptions options;
  options.steps = arguments.steps;
  options.epochs = arguments.epochs;
  options.batch = arguments.batch;
  options.validation_interval = arguments.validation_interval;
  if (!arguments.out.empty()) options.checkpoint = beside.checkpoint;
  options.checkpoint_seconds = arguments.checkpoint_seconds;
  options.resume = arguments.resume;
  options.log = arguments.log;
  Reporter reporter(arguments.quiet);
  std::optional<LivePicture> picture;
  if (!arguments.live.empty()) picture.emplace(arguments.live);
  options.progress = [&](const TrainProgress& p) {
    reporter.show(p);
    if (picture) picture->add(p.step, p.loss, p.validation_loss);
  };
  catch_interrupts();
  options.cancelled = [] { return interrupted != 0; };
  const Result<Training> training = train(parts, *weights, options);
  reporter.finish();
  const std::string not_drawn = picture ? picture->finish() : "";
  // The weights are worth more than the picture.
  if (!not_drawn.empty())
    std::cerr << "nodec: warning: --live " << arguments.live << ": " << not_drawn << "\n";
  print(training.diagnostics(), arguments);
  if (!training) return static_cast<int>(training.outcome());

  if (!write_out(arguments, training->weights)) return 1;
  if (!arguments.out.empty() && training->best_validation_loss &&
      !write_file(beside.last, arguments, training->last_weights))
    return 1;
  if (arguments.json)
    print_json(*training, arguments);
  else if (!arguments.quiet)
    print_summary(*training, arguments, beside);
  if (training->cancelled) {
    const std::string place = " at step " + std::to_string(training->steps);
    std::cerr << "nodec: interrupted" << place
              << (arguments.out.empty() ? "; with --out FILE it would have been saved\n"
                  : training->steps == 0
                      ? "; nothing was to be saved\n"
                      : "; the same command with --resume goes on from " + beside.checkpoint + "\n");
    // As shells report a process that a signal ended.
    return 128 + interrupted;
  }
  if (training->stopped.empty()) return 0;
  report(training->failures);
  std::cerr << "nodec: error: " << training->stopped << "\n";
  return static_cast<int>(Outcome::numerical_failure);
}

}  // namespace nodec::driver
