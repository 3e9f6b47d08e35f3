// `train`: fit the parameters; a progress line on a terminal, plain lines in a log.
#include <csignal>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "compiler/driver/arguments.hpp"
#include "runtime/progress.hpp"

namespace nodec::driver {
namespace {

volatile std::sig_atomic_t interrupted = 0;
void interrupt(int) { interrupted = 1; }

}  // namespace

int train(const Arguments& arguments) {
  const std::optional<Model> model = load_model(arguments);
  if (!model) return 1;
  const std::optional<Arrays> weights = load_weights(arguments, *model);
  if (!weights) return 1;
  const std::optional<Dataset> data = load_data(arguments, *model);
  if (!data) return 1;
  if (arguments.steps && arguments.epochs) {
    usage_error("--steps and --epochs exclude each other");
    return 2;
  }
  TrainOptions options;
  options.steps = arguments.steps;
  options.epochs = arguments.epochs;
  options.batch = arguments.batch;
  std::optional<runtime::Progress> progress;
  double seconds = 0;
  options.progress = [&](const TrainProgress& p) {
    if (!progress)
      progress.emplace(
          runtime::Progress::standard_error(arguments.quiet), p.steps,
          [](std::string_view text) {
            std::fwrite(text.data(), 1, text.size(), stderr);
            std::fflush(stderr);
          },
          [&] { return seconds; });
    seconds = p.seconds;
    if (!progress->wants(p.step)) return;
    std::vector<std::pair<std::string, double>> values = {{"loss", p.loss}};
    values.insert(values.end(), p.metrics.begin(), p.metrics.end());
    progress->update(p.step, std::move(values));
  };
  // The first Ctrl-C ends training after the step in hand, with the weights written; a second one ends the
  // process.
  struct sigaction action {};
  action.sa_handler = interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  options.cancelled = [] { return interrupted != 0; };
  const Result<Training> training = model->train(*data, *weights, options);
  if (progress) progress->finish();
  print(training.diagnostics(), arguments);
  if (!training) return static_cast<int>(training.outcome());
  if (!write_out(arguments, training->weights)) return 1;
  if (arguments.json) {
    const nlohmann::ordered_json out = {{"steps", training->steps},
                                        {"first_loss", training->first_loss},
                                        {"last_loss", training->last_loss},
                                        {"seconds", training->seconds},
                                        {"cancelled", training->cancelled}};
    std::cout << out.dump(2) << "\n";
  } else if (!arguments.quiet) {
    std::printf(
        "%lld steps in %.1f s (%.3f ms a step): mean loss %.6g over the first twentieth, %.6g over the "
        "last\n",
        static_cast<long long>(training->steps), training->seconds,
        1e3 * training->seconds / static_cast<double>(training->steps > 0 ? training->steps : 1),
        training->first_loss, training->last_loss);
    if (training->cancelled) std::printf("stopped by an interrupt\n");
    if (!arguments.out.empty()) std::printf("weights: %s\n", arguments.out.c_str());
  }
  if (training->stopped.empty()) return 0;
  report(training->failures);
  std::cerr << "nodec: error: " << training->stopped << "\n";
  return static_cast<int>(Outcome::numerical_failure);
}

}  // namespace nodec::driver
