// One optimizer step at a time.
#include "runtime/optimizers.hpp"

#include <algorithm>
#include <cmath>

namespace nodec::runtime {
namespace {

struct OptionRow {
  std::string_view name;
  double OptimizerOptions::*place;  // null: nesterov
  std::initializer_list<Method> methods;
};
constexpr std::initializer_list<Method> with_lr = {Method::sgd, Method::rmsprop, Method::adam, Method::adamw,
                                                   Method::lbfgs},
                                        with_momentum = {Method::sgd, Method::rmsprop},
                                        only_sgd = {Method::sgd}, only_rmsprop = {Method::rmsprop},
                                        adams = {Method::adam, Method::adamw},
                                        with_eps = {Method::rmsprop, Method::adam, Method::adamw},
                                        only_adamw = {Method::adamw}, only_lbfgs = {Method::lbfgs};
constexpr OptionRow option_rows[] = {
    {"lr", &OptimizerOptions::lr, with_lr},
    {"momentum", &OptimizerOptions::momentum, with_momentum},
    {"nesterov", nullptr, only_sgd},
    {"alpha", &OptimizerOptions::alpha, only_rmsprop},
    {"beta1", &OptimizerOptions::beta1, adams},
    {"beta2", &OptimizerOptions::beta2, adams},
    {"eps", &OptimizerOptions::eps, with_eps},
    {"weight_decay", &OptimizerOptions::weight_decay, only_adamw},
    {"history", &OptimizerOptions::history, only_lbfgs},
    {"line_search", &OptimizerOptions::line_search, only_lbfgs},
    {"gradient_tolerance", &OptimizerOptions::gradient_tolerance, only_lbfgs},
    {"loss_tolerance", &OptimizerOptions::loss_tolerance, only_lbfgs},
};

struct MethodRow {
  std::string_view name;
  Method method;
  double lr;
};
constexpr MethodRow method_rows[] = {{"sgd", Method::sgd, 1e-3},
                                     {"rmsprop", Method::rmsprop, 1e-2},
                                     {"adam", Method::adam, 1e-3},
                                     {"adamw", Method::adamw, 1e-3},
                                     {"lbfgs", Method::lbfgs, 1}};

bool takes(const OptionRow& row, Method method) {
  return std::find(row.methods.begin(), row.methods.end(), method) != row.methods.end();
}

// `flow.net` holds `flow.net` and `flow.net.out.W`, not `flow.network`.
bool holds(const std::string& prefix, const std::string& path) {
  return prefix.empty() ||
         (path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '.'));
}

struct Elements {
  const double* gradient;
  double* variables;
  double* first;
  double* second;
  int64_t count;
};

void sgd(const OptimizerOptions& o, const Elements& e) {
  for (int64_t i = 0; i < e.count; ++i) {
    const double g = e.gradient[i];
    e.first[i] = o.momentum * e.first[i] + g;
    e.variables[i] -= o.lr * (o.nesterov ? g + o.momentum * e.first[i] : e.first[i]);
  }
}

void rmsprop(const OptimizerOptions& o, const Elements& e) {
  for (int64_t i = 0; i < e.count; ++i) {
    const double g = e.gradient[i];
    e.second[i] = o.alpha * e.second[i] + (1 - o.alpha) * g * g;
    e.first[i] = o.momentum * e.first[i] + g / (std::sqrt(e.second[i]) + o.eps);
    e.variables[i] -= o.lr * e.first[i];
  }
}

void adam(const OptimizerOptions& o, const Elements& e, int64_t n) {
  const double first_correction = 1 - std::pow(o.beta1, static_cast<double>(n));
  const double second_correction = 1 - std::pow(o.beta2, static_cast<double>(n));
  for (int64_t i = 0; i < e.count; ++i) {
    const double g = e.gradient[i];
    e.first[i] = o.beta1 * e.first[i] + (1 - o.beta1) * g;
    e.second[i] = o.beta2 * e.second[i] + (1 - o.beta2) * g * g;
    const double mean = e.first[i] / first_correction, square = e.second[i] / second_correction;
    e.variables[i] -= o.lr * mean / (std::sqrt(square) + o.eps);
  }
}

}  // namespace

bool default_options(std::string_view method, OptimizerOptions& options) {
  options = OptimizerOptions{};
  for (const MethodRow& row : method_rows) {
    if (row.name != method) continue;
    options.method = row.method;
    options.lr = row.lr;
    return true;
  }
  return false;
}

bool set_option(OptimizerOptions& options, std::string_view name, double value) {
  for (const OptionRow& row : option_rows) {
    if (row.name != name || !takes(row, options.method)) continue;
    if (row.place) {
      options.*row.place = value;
    } else {
      options.nesterov = value != 0;
    }
    return true;
  }
  return false;
}

std::vector<std::string> option_names(Method method) {
  std::vector<std::string> names;
  for (const OptionRow& row : option_rows) {
    if (takes(row, method)) names.emplace_back(row.name);
  }
  return names;
}

std::vector<std::vector<ParameterRange>> group_parameters(const ParameterLayout& layout,
                                                          const std::vector<std::string>& paths,
                                                          const std::vector<std::string>& freeze) {
  std::vector<std::vector<ParameterRange>> groups(paths.size());
  for (const Parameter& parameter : layout) {
    const auto holds_it = [&](const std::string& prefix) { return holds(prefix, parameter.path); };
    if (std::any_of(freeze.begin(), freeze.end(), holds_it)) continue;
    size_t best = paths.size();
    for (size_t g = 0; g < paths.size(); ++g) {
      if (holds_it(paths[g]) && (best == paths.size() || paths[g].size() > paths[best].size())) best = g;
    }
    if (best < paths.size()) groups[best].push_back({parameter.offset, parameter.size});
  }
  return groups;
}

double clip_gradient(std::span<double> gradient, const std::vector<std::vector<ParameterRange>>& groups,
                     double limit) {
  // Scaled by the largest element, so that squares neither overflow nor vanish.
  double largest = 0;
  const auto each = [&](auto&& visit) {
    for (const std::vector<ParameterRange>& group : groups) {
      for (const ParameterRange& range : group) {
        for (double& g : gradient.subspan(static_cast<size_t>(range.offset), static_cast<size_t>(range.size)))
          visit(g);
      }
    }
  };
  each([&](double g) {
    largest = std::isnan(g) || std::isnan(largest) ? NAN : std::max(largest, std::fabs(g));
  });
  if (largest == 0 || !std::isfinite(largest)) return largest;
  double sum = 0;
  each([&](double g) { sum += g / largest * (g / largest); });
  const double norm = largest * std::sqrt(sum);
  if (limit > 0 && norm > limit) each([&](double& g) { g *= limit / norm; });
  return norm;
}

Optimizer::Optimizer(int64_t parameters, std::vector<std::vector<ParameterRange>> groups)
    : groups_(std::move(groups)) {
  state_.first.assign(static_cast<size_t>(parameters), 0);
  state_.second.assign(static_cast<size_t>(parameters), 0);
}

void Optimizer::restart() noexcept {
  state_.steps = 0;
  std::fill(state_.first.begin(), state_.first.end(), 0);
  std::fill(state_.second.begin(), state_.second.end(), 0);
}

void Optimizer::step(std::span<const OptimizerOptions> options, std::span<const double> gradient,
                     std::span<double> variables) {
  ++state_.steps;
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (const ParameterRange& range : groups_[g]) {
      const size_t offset = static_cast<size_t>(range.offset);
      const Elements elements{gradient.data() + offset, variables.data() + offset,
                              state_.first.data() + offset, state_.second.data() + offset, range.size};
      switch (options[g].method) {
        case Method::sgd:
          sgd(options[g], elements);
          break;
        case Method::rmsprop:
          rmsprop(options[g], elements);
          break;
        case Method::adamw:
          for (int64_t i = 0; i < range.size; ++i)
            elements.variables[i] -= options[g].lr * options[g].weight_decay * elements.variables[i];
          [[fallthrough]];
        case Method::adam:
          adam(options[g], elements, state_.steps);
          break;
        case Method::lbfgs:
          break;
      }
    }
  }
}

}  // namespace nodec::runtime
